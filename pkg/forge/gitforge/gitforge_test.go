package gitforge

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/forge"
	"github.com/drydock-dev/drydock/pkg/forge/forgetest"
)

func TestMain(m *testing.M) {
	fullDiskMain()
	os.Exit(m.Run())
}

// person is somebody with a clone of a bare repository.
type person struct {
	bare, clone string
}

// git runs the host's git as a person would, but with no configuration of the machine's.
func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	out, err := gitTry(dir, nil, args...)
	if err != nil {
		t.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return out
}

func gitTry(dir string, in []byte, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Stdin = bytes.NewReader(in)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.DevNull, "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Ana", "GIT_AUTHOR_EMAIL=ana@bank.example", "GIT_COMMITTER_NAME=Ana", "GIT_COMMITTER_EMAIL=ana@bank.example",
		"GIT_AUTHOR_DATE=1790000000 +0000", "GIT_COMMITTER_DATE=1790000000 +0000", "GIT_ALLOW_PROTOCOL=file"}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, errs.String())
	}
	return strings.TrimSpace(string(out)), err
}

func newPerson(t testing.TB, format string) *person {
	t.Helper()
	dir := t.TempDir()
	p := &person{bare: filepath.Join(dir, "payments.git"), clone: filepath.Join(dir, "clone")}
	git(t, dir, "init", "-q", "--bare", "-b", "main", "--object-format="+format, p.bare)
	git(t, dir, "init", "-q", "-b", "main", "--object-format="+format, p.clone)
	git(t, p.clone, "remote", "add", "origin", p.bare)
	return p
}

// begin makes the first commit.
func (p *person) begin(t testing.TB) {
	t.Helper()
	writeFiles(t, p.clone, forgetest.First)
	if err := os.Chmod(filepath.Join(p.clone, "bin/run"), 0o755); err != nil {
		t.Fatal(err)
	}
	p.save(t)
	git(t, p.clone, "push", "-q", "origin", "main")
}

func writeFiles(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if info, err := os.Stat(file); err == nil {
			mode = info.Mode()
		}
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
}

func (p *person) save(t testing.TB) string {
	t.Helper()
	git(t, p.clone, "add", "-A")
	git(t, p.clone, "commit", "-q", "--allow-empty", "-m", "by hand")
	return git(t, p.clone, "rev-parse", "HEAD")
}

func (p *person) Commit(t *testing.T, branch string, files map[string]string) string {
	t.Helper()
	from := "origin/main"
	git(t, p.clone, "fetch", "-q", "--prune", "origin")
	if _, err := gitTry(p.clone, nil, "rev-parse", "--verify", "-q", "origin/"+branch); err == nil {
		from = "origin/" + branch
	}
	git(t, p.clone, "checkout", "-q", "-B", branch, from)
	writeFiles(t, p.clone, files)
	id := p.save(t)
	git(t, p.clone, "push", "-q", "origin", branch)
	return id
}

func (p *person) Merge(t *testing.T, branch, how string) string {
	t.Helper()
	git(t, p.clone, "fetch", "-q", "--prune", "origin")
	git(t, p.clone, "checkout", "-q", "-B", "main", "origin/main")
	switch how {
	case "merge":
		git(t, p.clone, "merge", "-q", "--no-ff", "-m", "Merge", "origin/"+branch)
	case "fast-forward":
		git(t, p.clone, "merge", "-q", "--ff-only", "origin/"+branch)
	case "squash":
		git(t, p.clone, "merge", "-q", "--squash", "origin/"+branch)
		git(t, p.clone, "commit", "-q", "-m", "Squashed")
	}
	git(t, p.clone, "push", "-q", "origin", "main")
	return git(t, p.clone, "rev-parse", "HEAD")
}

func (p *person) Delete(t *testing.T, branch string) {
	t.Helper()
	git(t, p.clone, "push", "-q", "origin", ":refs/heads/"+branch)
}

