package artifact

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// ErrUnknown reports an artifact that a store does not hold.
var ErrUnknown = errors.New("no such artifact is kept here")

// ErrChanged reports an artifact whose files are not those that were sealed.
var ErrChanged = errors.New("not what was sealed")

// Store keeps artifacts in a folder, each once, by digest, read-only. Its layout is
//
//	<dir>/<sha256 hex>/manifest.json
//	<dir>/<sha256 hex>/files/…
//	<dir>/lock                        held for a moment by who puts in again, or collects
//	<dir>/.new-…                      being put in, with a lock beside it; what a crash left is removed by Collect
//
// Whoever can write there decides what runs: the folder is for its owner alone.
type Store struct {
	dir string

	mu    sync.Mutex
	rooms map[string]*Claimed // given out by this store
}

// OpenStore opens a store, and makes it where it is missing.
func OpenStore(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the store of artifacts: %w", err)
	}
	return &Store{dir: dir, rooms: map[string]*Claimed{}}, nil
}

// Room is a new folder beside the artifacts, on the same file system, for building what is then put in by Put, or
// given up by Leave.
func (s *Store) Room() (string, error) {
	c, err := Claim(s.dir, roomPrefix)
	if err != nil {
		return "", fmt.Errorf("make room for an artifact: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rooms[c.Dir] = c
	return c.Dir, nil
}

const roomPrefix = ".new-"

// Leave gives up a folder that Room gave out, with all that is in it. One that was put in is no error.
func (s *Store) Leave(room string) error {
	s.mu.Lock()
	c := s.rooms[room]
	delete(s.rooms, room)
	s.mu.Unlock()
	if c == nil {
		return nil
	}
	return c.Leave()
}

// Put seals a folder that Room gave out and takes it in. m says what the artifact is; its entries are filled in.
// What is there already by that digest stays where every file is as it was sealed, and the folder goes away: the same
// thing built twice is kept once. Where it is not, what a disk lost or somebody changed, it is put in anew.
func (s *Store) Put(ctx context.Context, room string, m *Manifest, outside Outside) (digest string, err error) {
	if filepath.Dir(room) != filepath.Clean(s.dir) || !strings.HasPrefix(filepath.Base(room), roomPrefix) {
		return "", fmt.Errorf("put in an artifact: %s was not given out by this store", room)
	}
	m.Schema = Schema
	if m.Entries, err = Scan(ctx, room, outside); err != nil {
		return "", err
	}
	data, digest, err := m.Encode()
	if err != nil {
		return "", err
	}
	if there, err := s.again(ctx, digest); err != nil {
		return "", err
	} else if there {
		return digest, s.Leave(room)
	}
	if err := protect(room); err != nil {
		return "", fmt.Errorf("make the artifact read-only: %w", err)
	}
	whole, err := s.Room()
	if err != nil {
		return "", err
	}
	defer func() {
		_ = s.Leave(whole) // Collect takes what stays
		if err == nil {
			_ = s.Leave(room)
		}
	}()
	if err := os.WriteFile(filepath.Join(whole, "manifest.json"), data, 0o444); err != nil {
		return "", fmt.Errorf("write the manifest: %w", err)
	}
	// A folder that may not be written to can't be renamed on every system: its own mode comes last.
	if err := os.Chmod(room, 0o700); err != nil {
		return "", fmt.Errorf("take the artifact in: %w", err)
	}
	if err := os.Rename(room, filepath.Join(whole, "files")); err != nil {
		return "", fmt.Errorf("take the artifact in: %w", err)
	}
	if err := os.Chmod(filepath.Join(whole, "files"), 0o555); err != nil {
		return "", fmt.Errorf("take the artifact in: %w", err)
	}
	for {
		err := os.Rename(whole, s.place(digest))
		if err == nil {
			return digest, nil
		}
		if there, aerr := s.again(ctx, digest); there { // somebody else was quicker with the same
			return digest, nil
		} else if aerr != nil || !errors.Is(err, fs.ErrExist) { // if it was there, it was spoilt or collected meanwhile
			return "", fmt.Errorf("take the artifact in: %w", errors.Join(err, aerr))
		}
	}
}

// again says whether an artifact is there, whole, and from now on young (Uses). One that is not whole is taken away.
func (s *Store) again(ctx context.Context, digest string) (there bool, err error) {
	err = s.alone(func() error { // against a collector that has just found it old
		return os.Chtimes(s.place(digest), time.Time{}, time.Now())
	})
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		_, err = s.Verify(ctx, digest)
	}
	if spoilt(err) { // once more, alone: somebody else may have put it in anew meanwhile
		_, err = s.takeAway(digest, func(string) bool { _, err := s.Verify(ctx, digest); return !spoilt(err) })
		return false, err
	}
	if err != nil {
		return false, fmt.Errorf("look at what is kept: %w", err)
	}
	return true, nil
}

// spoilt says whether an error of Verify is about the artifact, and not about the attempt to look at it.
func spoilt(err error) bool {
	return errors.Is(err, ErrChanged) || errors.Is(err, ErrManifest) || errors.Is(err, ErrUnknown)
}

// takeAway removes an artifact that nobody keeps, out of sight first: nobody opens half of one.
func (s *Store) takeAway(digest string, keep func(digest string) bool) (removed bool, err error) {
	gone, err := s.Room()
	if err != nil {
		return false, err
	}
	err = s.alone(func() error {
		if keep(digest) {
			return nil
		}
		err := os.Rename(s.place(digest), filepath.Join(gone, "gone"))
		if removed = err == nil; errors.Is(err, fs.ErrNotExist) {
			err = nil // somebody else did
		}
		return err
	})
	return removed, errors.Join(err, s.Leave(gone))
}

// alone does something while no other process that uses this store does such a thing.
func (s *Store) alone(do func() error) error {
	lock := flock.New(filepath.Join(s.dir, lockName))
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("lock the store of artifacts: %w", err)
	}
	return errors.Join(do(), lock.Close())
}

