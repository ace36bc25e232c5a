package artifact

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/quick"
	"time"
)

// spoil are the ways that something sealed can be spoilt.
var spoil = map[string]func(files string) error{
	"content":         func(f string) error { return os.WriteFile(f+"/bin/run", []byte("#!/bin/sx"), 0o755) },
	"half of it":      func(f string) error { return os.Truncate(f+"/bin/run", 3) },
	"a mode bit":      func(f string) error { return os.Chmod(f+"/bin/run", 0o444) },
	"set-user-ID":     func(f string) error { return os.Chmod(f+"/bin/run", 0o555|fs.ModeSetuid) },
	"a link's target": func(f string) error { return errors.Join(os.Remove(f+"/lib/lib64"), os.Symlink("..", f+"/lib/lib64")) },
	"a link out": func(f string) error {
		return errors.Join(os.Remove(f+"/lib/lib64"), os.Symlink("/etc", f+"/lib/lib64"))
	},
	"the interpreter": func(f string) error {
		return errors.Join(os.Remove(f+"/bin/python"), os.Symlink("/bin/sh", f+"/bin/python"))
	},
	"one more file":   func(f string) error { return os.WriteFile(f+"/lib/site/x.pth", nil, 0o444) },
	"one more folder": func(f string) error { return os.Mkdir(f+"/lib/empty", 0o755) },
	"a name in bytes": func(f string) error { return os.WriteFile(f+"/lib/\xff", nil, 0o444) },
	"an empty folder": func(f string) error { return os.Remove(f + "/share") },
	"an empty file":   func(f string) error { return os.Remove(f + "/lib/site/empty.py") },
	"a folder by a link": func(f string) error {
		return errors.Join(os.Rename(f+"/lib/site", f+"/lib/sita"), os.Symlink("sita", f+"/lib/site"))
	},
	"all of it":    func(f string) error { return Remove(f) },
	"the manifest": func(f string) error { return os.WriteFile(f+"/../manifest.json", []byte("{}"), 0o444) },
	"no manifest":  func(f string) error { return os.Remove(f + "/../manifest.json") },
}

// Whatever was spoilt is noticed, is never given out for what was sealed, and what is sealed again is whole.
func TestSpoiltIsSealedAnew(t *testing.T) {
	for what, change := range spoil {
		s := open(t)
		digest := seal(t, s, environment...)
		files := filepath.Join(s.place(digest), "files")
		err := filepath.WalkDir(s.place(digest), func(p string, d fs.DirEntry, err error) error {
			if err == nil && d.Type() != fs.ModeSymlink {
				err = os.Chmod(p, 0o755&^(0o111*fs.FileMode(b2i(!d.IsDir() && d.Name() != "run"))))
			}
			return err
		})
		if err := errors.Join(err, change(files)); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if _, err := s.Verify(t.Context(), digest); !errors.Is(err, ErrChanged) && !errors.Is(err, ErrManifest) && !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", what, err)
		}
		if again := seal(t, s, environment...); again != digest {
			t.Errorf("%s: sealed again it is %s", what, again)
		}
		if _, err := s.Verify(t.Context(), digest); err != nil {
			t.Errorf("%s: sealed again: %v", what, err)
		}
		if left := names(t, s.dir); len(left) != 2 {
			t.Errorf("%s: left %v", what, left)
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Several seal what was spoilt at once, each as another process would: none takes away what another has put in anew.
func TestSpoiltIsSealedAnewAtOnce(t *testing.T) {
	s := open(t)
	for range 20 {
		digest := seal(t, s, environment...)
		if err := errors.Join(os.Chmod(s.place(digest), 0o700), os.Remove(filepath.Join(s.place(digest), "manifest.json"))); err != nil {
			t.Fatal(err)
		}
		var sealers sync.WaitGroup
		for range 4 {
			sealers.Go(func() {
				o, err := OpenStore(s.dir)
				if err != nil {
					t.Error(err)
					return
				}
				room, err := o.Room()
				if err != nil {
					t.Error(err)
					return
				}
				tree(t, room, environment...)
				m := &Manifest{Application: "payments", Source: Source{Revision: "abc"}}
				if got, err := o.Put(t.Context(), room, m, Outside{"/usr/bin/python3"}); err != nil || got != digest {
					t.Errorf("sealed again it is %s, %v", got, err)
				}
				if _, err := o.Verify(t.Context(), digest); err != nil {
					t.Error(err)
				}
			})
		}
		sealers.Wait()
	}
	if left := names(t, s.dir); len(left) != 2 {
		t.Errorf("left %v", left)
	}
}

// What can't be read by its owner any more is changed, too.
func TestShutIsChanged(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads everything")
	}
	s := open(t)
	digest := seal(t, s, environment...)
	if err := os.Chmod(filepath.Join(s.place(digest), "files", "bin", "run"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Verify(t.Context(), digest); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
}

// A name that JSON can't hold would be another one in the manifest.
func TestNamesAreText(t *testing.T) {
	for _, line := range []string{"caf\xe9.py=1", "link -> caf\xe9"} {
		if _, err := Scan(t.Context(), tree(t, t.TempDir(), line), nil); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// Whatever else is used, and whenever: what runs, soaks, was last verified or is open stays, and what was validated or
// put in within the day.
func TestKeepNeverTakesWhatIsUsed(t *testing.T) {
	reasons := []string{Runs, Soaks, Verified, Open, Validated, Lies, "is on display"}
	holds := func(picks []uint32, last int8, age uint16) bool {
		rule := Rule{LastValidated: int(last), MinAge: time.Duration(age) * time.Minute}
		var uses []Use
		for _, p := range picks {
			uses = append(uses, Use{Artifact: fmt.Sprint("a", p%7), Application: fmt.Sprint("app", p/7%3), Why: reasons[p/21%7], At: noon.Add(-time.Duration(p/147%5000) * time.Minute)})
		}
		kept := Keep(uses, noon, rule)
		for _, u := range uses {
			must := u.Why != Validated && u.Why != Lies || age > 0 && noon.Sub(u.At) < rule.MinAge
			if _, ok := kept[u.Artifact]; must && !ok {
				return false
			}
		}
		return true
	}
	if err := quick.Check(holds, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

// A second process collects while this one seals what is old and unused again and again: what was given out is there.
func TestCollectorInAnotherProcess(t *testing.T) {
	s := open(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "DRYDOCK_TEST_COLLECT="+s.dir)
	var said strings.Builder
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	old := time.Now().Add(-48 * time.Hour)
	for n, gone := 0, 0; gone < 20; n++ {
		select {
		case err := <-ended:
			t.Fatalf("the collector ended early: %v: %s", err, &said)
		default:
		}
		digest := seal(t, s, environment...)
		if _, err := s.Verify(t.Context(), digest); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(s.place(digest), old, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		for range n % 16 { // the collector comes at any moment of the next round
			if _, _, err := s.Open(digest); err != nil {
				gone++
				break
			}
		}
	}
	_ = in.Close()
	if err := <-ended; err != nil {
		t.Errorf("the collector: %v: %s", err, &said)
	}
	if left := slices.DeleteFunc(names(t, s.dir), func(n string) bool { return n == lockName || len(n) == 64 }); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// collectFor collects until in ends.
func collectFor(dir string, ended <-chan struct{}) error {
	s, err := OpenStore(dir)
	for err == nil {
		_, _, err = s.Unused(nil, time.Now(), Rule{})
		select {
		case <-ended:
			return err
		default:
		}
	}
	return err
}