func (p *person) Show(t *testing.T, branch string) forgetest.Shown {
	t.Helper()
	ref := "refs/heads/" + branch
	if _, err := gitTry(p.bare, nil, "rev-parse", "--verify", "-q", ref); err != nil {
		return forgetest.Shown{}
	}
	parts := strings.SplitN(git(t, p.bare, "log", "-1", "--format=%H%n%P%n%an <%ae>%n%cn <%ce>%n%aI%n%B", ref), "\n", 6)
	s := forgetest.Shown{Commit: parts[0], Parent: parts[1], Author: parts[2], Committer: parts[3], Message: parts[5], Files: map[string]string{}}
	s.Date, _ = time.Parse(time.RFC3339, parts[4])
	for line := range strings.SplitSeq(git(t, p.bare, "ls-tree", "-r", ref), "\n") {
		what, name, _ := strings.Cut(line, "\t")
		if mode := strings.Fields(what)[0]; (name == "bin/run") != (mode == "100755") && !strings.HasPrefix(mode, "1[26]") {
			t.Errorf("%s has mode %s", name, mode)
		}
		cmd := exec.Command("git", "cat-file", "blob", ref+":"+name)
		cmd.Dir = p.bare
		data, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		s.Files[name] = string(data)
	}
	return s
}

func (p *person) Protect(t *testing.T, prefix string) {
	t.Helper()
	p.hook(t, "update", `case "$1" in "refs/heads/`+prefix+`"*) echo "branches $1 are protected by the bank" >&2; exit 1;; esac`)
}

func (p *person) hook(t testing.TB, name, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(p.bare, "hooks"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.bare, "hooks", name), []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// commitTree makes a commit on top of main out of lines of mktree, and pushes it to main.
func (p *person) commitTree(t testing.TB, lines ...string) string {
	t.Helper()
	id, err := p.tryTree(lines...)
	if err != nil {
		t.Fatal(err)
	}
	git(t, p.bare, "update-ref", "refs/heads/main", id)
	return id
}

func (p *person) tryTree(lines ...string) (string, error) {
	tree, err := gitTry(p.bare, []byte(strings.Join(lines, "\x00")+"\x00"), "mktree", "-z")
	if err != nil {
		return "", err
	}
	return gitTry(p.bare, nil, "commit-tree", "-p", "refs/heads/main", "-m", "by hand", tree)
}

func (p *person) blob(t testing.TB, text string) string {
	t.Helper()
	id, err := gitTry(p.bare, []byte(text), "hash-object", "-w", "--stdin")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// open makes the adapter for a remote, with a cache of its own.
func open(t testing.TB, url string, change ...func(*Config)) *Forge {
	t.Helper()
	c := Config{Remote: url, Dir: filepath.Join(t.TempDir(), "forge")}
	for _, fn := range change {
		fn(&c)
	}
	f, err := New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func started(t testing.TB) *person {
	t.Helper()
	p := newPerson(t, "sha1")
	p.begin(t)
	return p
}

func TestContract(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			forgetest.Run(t, func(t *testing.T) forgetest.World {
				t.Parallel()
				p := newPerson(t, format)
				p.begin(t)
				return forgetest.World{Forge: open(t, "file://"+p.bare), Person: p,
					Another: func(t *testing.T) forge.Forge { return open(t, "file://"+p.bare) }}
			})
		})
	}
}

var (
	ana     = forge.Person{Name: "Ana", Email: "ana@bank.example"}
	someDay = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
)

func seen(p forge.Proposed) forge.Lease {
	return forge.Lease{Commits: []string{p.Commit}, Seen: true}
}

// fix proposes a change to the base as it is.
func fix(t testing.TB, f *Forge) forge.Proposal {
	t.Helper()
	base, err := f.Base(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return forge.Proposal{Branch: "fix", Base: base.Commit, Message: "m", Author: ana, Date: someDay,
		Files: []forge.File{{Path: "requirements.txt", Data: []byte("flask==2.2.5\n")}}}
}

func wantKind(t testing.TB, err, kind error) *forge.Error {
	t.Helper()
	var e *forge.Error
	if !errors.As(err, &e) || !errors.Is(err, kind) {
		t.Fatalf("got %v, want %q", err, kind)
	}
	t.Log(err)
	return e
}

func writeProgram(t testing.TB, file, body string) {
	t.Helper()
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}
