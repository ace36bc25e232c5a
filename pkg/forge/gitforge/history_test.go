package gitforge

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/forge"
)

// raw makes a commit on main of a tree with one file more, that says to have been made at a time.
func (p *person) raw(t *testing.T, name, text string, at time.Time) string {
	t.Helper()
	parent := git(t, p.bare, "rev-parse", "refs/heads/main")
	lines := strings.Split(git(t, p.bare, "ls-tree", "refs/heads/main"), "\n")
	lines = append(lines[:len(lines):len(lines)], "100644 blob "+p.blob(t, text)+"\t"+name)
	seen := map[string]string{}
	for _, l := range lines {
		_, file, _ := strings.Cut(l, "\t")
		seen[file] = l
	}
	var all []string
	for _, l := range seen {
		all = append(all, l)
	}
	tree, err := gitTry(p.bare, []byte(strings.Join(all, "\n")+"\n"), "mktree")
	if err != nil {
		t.Fatal(err)
	}
	who := fmt.Sprintf("Ana <ana@bank.example> %d +0000", at.Unix())
	id, err := gitTry(p.bare, fmt.Appendf(nil, "tree %s\nparent %s\nauthor %s\ncommitter %s\n\nm\n", tree, parent, who, who), "hash-object", "-t", "commit", "-w", "--stdin")
	if err != nil {
		t.Fatal(err)
	}
	git(t, p.bare, "update-ref", "refs/heads/main", id)
	return id
}

func mergedBy(t *testing.T, f *Forge, commit string, want forge.Merge) {
	t.Helper()
	if got, err := f.Merged(t.Context(), commit); err != nil || got != want {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

// A long history is not fetched to see what was merged since, even from a host that can't leave files out.
func TestLongHistory(t *testing.T) {
	p := started(t)
	year := time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC)
	noise := make([]byte, 1<<20)
	for i := range 8 { // 8 MB that are in no later commit
		_, _ = rand.Read(noise)
		p.raw(t, "noise.bin", string(noise), year.AddDate(0, 0, i))
	}
	p.raw(t, "noise.bin", "small\n", year.AddDate(0, 0, 9))
	p.raw(t, "a.txt", "first\n", someDay.AddDate(0, 0, -3))
	f := open(t, "file://"+p.bare, func(c *Config) { c.Limits.Fetch = 4 << 20 })
	first, err := f.Propose(t.Context(), fix(t, f))
	if err != nil {
		t.Fatal(err)
	}
	next := p.raw(t, "a.txt", "second\n", someDay)
	mergedBy(t, f, first.Commit, forge.Merge{Base: next})
	by := p.raw(t, "requirements.txt", "flask==2.2.5\n", someDay) // squashed
	mergedBy(t, f, first.Commit, forge.Merge{How: forge.Content, By: by, Base: by})
	last := p.raw(t, "b.txt", "third\n", someDay.AddDate(0, 1, 0))
	mergedBy(t, f.again(t), first.Commit, forge.Merge{How: forge.Content, By: last, Base: last})
}

// A younger proposal is looked for first, then an older one, whose time is not in the cache yet.
func TestHistoryDeepens(t *testing.T) {
	p := started(t)
	f := open(t, "file://"+p.bare)
	var commits, by []string
	for i, at := range []time.Time{someDay, someDay.AddDate(0, 4, 0), someDay.AddDate(0, 8, 0)} {
		p.raw(t, "a.txt", strconv.Itoa(i), at)
		prop := fix(t, f)
		prop.Branch, prop.Date = fmt.Sprintf("fix-%d", i), at
		prop.Files[0].Data = fmt.Appendf(nil, "flask==2.2.%d\n", i+3)
		got, err := f.Propose(t.Context(), prop)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.FastForward(t.Context(), got.Commit, prop.Base); err != nil {
			t.Fatal(err)
		}
		commits, by = append(commits, got.Commit), append(by, got.Commit)
	}
	top := p.raw(t, "b.txt", "top\n", someDay.AddDate(0, 9, 0))
	other := f.again(t)
	for _, i := range []int{2, 0, 1, 2} {
		mergedBy(t, other, commits[i], forge.Merge{How: forge.Contained, By: by[i], Base: top, SameTree: true})
	}
	if data, err := os.ReadFile(filepath.Join(other.history.dir, "since")); err != nil || string(data) == "0" {
		t.Errorf("all of the history was fetched: %s, %v", data, err)
	}
}

// Clocks that are a year behind: nothing is as young as it should be, so everything is looked at.
func TestHistoryClocks(t *testing.T) {
	p := started(t)
	p.raw(t, "a.txt", "first\n", someDay)
	f := open(t, "file://"+p.bare)
	got, err := f.Propose(t.Context(), fix(t, f))
	if err != nil {
		t.Fatal(err)
	}
	git(t, p.bare, "update-ref", "refs/heads/main", got.Commit)
	by := p.raw(t, "b.txt", "second\n", someDay.AddDate(-1, 0, 0))
	want := forge.Merge{How: forge.Contained, By: got.Commit, Base: by, SameTree: true}
	mergedBy(t, f, got.Commit, want)
	mergedBy(t, f, got.Commit, want)
}
