package pybuild

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func lookup() []string { return filepath.SplitList(os.Getenv("PATH")) }

func script(t *testing.T, dir, name, text string) string {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.WriteFile(p, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestFind(t *testing.T) {
	any, err := Find(t.Context(), "", Search{Path: lookup()})
	if err != nil {
		t.Skip(err)
	}
	if !filepath.IsAbs(any.Path) || !isELF(any.Path) || !fullVersion.MatchString(any.Version) || !strings.HasPrefix(any.Digest, "sha256:") {
		t.Errorf("%+v", any)
	}
	for _, want := range []string{minorOf(any.Version), any.Version, "3"} {
		got, err := Find(t.Context(), want, Search{Path: lookup()})
		if err != nil || !matches(got.Version, want) {
			t.Errorf("%s: %+v %v", want, got, err)
		}
	}
	// A shim like pyenv's: a script that is asked, and what it leads to is what counts.
	dir := t.TempDir()
	script(t, dir, "python3", "#!/bin/sh\nexec '"+any.Path+"' \"$@\"\n")
	got, err := Find(t.Context(), "", Search{Path: []string{"relative", dir}})
	if err != nil || got != any {
		t.Errorf("behind a shim: %+v %v", got, err)
	}
	// A virtual environment, of links and of copies.
	for _, how := range []string{"--symlinks", "--copies"} {
		venv := filepath.Join(t.TempDir(), "v")
		if out, err := exec.CommandContext(t.Context(), any.Path, "-m", "venv", "--without-pip", how, venv).CombinedOutput(); err != nil {
			t.Logf("no virtual environment: %s", out)
			continue
		}
		got, err := Find(t.Context(), "", Search{Path: []string{filepath.Join(venv, "bin")}})
		if err != nil || got.Version != any.Version || strings.HasPrefix(got.Path, venv) {
			t.Errorf("of a virtual environment %s: %+v %v", how, got, err)
		}
	}
	got, err = Find(t.Context(), "3", Search{Named: map[string]string{"3": any.Path}})
	if err != nil || got != any {
		t.Errorf("configured: %+v %v", got, err)
	}
	got, err = Find(t.Context(), minorOf(any.Version), Search{Named: map[string]string{any.Version: any.Path, "3.1": "/none"}, Path: lookup()})
	if err != nil || got != any {
		t.Errorf("configured by its whole version: %+v %v", got, err)
	}
}

// The other versions of a version manager are found beside the one that its shim answers with.
func TestFindAmongVersions(t *testing.T) {
	any, err := Find(t.Context(), "", Search{Path: lookup()})
	if err != nil {
		t.Skip(err)
	}
	versions := filepath.Join(t.TempDir(), "versions")
	for _, v := range []string{"3.98.1", "3.99.2"} {
		bin := filepath.Join(versions, v, "bin")
		if err := os.MkdirAll(bin, 0o755); err != nil {
			t.Fatal(err)
		}
		// Programs can't be made here, but what they say of themselves can.
		data, err := os.ReadFile(any.Path)
		if err == nil {
			err = os.WriteFile(filepath.Join(bin, "python3.99"), data, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
		script(t, bin, "python3", "#!/bin/sh\nprintf 'drydock\\ncpython\\n"+bin+"/python3.99\\n"+filepath.Join(versions, v)+"\\n"+v+"\\nfinal\\n\\n'\n")
	}
	shims := t.TempDir()
	script(t, shims, "python3", "#!/bin/sh\nexec '"+filepath.Join(versions, "3.98.1", "bin", "python3")+"'\n")
	got, err := Find(t.Context(), "3.99", Search{Path: []string{shims}})
	if err != nil || got.Version != "3.99.2" || got.Path != filepath.Join(versions, "3.99.2", "bin", "python3.99") {
		t.Errorf("%+v %v", got, err)
	}
}

func TestNotFound(t *testing.T) {
	dir := t.TempDir()
	some := ""
	if any, err := Find(t.Context(), "", Search{Path: lookup()}); err == nil {
		some = any.Path
	}
	for _, c := range []struct {
		name, want string
		search     Search
		says       []string
	}{
		{"nothing", "3.11", Search{Path: []string{dir}}, []string{"there is no Python at all", "install CPython 3.11"}},
		{"relative folders", "", Search{Path: []string{"."}}, []string{"no Python at all"}},
		{"another", "3.4", Search{Path: lookup()}, []string{"find Python 3.4 on this host", "install CPython 3.4"}},
		{"configured, not there", "3.11", Search{Named: map[string]string{"3.11": "/no/python"}, Path: lookup()}, []string{"the one that is configured: /no/python", "correct its path"}},
		{"configured, relative", "3.11", Search{Named: map[string]string{"3.11": "python3"}}, []string{"python3 is not an absolute path"}},
		{"configured, another", "3.4", Search{Named: map[string]string{"3.4": some}}, []string{some + " is Python 3."}},
		{"it says nothing", "", Search{Path: []string{filepath.Dir(script(t, t.TempDir(), "python3", "#!/bin/sh\n"))}}, []string{"gives no answer that is understood"}},
		{"it fails", "", Search{Path: []string{filepath.Dir(script(t, t.TempDir(), "python3", "#!/bin/sh\necho 'pyenv: \033[1mno\033[0m' >&2; exit 127\n"))}}, []string{"it fails: exit status 127: pyenv: [1mno[0m"}},
		{"a script that lies", "", Search{Path: []string{filepath.Dir(script(t, t.TempDir(), "python3", "#!/bin/sh\nprintf 'drydock\\ncpython\\n%s\\n%s\\n3.11.7\\nfinal\\n\\n' \"$0\" \"${0%/*}\"\n"))}}, []string{"is a script and no interpreter"}},
		{"PyPy", "", Search{Path: []string{filepath.Dir(script(t, t.TempDir(), "python3", "#!/bin/sh\nprintf 'drydock\\npypy\\n/a\\n/\\n3.11.7\\nfinal\\n\\n'\n"))}}, []string{"it is pypy, and only CPython is built for"}},
		{"free-threaded", "", Search{Path: []string{filepath.Dir(script(t, t.TempDir(), "python3", "#!/bin/sh\nprintf 'drydock\\ncpython\\n/a\\n/\\n3.13.0\\nfinal\\nt\\n'\n"))}}, []string{"free-threaded"}},
		{"a pre-release", "", Search{Path: []string{filepath.Dir(script(t, t.TempDir(), "python3", "#!/bin/sh\nprintf 'drydock\\ncpython\\n/a\\n/\\n3.15.0\\ncandidate\\n\\n'\n"))}}, []string{"pre-release"}},
	} {
		_, err := Find(t.Context(), c.want, c.search)
		var missing *MissingError
		if !errors.As(err, &missing) || missing.Want != c.want {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, s := range c.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %v; want %q", c.name, err, s)
			}
		}
	}
	for _, want := range []string{"2.7", "3.x", ">=3.11", "3.11.7.1", "../3"} {
		if _, err := Find(t.Context(), want, Search{Path: lookup()}); err == nil || !strings.Contains(err.Error(), "write it as 3.11 or 3.11.7") {
			t.Errorf("%q: %v", want, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Find(ctx, "", Search{Path: lookup()}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// What was printed names no folder of this host, however that is called.
func TestCleanNamesNoPlaceOfThisHost(t *testing.T) {
	for _, tmp := range []string{"/tmp", "/a folder/of mine"} {
		t.Setenv("TMPDIR", tmp)
		if got := clean([]byte("in " + tmp + "/drydock-dock-123/0/x, " + tmp + "/drydock-dock-123/1")); got != "in /build/x, /tmp" {
			t.Errorf("%s: %q", tmp, got)
		}
	}
}
