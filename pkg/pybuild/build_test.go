package pybuild

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/drydock-dev/drydock/pkg/artifact"
)

// stock fills a shop with packages that have a bit of everything.
func stock(s *shop) []string {
	s.wheel("alpha", "1.0", map[string]string{
		"alpha/__init__.py":                     "def main():\n    import sys\n    print('alpha runs', sys.prefix)\nWORDS = {'tmp', 'build', 'x', 'venv'}\ndef known(w):\n    return w in {'tmp', 'build', 'a', 'b', 'c', 'd', 'e'}\n",
		"alpha/größe/ünï code.txt":              "ü",
		"alpha/wörter.py":                       "wörter = ['ä', 'ö']\n",
		"alpha-1.0.data/data/share/alpha/x.txt": "data",
		"alpha-1.0.data/scripts/alpha-raw":      "#!python\nimport sys; print('raw runs', sys.argv[1:])\n",
		"+entry_points.txt":                     "[console_scripts]\nalpha = alpha:main\n",
	}, "beta>=1")
	s.wheel("beta", "1.5", map[string]string{"beta.py": "import os.path\nX = 'tmp'\n", "beta_broken.py": "print 'python 2'\n", "zzz_beta.pth": "import beta_start\n", "beta_start.py": "import os; open(os.environ.get('HOME', '') + '/ran', 'w')\n"})
	s.wheel("gamma-delta", "2.0.post1", map[string]string{"gamma_delta/__init__.py": "", "gamma_delta/data.json": "{}"})
	return []string{"alpha", "beta", "gamma-delta"}
}

// Two builds at two paths, with two wheelhouses, two umasks and at every level of isolation are one artifact.
func TestBuildIsTheSameEverywhere(t *testing.T) {
	s := newShop(t)
	names := stock(s)
	sums := map[string]string{}
	for i, d := range docks(t) {
		b := builder(t, s, d)
		to := filepath.Join(openDir(t), strings.Repeat("deeper-", i)+"venv")
		old := syscall.Umask([]int{0o022, 0o077, 0o002, 0o027}[i%4])
		built, err := b.Build(t.Context(), s.want(names...), to)
		syscall.Umask(old)
		if err != nil {
			t.Fatalf("%s: %v", d.Level(), err)
		}
		t.Logf("%s: %v %v %s", d.Level(), built.Steps, built.Run.Wall, digest(t, b, to))
		nothingLeft(t, b)
		sums[digest(t, b, to)] = to
		var got []string
		for _, p := range built.Installed {
			got = append(got, p.Package+" "+p.Version)
		}
		if !slices.Equal(got, []string{"alpha 1.0", "beta 1.5", "gamma-delta 2.0.post1"}) || !slices.Equal(built.AtStart, []string{sitePath(b.Interpreter.Version) + "/zzz_beta.pth"}) {
			t.Errorf("%s: installed %v, at start %v", d.Level(), got, built.AtStart)
		}
		if !strings.Contains(string(built.Log), "not compiled") || strings.Contains(string(built.Log), os.TempDir()+"/") {
			t.Errorf("%s: the log does not say what was not compiled, or names a place of this host:\n%s", d.Level(), built.Log)
		}
		runs(t, to)
	}
	if len(sums) != 1 {
		t.Errorf("%d different environments: %v", len(sums), sums)
		compare(t, sums)
	}
}

// runs tries the programs of an environment, where it lies and behind a link.
func runs(t *testing.T, venv string) {
	t.Helper()
	link := filepath.Join(t.TempDir(), "link to it")
	if err := os.Symlink(filepath.Join(venv, "bin", "alpha"), link); err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=/usr/bin:/bin", "HOME=" + t.TempDir()}
	if got, want := output(t, env, filepath.Join(venv, "bin", "alpha")), "alpha runs "+venv+"\n"; got != want {
		t.Errorf("alpha said %q, want %q", got, want)
	}
	if got := output(t, env, link); got != "alpha runs "+venv+"\n" {
		t.Errorf("behind a link alpha said %q", got)
	}
	if got := output(t, env, filepath.Join(venv, "bin", "alpha-raw"), "a b"); got != "raw runs ['a b']\n" {
		t.Errorf("alpha-raw said %q", got)
	}
	if got := output(t, env, filepath.Join(venv, "bin", "python"), "-B", "-c", "import alpha.wörter as w; print(w.wörter)"); got != "['ä', 'ö']\n" {
		t.Errorf("a module of a foreign name said %q", got)
	}
	compiled, err := filepath.Glob(filepath.Join(venv, "lib", "python3*", "site-packages", "alpha", "__pycache__", "__init__.*.pyc"))
	if err != nil || len(compiled) != 1 {
		t.Fatal(compiled, err)
	}
	code, err := os.ReadFile(compiled[0])
	if err != nil || !bytes.Contains(code, []byte(VenvPlace+"/lib/python")) || code[4] != 1 { // PEP 552: by hash, and not checked
		t.Errorf("bytecode does not lie at %s, or is checked: %q %v", VenvPlace, code[:16], err)
	}
}

func compare(t *testing.T, sums map[string]string) {
	t.Helper()
	var lists [][]artifact.Entry
	for _, dir := range sums {
		entries, err := artifact.Scan(t.Context(), dir, artifact.Outside{python(t).Path})
		if err != nil {
			t.Fatal(err)
		}
		lists = append(lists, entries)
	}
	for _, other := range lists[1:] {
		t.Log(artifact.Compare(lists[0], other))
	}
}
