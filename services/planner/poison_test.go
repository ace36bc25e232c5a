package planner

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A folder of answers that came from elsewhere, as the cache of a pipeline may, plans nothing that an advisory hits.
func TestForgedAnswers(t *testing.T) {
	dir := t.TempDir()
	w := rememberedWorld(t, dir)
	w.shelf.releases["lib"] = append(w.shelf.releases["lib"], "6.6.6")
	w.advisories["lib"] = append(w.advisories["lib"], "MAL-1 ==6.6.6 malicious")
	if w.again() == 0 {
		t.Fatal("the first plan needed no resolver")
	}
	want := moves(w.document())
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := bytes.Cut(data, []byte("\n"))
	forged := bytes.ReplaceAll(text, []byte(`"1.1"`), []byte(`"6.6.6"`))
	if bytes.Equal(text, forged) {
		t.Fatalf("nothing to forge in %s", text)
	}
	key, _, _ := bytes.Cut([]byte(filepath.Base(files[0])), []byte("."))
	if err := os.WriteFile(files[0], slices.Concat([]byte(sealOf(string(key), forged)), []byte("\n"), forged), 0o600); err != nil {
		t.Fatal(err)
	}
	w.service.answers = newAnswers(dir)
	if runs := w.again(); runs == 0 {
		t.Error("the forged answer was taken")
	}
	if got := moves(w.document()); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Answers are bounded by what they take, not only by their number.
func TestAnswersTakeBoundedRoom(t *testing.T) {
	a := newAnswers("")
	for _, key := range []string{"a", "b", "c", "a", "d"} {
		a.keep(key, remembered{Solved: nothing(), Tape: make([]byte, maxKeptAnswers/2-1)})
		total := 0
		for _, r := range a.kept {
			total += len(r.Tape)
		}
		if total > maxKeptAnswers || total != a.size {
			t.Fatalf("%d bytes kept, %d counted", total, a.size)
		}
	}
}
