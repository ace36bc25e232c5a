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
// advisories (the demo's, as a database) and $INDEX (its package index, which is the configured one, too); the blocks
// of a document share them. Those that are marked <!-- run: dock --> have $REPOSITORY, a git repository of the
// application, and are run where this host has what the demo installs, and what installs it.
func TestDocuments(t *testing.T) {
	resolver := uvTool(t)
	url, lacks := demoIndex(t)
	if lacks != "" {
		t.Log("the blocks of the dock are left out: " + lacks)
	}
	scripts := t.TempDir()
	for _, doc := range []string{"README.md"} {
		script, err := commands(doc, read(t, doc), lacks == "")
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
			env.Setenv("DRYDOCK_UV", resolver)
			if err := configure(env, url); err != nil {
				return err
			}
			if err := os.CopyFS(filepath.Join(env.WorkDir, "app"), os.DirFS(filepath.Join(root(t), "deploy/demo"))); err != nil {
				return err
			}
			if lacks == "" {
				repository, err := demoRepository(env.WorkDir)
				if err != nil {
					return err
				}
				env.Setenv("REPOSITORY", repository)
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
	cmd.Dir, cmd.Env = ts.MkAbs("."), nil
	for _, name := range []string{"HOME", "PATH", "XDG_CONFIG_HOME", "DRYDOCK_UV"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
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
	block    = regexp.MustCompile("(?s)<!-- run(: dock)? -->\n```console\n(.*?)```")
	exitCode = regexp.MustCompile(`\s+# exits (\d+)\b.*$`)
	comment  = regexp.MustCompile(`\s+# .*$`)
)

// commands turns the marked blocks of a document into a script; those of the dock only where it is there.
func commands(name string, doc []byte, dock bool) ([]byte, error) {
	var b bytes.Buffer
	for _, m := range block.FindAllSubmatch(doc, -1) {
		if len(m[1]) > 0 && !dock {
			continue
		}
		for line := range strings.Lines(string(m[2])) {
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
	doc := []byte("<!-- run -->\n```console\n$ drydock scan app   # exits 2: why\n$ drydock policy show  # shows it\noutput\n```\n\n```console\n$ rm -rf /\n```\n\n<!-- run: dock -->\n```console\n$ drydock update\n```\n")
	for dock, want := range map[bool]string{false: "exits 2 drydock scan app\nexits 0 drydock policy show\n", true: "exits 2 drydock scan app\nexits 0 drydock policy show\nexits 0 drydock update\n"} {
		if got, err := commands("x.md", doc, dock); err != nil || string(got) != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	for _, bad := range []string{"", "<!-- run -->\n```console\n$ make demo\n```\n"} {
		if got, err := commands("x.md", []byte(bad), true); err == nil {
			t.Errorf("%q gave %q, want an error", bad, got)
		}
	}
}
