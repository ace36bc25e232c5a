package scanner

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep440"
)

// What Python would import and the reader can't see is said (I11).
func TestEnvironmentHidesNothing(t *testing.T) {
	const site = "lib/python3.11/site-packages/"
	outside := write(t, map[string]string{"django-1.dist-info/METADATA": metadata("django", "1")})
	dir := write(t, map[string]string{
		"left.egg-info/PKG-INFO":            metadata("left", "1"), // of a source tree the environment was made in
		site + "flask-2.dist-info/METADATA": metadata("flask", "2"),
		site + "import.pth":                 "import os; os.system('false')\n# comment\n\n./gone\n.\n",
		site + "paths.pth":                  "/srv/extra\nvendored\nplain\n\x1b[2J\n",
		site + "plain/x.py":                 "",
		site + "vendored/six-1.egg-info":    "",
		"lib/python3.12/x":                  "",
	})
	link(t, outside, filepath.Join(dir, "lib", "python3.12", "site-packages"))
	inv := readEnvironment(t, dir)
	if got := names(inv); got != "left 1, flask 2" {
		t.Errorf("packages: %s", got)
	}
	if got := find(inv, inventory.Unreadable, "lib/python3.12/site-packages"); !strings.Contains(got, "leads out of the target") {
		t.Errorf("a folder elsewhere: %+v", inv.Incomplete)
	}
	got := find(inv, inventory.NotCovered, site+"paths.pth")
	if strings.Count(got, "imported from") != 2 || !strings.Contains(got, "/srv/extra") || !strings.Contains(got, "vendored") || find(inv, inventory.NotCovered, site+"import.pth") != "" {
		t.Errorf("folders by .pth: %+v", inv.Incomplete)
	}
}

// A real environment is read as importlib.metadata reads it.
func TestEnvironmentLikePython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 to ask what is installed")
	}
	const ask = `import importlib.metadata as m, json, sysconfig
site = sysconfig.get_paths()["purelib"]
print(json.dumps({"site": site, "found": [[d.metadata["Name"] or "", d.version or "", bool(d.read_text("direct_url.json"))] for d in m.distributions(path=[site])]}))`
	out, err := exec.CommandContext(t.Context(), python, "-I", "-c", ask).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		t.Skipf("this python3 tells nothing: %.300s", exit.Stderr)
	}
	var asked struct {
		Site  string
		Found [][3]any
	}
	if err := json.Unmarshal(out, &asked); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(asked.Site); err != nil || len(asked.Found) == 0 {
		t.Skip("nothing is installed for this python3")
	}
	want := map[string]bool{}
	for _, d := range asked.Found {
		name, version := pep440.Normalize(d[0].(string)), d[1].(string)
		if d[2].(bool) {
			version = ""
		}
		want[fmt.Sprint(name, " ", version)] = true
	}
	real, err := filepath.EvalSymlinks(asked.Site)
	if err != nil {
		t.Fatal(err)
	}
	inv := readEnvironment(t, real)
	got := map[string]bool{}
	for _, p := range inv.Packages {
		got[p.Package+" "+p.Version] = true
	}
	var differ []string
	for k := range want {
		if !got[k] {
			differ = append(differ, "only Python: "+k)
		}
	}
	for k := range got {
		if !want[k] {
			differ = append(differ, "only here: "+k)
		}
	}
	slices.Sort(differ)
	t.Logf("%d distributions", len(want))
	if len(differ) > 0 {
		t.Errorf("%s; incomplete %+v", strings.Join(differ, ", "), inv.Incomplete)
	}
}
