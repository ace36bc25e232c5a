package gitforge

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/forge"
)

const hello = "ce013625030ba8dba906f756967f9e9ca394464a" // the blob "hello\n"

// Trees that no git would make. fsck, which looks at all that comes in, refuses most; this package would too.
func TestHostileTrees(t *testing.T) {
	tests := []struct {
		name  string
		lines []string // of mktree, without its checks: raw entries
		want  error
	}{
		{"climbs", []string{"100644 ..", "100644 x"}, forge.ErrContent},
		{"slash", []string{"100644 ../../x"}, forge.ErrContent},
		{"git", []string{"100644 .git"}, forge.ErrContent},
		{"git on macOS", []string{"100644 .g\u200cit"}, forge.ErrContent},
		{"git on Windows", []string{"100644 git~1"}, forge.ErrContent},
		{"twice", []string{"100644 a", "100644 a"}, forge.ErrContent},
		{"link and folder", []string{"120000 a", "40000 a"}, forge.ErrContent},
		{"bad url of a submodule", []string{"100644 .gitmodules"}, forge.ErrContent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := started(t)
			text := "hello\n"
			if tt.name == "bad url of a submodule" {
				text = "[submodule \"x\"]\n\tpath = x\n\turl = --upload-pack=touch /tmp/x\n"
			}
			var raw []byte
			for _, line := range tt.lines {
				id := unhex(p.blob(t, text))
				if strings.HasPrefix(line, "40000") {
					id = unhex(git(t, p.bare, "rev-parse", "refs/heads/main:src"))
				}
				raw = append(append(append(raw, line...), 0), id...)
			}
			tree, err := gitTry(p.bare, raw, "hash-object", "-t", "tree", "-w", "--literally", "--stdin")
			if err != nil {
				t.Fatal(err)
			}
			id := git(t, p.bare, "commit-tree", "-p", "refs/heads/main", "-m", "hostile", tree)
			git(t, p.bare, "update-ref", "refs/heads/main", id)
			dir := filepath.Join(t.TempDir(), "a", "b")
			if err := os.Mkdir(filepath.Dir(dir), 0o700); err != nil {
				t.Fatal(err)
			}
			_, err = open(t, "file://"+p.bare).Checkout(t.Context(), id, dir)
			wantKind(t, err, tt.want)
			if left, _ := os.ReadDir(filepath.Dir(dir)); len(left) > 0 {
				t.Errorf("left %v", left)
			}
		})
	}
}

func unhex(id string) []byte {
	var raw []byte
	_, _ = fmt.Sscanf(id, "%x", &raw)
	return raw
}

