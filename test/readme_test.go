package test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/drydock-dev/drydock/deploy/demo/frozen"
)

// TestDocuments runs the commands of the documents' blocks that are marked <!-- run -->. A comment behind a
// command says its exit code ("# exits 2: …"); without one it is 0. A block has app (the demo application),
// advisories (the demo's, as a database) and $INDEX (its package index); the blocks of a document share them.
func TestDocuments(t *testing.T) {
	url, stop, err := frozen.Serve(filepath.Join(root(t), "deploy/demo/index"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop) // the scripts run in parallel, after this function
	scripts := t.TempDir()
	for _, doc := range []string{"README.md"} {
		script, err := commands(doc, read(t, doc))
		if err != nil {
			t.Fatal(err)
		}
		name := strings.NewReplacer("/", "-", ".md", ".txtar").Replace(doc)
		if err := os.WriteFile(filepath.Join(scripts, name), script, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	bin := programs(t)
	testscript.Run(t, testscript.Params{
		Dir: scripts,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			env.Setenv("INDEX", url)
			env.Setenv("HOME", env.WorkDir)
			if err := os.CopyFS(filepath.Join(env.WorkDir, "app"), os.DirFS(filepath.Join(root(t), "deploy/demo"))); err != nil {
				return err
			}
			return frozen.Pack(filepath.Join(root(t), "deploy/demo/advisories"), filepath.Join(env.WorkDir, "advisories", "PyPI", "all.zip"))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits runs a command that must end with a code: exits 2 drydock scan …
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	path := filepath.Join(strings.Split(ts.Getenv("PATH"), string(os.PathListSeparator))[0], args[1])
	cmd := exec.Command(path, args[2:]...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), []string{"HOME=" + ts.Getenv("HOME"), "PATH=" + ts.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	ts.Logf("%s", out)
	if err != nil && cmd.ProcessState == nil {
		ts.Fatalf("run %s: %v", path, err)
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("exit %d, the document says %d", got, want)
	}
}

var (
	block    = regexp.MustCompile("(?s)<!-- run -->\n```console\n(.*?)```")
	exitCode = regexp.MustCompile(`\s+# exits (\d+)\b.*$`)
	comment  = regexp.MustCompile(`\s+# .*$`)
)

// commands turns the marked blocks of a document into a script.
func commands(name string, doc []byte) ([]byte, error) {
	var b bytes.Buffer
	for _, m := range block.FindAllSubmatch(doc, -1) {
		for line := range strings.Lines(string(m[1])) {
			cmd, ok := strings.CutPrefix(strings.TrimSpace(line), "$ ")
			if !ok {
				continue
			}
			code := "0"
			if c := exitCode.FindStringSubmatch(cmd); c != nil {
				code = c[1]
			}
			cmd = comment.ReplaceAllString(cmd, "")
			if !strings.HasPrefix(cmd, "drydock ") {
				return nil, fmt.Errorf("%s: %q is marked to be run and is no drydock command", name, cmd)
			}
			fmt.Fprintf(&b, "exits %s %s\n", code, cmd)
		}
	}
	if b.Len() == 0 {
		return nil, fmt.Errorf("%s has no command that is marked to be run", name)
	}
	return b.Bytes(), nil
}

func TestCommands(t *testing.T) {
	got, err := commands("x.md", []byte("<!-- run -->\n```console\n$ drydock scan app   # exits 2: why\n$ drydock policy show  # shows it\noutput\n```\n\n```console\n$ rm -rf /\n```\n"))
	if want := "exits 2 drydock scan app\nexits 0 drydock policy show\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	for _, bad := range []string{"", "<!-- run -->\n```console\n$ make demo\n```\n"} {
		if got, err := commands("x.md", []byte(bad)); err == nil {
			t.Errorf("%q gave %q, want an error", bad, got)
		}
	}
}
