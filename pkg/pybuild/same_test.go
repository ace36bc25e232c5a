package pybuild

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/isolation/dock"
)

// Two packages that bring the same file come out the same each time, whoever unpacks faster; and nothing of a package
// runs while others are installed after it.
func TestPackagesThatOverlap(t *testing.T) {
	s := newShop(t)
	shared := func(whose string) map[string]string {
		return map[string]string{"tests/__init__.py": "", "tests/shared.py": "WHOSE = '" + whose + "'\n", "+entry_points.txt": "[console_scripts]\nshared = tests.shared:f\n",
			whose + ".pth": "import " + whose + "_start\n", whose + "_start.py": "import os\nopen(os.path.dirname(__file__) + '/ran', 'w')\n"}
	}
	for _, name := range []string{"apple", "banana", "cherry"} {
		s.wheel(name, "1.0", shared(name))
	}
	s.wheel("banana2", "1.0", map[string]string{"tests/__init__.py": "", "banana2-1.0.data/purelib/tests/shared.py": "WHOSE = 'cherry'\n"})
	sums := map[string]string{}
	for _, d := range docks(t) {
		for _, order := range []string{"apple banana banana2 cherry", "cherry banana2 banana apple"} {
			b := builder(t, s, d)
			to := filepath.Join(openDir(t), "venv")
			built, err := b.Build(t.Context(), s.want(strings.Fields(order)...), to)
			if err != nil {
				t.Fatalf("%s: %v", d.Level(), err)
			}
			sums[digest(t, b, to)] = to
			if notes := strings.Join(built.Notes, "\n"); len(built.Notes) != 3 || !strings.Contains(notes, "apple and cherry both hold bin/shared, and not the same: that of cherry is installed") {
				t.Errorf("%s: %q", d.Level(), notes)
			}
			site := filepath.Join(to, sitePath(b.Interpreter.Version))
			if text, err := os.ReadFile(filepath.Join(site, "tests", "shared.py")); err != nil || string(text) != "WHOSE = 'cherry'\n" {
				t.Errorf("%s: %q %v", d.Level(), text, err)
			}
			if _, err := os.Stat(filepath.Join(site, "ran")); err == nil {
				t.Errorf("%s: a package ran while it was installed", d.Level())
			}
		}
	}
	if len(sums) != 1 {
		t.Errorf("%d different environments", len(sums))
		compare(t, sums)
	}
}

// Before 3.11 sets of constants are written in the order of their hashes, which are another in each process.
func TestOldPythonIsTheSameToo(t *testing.T) {
	s := newShop(t)
	s.wheel("sets", "1.0", map[string]string{"sets.py": "def f(x):\n    return x in {'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'}, x in {b'a', b'b', b'c', b'd'}\n"})
	d, err := dock.Open(t.Context(), "")
	if err != nil {
		t.Skip(err)
	}
	// Of the second module's name shutil asks os.stat_result as it is imported: the type's cache of names may keep it.
	s.wheel("names", "1.0", map[string]string{"names.py": "def f(x):\n    return x.st_file_attributes\n"})
	tried := false
	for _, want := range []string{"3.8", "3.9", "3.10", "3.12", "3.13"} {
		old, err := Find(t.Context(), want, Search{Path: lookup()})
		if err != nil {
			continue
		}
		sums := map[string]string{}
		for range 3 {
			b := builder(t, s, d)
			b.Interpreter = old
			to := filepath.Join(openDir(t), "venv")
			if _, err := b.Build(t.Context(), s.want("sets", "names"), to); err != nil {
				t.Logf("%s: %v", want, err) // this one can't be shown in the box here
				break
			}
			tried = true
			sums[digest(t, b, to)] = to
			code, err := filepath.Glob(filepath.Join(to, sitePath(old.Version), "__pycache__", "names.*.pyc"))
			if err != nil || len(code) != 1 {
				t.Fatal(code, err)
			}
			if data, err := os.ReadFile(code[0]); err != nil || want == "3.10" && strings.Contains(string(data), "\xda\x12st_file_attributes") {
				t.Errorf("%s: bytecode shows that something else kept a name: %v", want, err)
			}
		}
		if len(sums) > 1 {
			t.Errorf("%s: %d different environments", want, len(sums))
		}
	}
	if !tried {
		t.Skip("no other Python here")
	}
}