// The same without fsck before it.
func TestPlace(t *testing.T) {
	for _, paths := range [][]string{{"../x"}, {"a/../../x"}, {"/x"}, {"a//x"}, {"."}, {""}, {".git/config"}, {"a/.GIT/x"}, {"a/.git. /x"}, {".git::$INDEX_ALLOCATION/x"},
		{"a", "a"}, {"a", "a/b"}, {"a/b", "a"}, {`..\x`}, {strings.Repeat("a/", 2000) + "a"}, {strings.Repeat("a", 300)}, {"a\x00b"}} {
		kinds := map[string]bool{}
		var err error
		for _, name := range paths {
			err = errors.Join(err, place(kinds, name))
		}
		if err == nil {
			t.Errorf("%q is taken", paths)
		}
	}
	kinds := map[string]bool{}
	for _, name := range []string{"a/b/c", "a/b/d", "a/..x", ".github/x", ".gitignore", ".gitmodules", "a b", "ä", "-x", "git~10", "c\\d"} {
		if err := place(kinds, name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestLeadsOut(t *testing.T) {
	links := map[string]string{
		"in": "src/x", "a/b/up": "../../x", "abs": "/etc/passwd", "out": "../x", "a/out": "../../x",
		"a/b/c/top": "../../..", "through": "a/b/c/top/..", "within": "a/b/c/top/src", "loop": "loop", "ping": "pong", "pong": "ping/x",
		"toabs": "abs", "after": "abs/../..", "self": ".", "dangling": "nowhere/x", "there": "src/../../x", "in2": "./src/./../x//y",
	}
	out := map[string]bool{"abs": true, "out": true, "a/out": true, "through": true, "toabs": true, "after": true, "there": true}
	for name := range links {
		if got := leadsOut(name, links); got != out[name] {
			t.Errorf("%s -> %s leads out: %v", name, links[name], got)
		}
	}
}

func TestLinks(t *testing.T) {
	p := started(t)
	for name, target := range map[string]string{"in": "src/payments", "out": "../../secret", "abs": "/etc/passwd", "deep": "src/payments/top/..", "src/payments/top": "../.."} {
		if err := os.Symlink(target, filepath.Join(p.clone, name)); err != nil {
			t.Fatal(err)
		}
	}
	writeFiles(t, p.clone, map[string]string{"Readme.md": "other", "lib/a": "1", "Lib/b": "2"})
	id := p.save(t)
	git(t, p.clone, "push", "-q", "origin", "main")
	dir := t.TempDir()
	tree, err := open(t, "file://"+p.bare).Checkout(t.Context(), id, dir)
	if err != nil {
		t.Fatal(err)
	}
	want := "[{abs " + forge.LinkOut + ": /etc/passwd} {deep " + forge.LinkOut + ": src/payments/top/..} {out " + forge.LinkOut + ": ../../secret}] " +
		"[{Readme.md " + forge.SameButCase + ": README.md} {lib/a " + forge.SameButCase + ": Lib}]"
	if got := fmt.Sprint(tree.Left, " ", tree.Kept); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if to, err := os.Readlink(filepath.Join(dir, "in")); err != nil || to != "src/payments" {
		t.Errorf("link in is %q, %v", to, err)
	}
	for _, name := range []string{"out", "abs", "deep"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s was written", name)
		}
	}
}

// A link in the base is not written through, nor replaced by a proposal.
func TestProposeLink(t *testing.T) {
	p := started(t)
	if err := os.Symlink("/etc/passwd", filepath.Join(p.clone, "link.txt")); err != nil {
		t.Fatal(err)
	}
	p.save(t)
	git(t, p.clone, "push", "-q", "origin", "main")
	f := open(t, "file://"+p.bare)
	prop := fix(t, f)
	prop.Files[0].Path = "link.txt"
	_, err := f.Propose(t.Context(), prop)
	wantKind(t, err, forge.ErrInput)
}

// A few objects that stand for ten thousand million files.
func TestTreeBomb(t *testing.T) {
	p := started(t)
	line := "100644 blob " + p.blob(t, "hello\n")
	for range 10 {
		var lines []string
		for i := range 10 {
			lines = append(lines, fmt.Sprintf("%s\tf%d", line, i))
		}
		tree, err := gitTry(p.bare, []byte(strings.Join(lines, "\n")+"\n"), "mktree")
		if err != nil {
			t.Fatal(err)
		}
		line = "040000 tree " + tree
	}
	id := p.commitTree(t, line+"\tbomb", "100644 blob "+hello+"\trequirements.txt")
	f := open(t, "file://"+p.bare, func(c *Config) { c.Limits.Files = 5000 })
	dir := filepath.Join(t.TempDir(), "tree")
	_, err := f.Checkout(t.Context(), id, dir)
	wantKind(t, err, forge.ErrTooLarge)
	if _, err := os.Lstat(dir); err == nil {
		t.Error("something was written")
	}
	if _, err := f.Propose(t.Context(), fix(t, f)); err != nil {
		t.Error(err) // what is not looked at does no harm
	}
}

func TestTooLarge(t *testing.T) {
	p := started(t)
	id := p.Commit(t, "main", map[string]string{"data/big.bin": strings.Repeat("0123456789abcdef", 1<<16), "data/small.bin": "x"})
	tests := []struct {
		name   string
		limits Limits
		want   string
	}{
		{"file", Limits{File: 1 << 19}, `"data/big.bin" has more than 524288 bytes`},
		{"bytes", Limits{Bytes: 1 << 19}, "more than 524288 bytes of files"},
		{"files", Limits{Files: 3}, "more than 3 files"},
	}
	for _, filter := range []string{"true", "false"} {
		git(t, p.bare, "config", "uploadpack.allowFilter", filter)
		for _, tt := range tests {
			t.Run(tt.name+" filter "+filter, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "tree")
				_, err := open(t, "file://"+p.bare, func(c *Config) { c.Limits = tt.limits }).Checkout(t.Context(), id, dir)
				if e := wantKind(t, err, forge.ErrTooLarge); !strings.Contains(e.Error(), tt.want) || e.Advice == "" {
					t.Errorf("%v: want %q", e, tt.want)
				}
				if _, err := os.Lstat(dir); err == nil {
					t.Error("something was written")
				}
			})
		}
	}
}