// lockName is never removed: whoever waits for it must wait for the same file.
const lockName = "lock"

// Open reads the manifest of an artifact and says where its files are. The files are not looked at: see Verify.
func (s *Store) Open(digest string) (m *Manifest, files string, err error) {
	if !digestForm.MatchString(digest) {
		return nil, "", fmt.Errorf("open artifact %q: want sha256: and 64 hex digits", digest)
	}
	data, err := os.ReadFile(filepath.Join(s.place(digest), "manifest.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("open artifact %s: %w", digest, ErrUnknown)
	}
	if err != nil {
		return nil, "", fmt.Errorf("open artifact %s: %w", digest, err)
	}
	if m, err = Decode(data, digest); err != nil {
		return nil, "", err
	}
	return m, filepath.Join(s.place(digest), "files"), nil
}

// Verify opens an artifact and holds every file to its manifest. An error that wraps ErrChanged names the first
// things that differ.
func (s *Store) Verify(ctx context.Context, digest string) (files string, err error) {
	m, files, err := s.Open(digest)
	if err != nil {
		return "", err
	}
	changes, err := Verify(ctx, files, m)
	if slices.ContainsFunc(unsealed, func(e error) bool { return errors.Is(err, e) }) {
		err = fmt.Errorf("%w: %w", err, ErrChanged)
	}
	if err != nil {
		return "", fmt.Errorf("verify artifact %s: %w", digest, err)
	}
	if len(changes) > 0 {
		var told []string
		for _, c := range changes[:min(3, len(changes))] {
			told = append(told, c.String())
		}
		if n := len(changes) - len(told); n > 0 {
			told = append(told, fmt.Sprintf("and %d more", n))
		}
		return "", fmt.Errorf("verify artifact %s: %s: %w", digest, strings.Join(told, "; "), ErrChanged)
	}
	return files, nil
}

// List names the artifacts, by digest.
func (s *Store) List() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list the artifacts: %w", err)
	}
	var out []string
	for _, e := range entries {
		if d := "sha256:" + e.Name(); digestForm.MatchString(d) {
			out = append(out, d)
		}
	}
	slices.Sort(out)
	return out, nil
}

// Collect removes the artifacts that nobody keeps, and what processes that are gone left behind; what nobody ever
// locked goes after a day. keep is asked for each; the caller keeps what runs, what soaks and what was last verified.
func (s *Store) Collect(keep func(digest string) bool, now time.Time) (removed []string, err error) {
	all, err := s.List()
	if err != nil {
		return nil, fmt.Errorf("collect artifacts: %w", err)
	}
	errs := []error{Sweep(s.dir, roomPrefix, now)}
	for _, digest := range all {
		if keep(digest) { // and once more, alone
			continue
		}
		gone, err := s.takeAway(digest, keep)
		errs = append(errs, err)
		if gone {
			removed = append(removed, digest)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return removed, fmt.Errorf("collect artifacts: %w", err)
	}
	return removed, nil
}

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (s *Store) place(digest string) string {
	return filepath.Join(s.dir, strings.TrimPrefix(digest, "sha256:"))
}

// protect takes away every right to write, the execute bit stays.
func protect(dir string) error {
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Type() == fs.ModeSymlink {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o444)
		if d.IsDir() || info.Mode().Perm()&0o111 != 0 {
			mode = 0o555
		}
		return os.Chmod(p, mode)
	})
}

// Remove removes a folder that may be read-only.
func Remove(dir string) error {
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(p, 0o700)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", filepath.Base(dir), err)
	}
	return os.RemoveAll(dir)
}
