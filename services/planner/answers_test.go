package planner

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/index"
)

var (
	rememberedFiles = map[string]string{"requirements.txt": "lib==1.0\ndep==1.0\nunasked==1.0\ngone==1.0\n"}
	rememberedDB    = func() advisories { return advisories{"lib": {"CVE-1 <1.1 low"}} }
	rememberedShelf = func() map[string][]string {
		return map[string][]string{"lib": {"1.1 needs=dep>=1.0"}, "dep": {"1.0", "1.1 at=2026-11-20"}, "unasked": {"1.0"}}
	}
)

func rememberedWorld(t *testing.T, dir string) *world {
	t.Helper()
	return newWorld(t, Config{Python: "3.11", Answers: dir}, rememberedDB(), rememberedShelf())
}

// again plans the application once more, as another event, and says how often the resolver ran.
func (w *world) again() (runs int) {
	w.t.Helper()
	before := w.uv.runs
	w.plan(w.scan(rememberedFiles))
	return w.uv.runs - before
}

func TestAnswersAreRemembered(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(w *world)
		calls  bool
	}{
		{"nothing", func(*world) {}, false},
		{"an hour", func(w *world) { w.now = w.now.Add(time.Hour) }, false},
		{"the page of what moves", func(w *world) { w.shelf.releases["lib"] = append(w.shelf.releases["lib"], "1.2") }, true},
		{"the page of what stays", func(w *world) { w.shelf.releases["dep"] = append(w.shelf.releases["dep"], "1.2") }, true},
		{"a page that was not there", func(w *world) { w.shelf.releases["gone"] = []string{"1.0"} }, true},
		{"a page that is there no more", func(w *world) { delete(w.shelf.releases, "dep") }, true},
		{"the advisories", func(w *world) { w.digest = "sha256:others" }, true},
		{"the cooldown", func(w *world) { w.policy = policyOf(w.t, "rules: {other-finding: {cooldown: 48h}}") }, true},
		{"the name of the policy alone", func(w *world) { w.policy = policyOf(w.t, "lists: {framework: [django]}") }, false},
		{"the class", func(w *world) { w.policy = policyOf(w.t, "lists: {framework: [lib]}") }, true},
		{"a release is old enough", func(w *world) { w.now = w.now.Add(6 * 24 * time.Hour) }, true},
		{"the clock goes back", func(w *world) { w.now = w.now.Add(-time.Hour) }, true},
		{"the target", func(w *world) { w.options.Python = "3.12" }, true},
		{"the index is away", func(w *world) { w.shelf.down = true }, false},
	} {
		for _, store := range []string{"memory", "disk"} {
			t.Run(tc.name+" in "+store, func(t *testing.T) {
				dir := ""
				if store == "disk" {
					dir = t.TempDir()
				}
				w := rememberedWorld(t, dir)
				if w.again() == 0 {
					t.Fatal("the first plan needed no resolver")
				}
				if store == "disk" { // another process
					w.service.answers = newAnswers(dir)
				}
				tc.change(w)
				if runs := w.again(); (runs > 0) != tc.calls {
					t.Errorf("the resolver ran %d times", runs)
				}
				if tc.name != "the index is away" {
					w.recomputes(w.document())
				}
			})
		}
	}
}

