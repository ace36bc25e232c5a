package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strings"
	"sync"
	"unicode/utf8"
)

// Errors of what can't be sealed.
var (
	ErrSpecial = errors.New("neither a file, a link nor a folder")
	ErrMode    = errors.New("set-user-id, set-group-id and sticky bits can't be sealed")
	ErrEscapes = errors.New("a link that leads out of the artifact")
	ErrTooBig  = errors.New("larger than an artifact may be")
	ErrName    = errors.New("a name or the target of a link that is no UTF-8 can't be sealed")
)

var errMoving = errors.New("something still writes here")

// unsealed are what Scan says of a folder that no sealed one can be.
var unsealed = []error{ErrSpecial, ErrMode, ErrEscapes, ErrTooBig, ErrName, errMoving, fs.ErrPermission, fs.ErrNotExist}

// Outside are places out of the root that links may lead to: the interpreter of an environment. Each is an
// absolute path, taken as it is written in the link.
type Outside []string

// Scan lists everything beneath a folder, by path, with the digests of all files, several at a time. No link is
// followed. It is for folders that nothing writes to any more; a file that changes while it is read is an error
// of Verify later, not of Scan.
func Scan(ctx context.Context, dir string, outside Outside) ([]Entry, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", dir, err)
	}
	defer func() { _ = root.Close() }() // only read
	entries, err := list(ctx, root, outside)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", dir, err)
	}
	if err := digest(ctx, root, entries); err != nil {
		return nil, fmt.Errorf("seal %s: %w", dir, err)
	}
	return entries, nil
}

// Verify compares a folder with its manifest.
func Verify(ctx context.Context, dir string, m *Manifest) ([]Change, error) {
	found, err := Scan(ctx, dir, m.outside())
	if err != nil {
		return nil, err
	}
	return Compare(m.Entries, found), nil
}

// outside are the absolute targets the manifest itself has: what was sealed may stay, nothing else may come.
func (m *Manifest) outside() Outside {
	var out Outside
	for _, e := range m.Entries {
		if e.Kind == Link && path.IsAbs(e.Target) {
			out = append(out, e.Target)
		}
	}
	return out
}

func list(ctx context.Context, root *os.Root, outside Outside) ([]Entry, error) {
	var entries []Entry
	var size int64
	err := fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if p == "." {
			return nil
		}
		e, err := describe(root, p, outside)
		if err != nil {
			return err
		}
		size += e.Size
		if len(entries) >= maxEntries || size > maxBytes {
			return fmt.Errorf("%s: more than %d entries or %d bytes: %w", p, maxEntries, int64(maxBytes), ErrTooBig)
		}
		entries = append(entries, e)
		return nil
	})
	sortEntries(entries)
	return entries, err
}

func describe(root *os.Root, p string, outside Outside) (Entry, error) {
	info, err := root.Lstat(p)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Path: p}
	mode := info.Mode()
	if !utf8.ValidString(p) { // a manifest would hold another one
		return e, fmt.Errorf("%q: %w", p, ErrName)
	}
	if mode&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky) != 0 && mode.Type() != fs.ModeSymlink {
		return e, fmt.Errorf("%s: %w", p, ErrMode)
	}
	switch mode.Type() {
	case 0:
		e.Kind, e.Size = File, info.Size()
		if mode.Perm()&0o111 != 0 {
			e.Kind = Executable
		}
	case fs.ModeDir:
		e.Kind = Folder
	case fs.ModeSymlink:
		e.Kind = Link
		if e.Target, err = root.Readlink(p); err != nil {
			return e, err
		}
		if !utf8.ValidString(e.Target) {
			return e, fmt.Errorf("%s: leads to %q: %w", p, e.Target, ErrName)
		}
		if !stays(p, e.Target, outside) {
			return e, fmt.Errorf("%s: leads to %q: %w", p, e.Target, ErrEscapes)
		}
	default:
		return e, fmt.Errorf("%s: %s: %w", p, mode.Type(), ErrSpecial)
	}
	return e, nil
}

// stays reports whether a link leads to something beneath the root by its text alone, or to one of the places
// out of it that are allowed.
func stays(at, target string, outside Outside) bool {
	if path.IsAbs(target) {
		for _, o := range outside {
			if target == o {
				return true
			}
		}
		return false
	}
	to := path.Join(path.Dir(at), target)
	return to != ".." && !strings.HasPrefix(to, "../")
}

// digest reads all files, as many at a time as there are processors.
func digest(ctx context.Context, root *os.Root, entries []Entry) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range max(2, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			buffer := make([]byte, 256<<10)
			for i := range next {
				sum, err := hash(root, entries[i], buffer)
				if err != nil {
					cancel(err)
					continue
				}
				entries[i].Digest = sum
			}
		})
	}
	for i := range entries {
		if entries[i].Kind != File && entries[i].Kind != Executable {
			continue
		}
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

func hash(root *os.Root, e Entry, buffer []byte) (string, error) {
	f, err := root.Open(e.Path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read
	h := sha256.New()
	n, err := io.CopyBuffer(onlyWriter{h}, onlyReader{f}, buffer)
	if err != nil {
		return "", fmt.Errorf("%s: %w", e.Path, err)
	}
	if n != e.Size {
		return "", fmt.Errorf("%s: it was written to while it was read (%d bytes, then %d): %w", e.Path, e.Size, n, errMoving)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// Without these io.CopyBuffer would take ways of its own and leave the buffer unused.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)
