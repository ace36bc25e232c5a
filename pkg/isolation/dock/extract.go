package dock

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
)

// targets are the folders that results go to, in their order.
type targets []*target

// openTargets makes them, before anything runs.
func openTargets(results []Copy) (targets, error) {
	var ts targets
	for _, c := range results {
		t, err := openTarget(c)
		if err != nil {
			ts.close(true)
			return nil, err
		}
		ts = append(ts, t)
	}
	return ts, nil
}

// close lets the folders go; after a failure nothing stays of what was made.
func (ts targets) close(failed bool) {
	for _, t := range ts {
		t.close(failed)
	}
}

// extract writes what comes in r to where it is wanted. It trusts nothing in r: limits are counted again,
// and no name or link leads out of a target.
func (ts targets) extract(r io.Reader) error {
	if len(ts) == 0 {
		return nil
	}
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return &Error{Kind: BadResult, Text: "read what comes out of the box", Cause: err}
		}
		number, name, _ := strings.Cut(path.Clean(h.Name), "/")
		i, err := strconv.Atoi(number)
		if err != nil || i < 0 || i >= len(ts) || name == "" {
			return &Error{Kind: BadResult, Text: fmt.Sprintf("read what comes out of the box: no result has the name %q", h.Name)}
		}
		if err := ts[i].put(name, h, t); err != nil {
			return &Error{Kind: BadResult, Text: fmt.Sprintf("bring out %s to %s", ts[i].From, ts[i].To), Cause: err}
		}
	}
}

// target is one of them.
type target struct {
	Copy
	root  *os.Root
	last  lastFolder
	made  bool
	bytes int64
	files int
}

func openTarget(c Copy) (*target, error) {
	t := &target{Copy: c}
	err := os.Mkdir(c.To, 0o755)
	t.made = err == nil
	if err != nil && !errors.Is(err, os.ErrExist) {
		return nil, &Error{Kind: BadCommand, Text: "make a folder for results", Cause: err}
	}
	if t.root, err = os.OpenRoot(c.To); err != nil {
		return nil, &Error{Kind: BadCommand, Text: "open the folder for results", Cause: err}
	}
	if entries, err := os.ReadDir(c.To); err != nil || len(entries) > 0 {
		t.close(false)
		return nil, &Error{Kind: BadCommand, Text: fmt.Sprintf("results to %s: it is not empty", c.To), Cause: err}
	}
	return t, nil
}

func (t *target) put(name string, h *tar.Header, r io.Reader) error {
	t.files++
	t.bytes += max(h.Size, 0)
	if t.bytes > t.Bytes || t.files > t.Files || h.Size < 0 {
		return fmt.Errorf("more than %d bytes or %d files", t.Bytes, t.Files)
	}
	in, base, err := t.last.of(t.root, name)
	if err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return in.Mkdir(base, 0o755)
	case tar.TypeSymlink:
		return in.Symlink(h.Linkname, base)
	case tar.TypeReg:
	default:
		return fmt.Errorf("%s is of a kind that is not brought out", name)
	}
	f, err := in.OpenFile(base, os.O_WRONLY|os.O_CREATE|os.O_EXCL, os.FileMode(0o644|h.Mode&0o111))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// lastFolder keeps the folder open that was used last: what comes out comes folder by folder, and a root walks down
// from its top for every name. Nothing but who holds the root moves anything beneath it meanwhile.
type lastFolder struct {
	dir string
	in  *os.Root
}

// of is the folder of a name beneath a root, and its name in there.
func (l *lastFolder) of(root *os.Root, name string) (in *os.Root, base string, err error) {
	dir, base := path.Split(name)
	if dir == "" {
		return root, base, nil
	}
	if l.in == nil || l.dir != dir {
		l.close()
		if l.in, err = root.OpenRoot(path.Clean(dir)); err != nil {
			return nil, "", err
		}
		l.dir = dir
	}
	return l.in, base, nil
}

func (l *lastFolder) close() {
	if l.in != nil {
		_ = l.in.Close() // only a way to what lies in it
		l.in = nil
	}
}

// close lets the folder go; after a failure nothing of the results stays.
func (t *target) close(failed bool) {
	if t.root == nil {
		return
	}
	t.last.close()
	_ = t.root.Close()
	if !failed {
		return
	}
	if t.made {
		_ = os.RemoveAll(t.To)
		return
	}
	entries, _ := os.ReadDir(t.To)
	for _, e := range entries {
		_ = os.RemoveAll(path.Join(t.To, e.Name()))
	}
}