// A file that a disk, a crash or an older program left in the folder is no answer.
func TestSpoiltAnswersAreIgnored(t *testing.T) {
	for name, spoil := range map[string]func(text []byte) []byte{
		"empty":         func([]byte) []byte { return nil },
		"null":          func([]byte) []byte { return []byte("null") },
		"empty object":  func([]byte) []byte { return []byte("{}") },
		"truncated":     func(b []byte) []byte { return b[:len(b)/2] },
		"another move":  func(b []byte) []byte { return []byte(strings.Replace(string(b), `"To":"1.1"`, `"To":"6.6"`, 1)) },
		"of another":    func(b []byte) []byte { return append([]byte("sha256:0000"), b[11:]...) },
		"without seal":  func(b []byte) []byte { return b[strings.IndexByte(string(b), '\n')+1:] },
		"a tape broken": func(b []byte) []byte { b[len(b)-20] ^= 1; return b },
	} {
		dir := t.TempDir()
		w := rememberedWorld(t, dir)
		w.again()
		files, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil || len(files) != 1 {
			t.Fatalf("%v, %v", files, err)
		}
		text, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		after := spoil([]byte(string(text)))
		if string(after) == string(text) {
			t.Fatalf("%s: nothing is spoilt", name)
		}
		if err := os.WriteFile(files[0], after, 0o600); err != nil {
			t.Fatal(err)
		}
		w.service.answers = newAnswers(dir)
		if runs := w.again(); runs == 0 || moves(w.document()) != "regular lib 1.0>1.1" {
			t.Errorf("%s: %d runs, %s", name, runs, moves(w.document()))
		}
		w.service.answers = newAnswers(dir) // and it was written anew
		if runs := w.again(); runs != 0 {
			t.Errorf("%s: %d runs afterwards", name, runs)
		}
	}
}

// An answer of a run without a log has nothing to be made again from: one with a log makes its own.
func TestAnswersWithoutATape(t *testing.T) {
	dir := t.TempDir()
	once := rememberedWorld(t, dir)
	once.service.cfg.Provisional = true
	if once.again() == 0 {
		t.Fatal("the first plan needed no resolver")
	}
	if once.again() != 0 {
		t.Error("not remembered for the next run without a log")
	}
	w := rememberedWorld(t, dir)
	if w.again() == 0 {
		t.Error("a plan rests on an answer without a tape")
	}
	w.recomputes(w.document())
	once.service.answers = newAnswers(dir)
	if once.again() != 0 {
		t.Error("the answer with a tape is none for the run without a log")
	}
}

// A folder that can't be written, or is none, costs nothing but time.
func TestAnswersWithoutAFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w := rememberedWorld(t, file)
	w.again()
	if got := moves(w.document()); got != "regular lib 1.0>1.1" {
		t.Errorf("%q", got)
	}
}

// What an index that is away left open is not remembered, whether it concerns a finding or not.
func TestOpenAnswersAreNotRemembered(t *testing.T) {
	for _, name := range []string{"lib", "dep", "unasked", "gone"} {
		for _, full := range []bool{false, true} {
			w := rememberedWorld(t, "")
			w.options.Full = full
			w.shelf.broken = map[string]error{name: index.ErrUnreachable}
			w.again()
			w.shelf.broken = nil
			if w.again() == 0 {
				t.Errorf("%s (full %v): the answer made while it was away is remembered", name, full)
			}
			if w.again() != 0 {
				t.Errorf("%s (full %v): the answer made afterwards is not", name, full)
			}
		}
	}
}

// Processes that share a folder disturb one another in nothing, nor do goroutines.
func TestAnswersInTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			a := newAnswers(dir)
			for n := range 40 {
				key := fmt.Sprintf("%064d", n%5)
				a.keep(key, remembered{Solved: solved{Made: start, Pages: map[string]string{}, Fates: map[string]fate{"lib": {Kind: fateMoves, Detail: fmt.Sprint(n % 5)}}}, Tape: []byte(key)})
				b := newAnswers(dir)
				if r, ok := b.find(context.Background(), key, &shelf{}, start); !ok || r.Solved.Fates["lib"].Detail != fmt.Sprint(n%5) {
					t.Errorf("%d/%d: %v %+v", i, n, ok, r.Solved)
				}
			}
		})
	}
	wg.Wait()
	left, err := filepath.Glob(filepath.Join(dir, ".new-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// The folder does not grow without end.
func TestAnswersMakeRoom(t *testing.T) {
	a := newAnswers(t.TempDir())
	for i := range maxAnswers + 20 {
		a.keep(fmt.Sprintf("%064d", i), remembered{Solved: nothing()})
	}
	files, err := filepath.Glob(filepath.Join(a.dir, "*.json"))
	if err != nil || len(files) != maxAnswers {
		t.Errorf("%d files, %v", len(files), err)
	}
	if len(a.kept) > maxAnswers {
		t.Errorf("%d in memory", len(a.kept))
	}
}
