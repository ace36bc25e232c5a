package pybuild

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/isolation/dock"
)

// What only tests need lies over the environment that ships: its programs run the environment's Python and see both,
// in the box, where both are read-only.
func TestOverlay(t *testing.T) {
	s := newShop(t)
	stock(s)
	s.wheel("with-bin", "1.0", map[string]string{"bin/__init__.py": ""})
	s.wheel("tester", "3.1", map[string]string{
		"tester/__init__.py": "def main():\n    import sys, alpha, beta\n    print('tester', sys.prefix, alpha.__file__, __file__, beta.X)\n",
		"beta.py":            "X = 'overlay'\n", "tester.pth": "import tester\n",
		"tester-3.1.data/data/share/doc.txt":  "left out",
		"tester-3.1.data/scripts/raw-tester":  "#!python\nimport tester; print('raw', tester.__name__)\n",
		"tester-3.1.data/scripts/shell-thing": "#!/bin/sh\necho shell\n",
		"+entry_points.txt":                   "[console_scripts]\ntester = tester:main\n",
	})
	sums := map[string]bool{}
	for _, d := range docks(t) {
		b := builder(t, s, d)
		dir := openDir(t)
		venv, over := filepath.Join(dir, "venv"), filepath.Join(dir, "overlay")
		if _, err := b.Build(t.Context(), s.want("alpha", "beta"), venv); err != nil {
			t.Fatalf("%s: %v", d.Level(), err)
		}
		built, err := b.Overlay(t.Context(), venv, s.want("tester"), over)
		if err != nil {
			t.Fatalf("%s: %v", d.Level(), err)
		}
		nothingLeft(t, b)
		sums[digest(t, b, over)] = true
		if notes := strings.Join(built.Notes, "\n"); !strings.Contains(notes, "share/doc.txt") || !strings.Contains(notes, "beta.py is in what only tests need, and in what ships") {
			t.Errorf("%s: notes %q", d.Level(), notes)
		}
		if len(built.Installed) != 1 || built.Installed[0].Version != "3.1" || !slices.Equal(built.AtStart, []string{"tester.pth"}) {
			t.Errorf("%s: %+v", d.Level(), built)
		}
		got := inBox(t, b, venv, over, "tester && raw-tester && shell-thing && alpha")
		home := VenvPlace
		if d.Level() == dock.Landlock || d.Level() == dock.None {
			home = venv
		}
		want := fmt.Sprintf("tester %s %s/%s/alpha/__init__.py %s/tester/__init__.py overlay\nraw tester\nshell\nalpha runs %s\n", home, home, sitePath(b.Interpreter.Version), map[bool]string{true: over, false: OverlayPlace}[home == venv], home)
		if got != want {
			t.Errorf("%s: said\n%s, want\n%s", d.Level(), got, want)
		}
		var e *Error
		if _, err := b.Overlay(t.Context(), venv, s.want("beta", "tester"), filepath.Join(dir, "again")); !errors.As(err, &e) || e.Kind != BadInput || e.Package != "beta" {
			t.Errorf("%s: one that ships: %v", d.Level(), err)
		}
		if _, err := b.Overlay(t.Context(), venv, s.want("with-bin"), filepath.Join(dir, "bin")); !errors.As(err, &e) || e.Kind != Install || !strings.Contains(err.Error(), `"bin"`) {
			t.Errorf("%s: a module called bin: %v", d.Level(), err)
		}
		if _, err := b.Overlay(t.Context(), over, s.want("tester"), filepath.Join(dir, "over")); !errors.As(err, &e) || e.Kind != BadInput {
			t.Errorf("%s: over what is no environment: %v", d.Level(), err)
		}
	}
	if len(sums) != 1 {
		t.Errorf("%d different overlays", len(sums))
	}
}

// inBox runs a shell line as the application's tests are run.
func inBox(t *testing.T, b Builder, venv, over, line string) string {
	t.Helper()
	var out strings.Builder
	r, err := b.Dock.Run(t.Context(), dock.Command{Path: "sh", Args: []string{"-c", line}, Interpreter: b.Interpreter.Path,
		Mounts: []dock.Mount{{Host: venv, Inside: VenvPlace}, {Host: over, Inside: OverlayPlace}},
		Env:    map[string]string{"PYTHONPATH": dock.Inside(OverlayPlace), "PATH": dock.Inside(OverlayPlace) + "/bin:" + dock.Inside(VenvPlace) + "/bin:/usr/bin:/bin"},
		Stdout: &out, Stderr: &out})
	if err != nil || !r.OK() {
		t.Errorf("%+v %v\n%s", r, err, out.String())
	}
	return out.String()
}

func TestCheck(t *testing.T) {
	s := newShop(t)
	stock(s) // alpha requires beta
	s.wheel("picky", "1.0", map[string]string{"picky.py": ""}, "beta<1", "nobody>=2; python_version < '3'")
	s.wheel("touchy", "1.0", map[string]string{"touchy.py": ""}, "missing-thing>=2")
	for _, d := range docks(t) {
		for _, c := range []struct {
			want []string
			says []string
		}{
			{[]string{"alpha", "beta"}, nil},
			{[]string{"alpha"}, []string{"alpha", "beta>=1", "not installed"}},
			{[]string{"beta", "picky", "touchy"}, []string{"picky", "beta<1", "missing-thing>=2"}},
		} {
			b := builder(t, s, d)
			venv := filepath.Join(openDir(t), "venv")
			if _, err := b.Build(t.Context(), s.want(c.want...), venv); err != nil {
				t.Fatalf("%s: %v", d.Level(), err)
			}
			before := digest(t, b, venv)
			built, err := b.Check(t.Context(), venv)
			if (err != nil) != (c.says != nil) {
				t.Errorf("%s: %v: %v\n%s", d.Level(), c.want, err, built.Log)
			}
			if e := (*Error)(nil); err != nil && (!errors.As(err, &e) || e.Kind != Unmet) {
				t.Errorf("%s: %v", d.Level(), err)
			}
			for _, s := range c.says {
				if err == nil || !strings.Contains(err.Error(), s) || strings.Contains(err.Error(), os.TempDir()+"/") {
					t.Errorf("%s: %v; want %q", d.Level(), err, s)
				}
			}
			if digest(t, b, venv) != before {
				t.Errorf("%s: the check changed the environment", d.Level())
			}
		}
		b := builder(t, s, d)
		if _, err := b.Check(t.Context(), "/no/environment"); err == nil {
			t.Errorf("%s: nothing was checked, and found good", d.Level())
		}
	}
}
