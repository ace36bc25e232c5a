package scanner

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/inventory"
)

func readEnvironment(t *testing.T, dir string) *inventory.Inventory {
	t.Helper()
	r, err := newService(t, Config{}, Deps{}).readTarget(t.Context(), request{Root: dir, Environment: true})
	if err != nil {
		t.Fatal(err)
	}
	return assemble(r, "live")
}

func metadata(name, version string) string {
	return "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\nSummary: x\n\nName: other\nVersion: 9\n"
}

func TestInstalledEnvironment(t *testing.T) {
	const site = "lib/python3.11/site-packages/"
	dir := write(t, map[string]string{
		"pyvenv.cfg": "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.7\n",
		site + "Flask_Login-0.6.2.dist-info/METADATA":   metadata("Flask_Login", "0.6.2"),
		site + "Flask_Login-0.6.2.dist-info/REQUESTED":  "",
		site + "jinja2-3.1.dist-info/METADATA":          "Name: Jinja2\r\nVersion: 3.1\r\n\r\n",
		site + "jinja2-3.0.dist-info/METADATA":          metadata("jinja2", "3.0"),
		site + "old-1.0.egg-info/PKG-INFO":              metadata("old", "1.0"),
		site + "older.egg-info":                         metadata("older", "0.1"),
		site + "eggy-2.egg/EGG-INFO/PKG-INFO":           metadata("eggy", "2"),
		site + "git_one-1.dist-info/METADATA":           metadata("git-one", "1"),
		site + "git_one-1.dist-info/direct_url.json":    `{"url":"https://user:pw@example.test/one.git?x=1","vcs_info":{"vcs":"git"}}`,
		site + "local-1.dist-info/METADATA":             metadata("local", "1"),
		site + "local-1.dist-info/direct_url.json":      `{broken`,
		site + "linked.egg-link":                        "/somewhere\n",
		site + "empty-1.dist-info/METADATA":             "",
		site + "none-1.dist-info/RECORD":                "",
		site + "noversion-1.dist-info/METADATA":         "Name: noversion\n",
		site + "evil-1.dist-info/METADATA":              "Name: ev\x1b[2Jil\nVersion: 1\n",
		site + "evil2-1.dist-info/METADATA":             "Name: evil2\nVersion: 1\x1b[2J\n",
		site + "~lask-1.dist-info/METADATA":             metadata("flask", "1"),
		site + "zipped-1.egg":                           "PK",
		site + "flask/__init__.py":                      "raise SystemExit",
		"lib/python3.11/site-packages/requirements.txt": "not-looked-at==1",
	})
	link(t, "lib", filepath.Join(dir, "lib64"))
	inv := readEnvironment(t, dir)
	var got []string
	for _, p := range inv.Packages {
		got = append(got, fmt.Sprintf("%s %s %s %v %s", p.Package, p.Version, p.Pin, p.Direct, p.Reference))
		if p.Scope != "environment:live" || p.Source != "lib/python3.11/site-packages" || p.Line != 0 {
			t.Errorf("%+v", p)
		}
	}
	want := `eggy 2 exact false 
flask-login 0.6.2 exact true 
git-one  none false https://example.test/one.git
jinja2 3.0 exact false 
jinja2 3.1 exact false 
local  none false an unknown place
old 1.0 exact false 
older 0.1 exact false `
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
	if len(inv.Sources) != 1 || !reflect.DeepEqual(inv.Sources[0], inventory.Source{Path: "lib/python3.11/site-packages", Kind: "environment", Ecosystem: "PyPI", Packages: 9, Pinned: 6, NotCovered: 3}) {
		t.Errorf("%+v", inv.Sources)
	}
	if inv.Python != "3.11.7" {
		t.Errorf("python %q", inv.Python)
	}
	for name, part := range map[string]string{"empty-1.dist-info": "names no package", "none-1.dist-info": "no metadata: no such file", "noversion-1.dist-info": "has no version", "evil-1.dist-info": `"ev\x1b[2Jil" is no package name`,
		"evil2-1.dist-info": `is no version of evil2`, "~lask-1.dist-info": "left over", "zipped-1.egg": "zipped egg"} {
		if d := find(inv, inventory.Unparsed, site+name); !strings.Contains(d, part) || !printable(d) {
			t.Errorf("%s: %q, want %q", name, d, part)
		}
	}
}

func TestEnvironmentLayouts(t *testing.T) {
	for name, c := range map[string]struct{ at, source string }{
		"site-packages itself": {"", "."}, "debian": {"lib/python3/dist-packages/", "lib/python3/dist-packages"}, "windows": {"Lib/site-packages/", "Lib/site-packages"}, "local": {"local/lib/python3.12/dist-packages/", "local/lib/python3.12/dist-packages"},
	} {
		t.Run(name, func(t *testing.T) {
			inv := readEnvironment(t, write(t, map[string]string{c.at + "flask-2.dist-info/METADATA": metadata("flask", "2")}))
			if len(inv.Packages) != 1 || inv.Packages[0].Source != c.source {
				t.Errorf("%+v", inv)
			}
		})
	}
}

func TestEnvironmentThatSeesTheSystem(t *testing.T) {
	inv := readEnvironment(t, write(t, map[string]string{"pyvenv.cfg": "include-system-site-packages = True\nversion_info = 3.12.1.final.0\n", "lib/python3.12/site-packages/a-1.dist-info/METADATA": metadata("a", "1")}))
	if find(inv, inventory.NotCovered, "pyvenv.cfg") == "" || inv.Python != "3.12.1" {
		t.Errorf("%q %+v", inv.Python, inv.Incomplete)
	}
}

func TestEnvironmentWithoutPackages(t *testing.T) {
	inv := readEnvironment(t, t.TempDir())
	if len(inv.Incomplete) != 1 || inv.Incomplete[0].Reason != inventory.NoSource || !strings.Contains(inv.Incomplete[0].Detail, "give a prefix") {
		t.Errorf("%+v", inv.Incomplete)
	}
}

// The packages of the interpreter of this machine, where there is one, are read without running it.
func TestEnvironmentOfThisMachine(t *testing.T) {
	prefix := ""
	for _, p := range []string{"/usr", "/usr/local"} {
		if found, _ := filepath.Glob(p + "/lib/python3*/*-packages/*.dist-info"); len(found) > 0 {
			prefix = p
		}
	}
	if prefix == "" {
		t.Skip("no installed Python packages on this machine")
	}
	inv := readEnvironment(t, prefix)
	if len(inv.Packages) == 0 {
		t.Errorf("%+v", inv)
	}
	t.Logf("%d packages, %d not determined", len(inv.Packages), len(inv.Incomplete))
}

func FuzzMetadata(f *testing.F) {
	for _, seed := range []string{metadata("a", "1"), "Name: a\n Version: 1\nVersion: 2", "name:A.b__c\r\nVERSION:1!2+x\r\n", "\x00", "Name:\nVersion:\n\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseMetadata([]byte(text))
		if err == nil {
			if why := checkPackage(p); why != "" {
				t.Errorf("the reader's parent would refuse: %s", why)
			}
		} else if !printable(err.Error()) {
			t.Errorf("%q is shown as it is", err)
		}
	})
}
