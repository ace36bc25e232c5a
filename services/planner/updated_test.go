package planner

import (
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/manifest"
	"github.com/drydock-dev/drydock/pkg/report"
)

// application is one of files "path" → text, as the scanner would read them, with a store of their texts.
func application(t *testing.T, files map[string]string) (*world, *inventory.Inventory) {
	w := newWorld(t, Config{}, advisories{}, nil)
	return w, w.inventoryOf(files)
}

// phased is a joint plan of one phase for each list of updates: "package from>to source", hashes of both kinds.
func phased(lists ...[]string) *report.Plan {
	p := &report.Plan{Application: "payments", Plan: "sha256:00", Resolution: "joint", Timestamp: start, Inputs: report.Inputs{Python: "3.11", Platform: "linux"}}
	for i, list := range lists {
		ph := report.Phase{Phase: []string{"emergency", "high", "feature"}[i], Class: []string{"emergency", "high", "feature"}[i]}
		for _, text := range list {
			f := strings.Fields(text)
			from, to, _ := strings.Cut(f[1], ">")
			u := report.Update{Package: f[0], Ecosystem: pypi, From: from, To: to, Source: f[2], Hashes: []string{"sha256:" + sum(f[0]+to)}}
			if len(f) > 3 {
				u.Through = strings.Split(f[3], ",")
			}
			ph.Updates = append(ph.Updates, u)
		}
		p.Phases = append(p.Phases, ph)
	}
	return p
}

// What one phase adds or moves the next may move on; each file is full, and updated/ holds all of them.
func TestPhasesBuildOnOneAnother(t *testing.T) {
	old := "flask==2.2.2 \\\n    --hash=sha256:" + sum("a") + "\n    # via -r requirements.in\nwerkzeug==2.2 \\\n    --hash=sha256:" + sum("b") + "\n    # via flask\n"
	w, inv := application(t, map[string]string{"requirements.txt": old})
	p := phased([]string{"flask 2.2.2>2.2.5 requirements.txt", "blinker >1.0 requirements.txt flask"}, []string{"flask 2.2.5>2.3.3 requirements.txt"}, []string{"blinker 1.0>1.1 requirements.txt"})
	dir := t.TempDir()
	files, err := WriteFiles(t.Context(), dir, p, inv, w.store)
	if err != nil {
		t.Fatal(err)
	}
	hash := func(s string) string { return " \\\n    --hash=sha256:" + sum(s) + "\n" }
	if got, want := text(t, dir, "updated", "requirements.txt"), "blinker==1.1"+hash("blinker1.1")+"    # via flask\nflask==2.3.3"+hash("flask2.3.3")+"    # via -r requirements.in\nwerkzeug==2.2"+hash("b")+"    # via flask\n"; got != want {
		t.Errorf("updated:\n%s\nwant\n%s", got, want)
	}
	for name, want := range map[string]string{
		files[2]: "flask==2.2.5 \\|--hash=sha256:" + sum("flask2.2.5") + "|werkzeug==2.2 \\|--hash=sha256:" + sum("b") + "|blinker==1.0 \\|--hash=sha256:" + sum("blinker1.0"),
		files[3]: "flask==2.3.3 \\|--hash=sha256:" + sum("flask2.3.3") + "|werkzeug==2.2 \\|--hash=sha256:" + sum("b") + "|blinker==1.0 \\|--hash=sha256:" + sum("blinker1.0"),
		files[4]: "flask==2.3.3 \\|--hash=sha256:" + sum("flask2.3.3") + "|werkzeug==2.2 \\|--hash=sha256:" + sum("b") + "|blinker==1.1 \\|--hash=sha256:" + sum("blinker1.1"),
	} {
		got := text(t, dir, name)
		if lines(got) != want || !strings.Contains(got, "    # via flask\n") || strings.Contains(got, "not proved") {
			t.Errorf("%s:\n%s\nwant %s", name, got, want)
		}
	}
}

func TestComposedKeepsPinsApart(t *testing.T) {
	_, inv := application(t, map[string]string{"requirements.txt": "x==1 ; os_name == 'posix'\nx==2 ; os_name == 'nt'\n"})
	got := manifest.Composed(phased([]string{"x 1>2 requirements.txt", "x 2>3 requirements.txt", "y >1 requirements.txt"}, []string{"x 3>4 requirements.txt", "y 1>2 requirements.txt", "x 1>5 requirements.txt"}).Phases, inv)
	var out []string
	for _, u := range got {
		out = append(out, u.Package+" "+u.From+">"+u.To)
	}
	if s := strings.Join(out, ", "); s != "x 1>5, x 2>4, y >2" {
		t.Error(s)
	}
}

func TestSeveralEnvironmentsInOneFile(t *testing.T) {
	_, inv := application(t, map[string]string{"requirements.txt": "x==1\n", "requirements-old.txt": "x==2\n", "a/requirements.txt": "z==1\n"})
	inv.Files = append(inv.Files, inventory.File{Path: "requirements.in", Kind: inventory.Input}, inventory.File{Path: "c.txt", Kind: inventory.Constraints})
	p := phased([]string{"new >1 requirements.txt x", "new >1 a/requirements.txt z", "other >1 requirements.txt x", "other >2 a/requirements.txt z", "x 1>3 requirements.txt"})
	got := string(requirements(p, inv, "Requirements", anyPhase))
	if want := "x==3|z==1|new==1|other==2"; lines(got) != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	for _, says := range []string{"# Put together from 3 environments (a/requirements.txt, requirements-old.txt, requirements.txt), each planned by itself: not proved to install together.",
		"# requirements.txt:1 pins x 1, requirements-old.txt:1 pins x 2: they can't be installed together; each is planned by itself", "# left out: other==1 of requirements.txt, another stands above", "install with -c c.txt,"} {
		if !strings.Contains(got, says) {
			t.Errorf("no %q in\n%s", says, got)
		}
	}
	if strings.Contains(got, "-c requirements.in") {
		t.Errorf("an .in file is no constraints file:\n%s", got)
	}
}

// What a manifest says of indexes is in no file of ours but the manifest's own, and there only without a password.
func TestNoIndexOfTheManifestInOurFiles(t *testing.T) {
	files := map[string]string{"requirements.txt": "--index-url https://${USER}:${PASS}@index.test/simple\n--trusted-host index.test\nflask==1\n"}
	w, inv := application(t, files)
	w.put([]byte("flask==1\n"))
	dir := t.TempDir()
	names, err := WriteFiles(t.Context(), dir, phased([]string{"flask 1>2 requirements.txt"}), inv, w.store)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		got := text(t, dir, name)
		if strings.HasPrefix(name, "updated/") {
			if got != strings.Replace(files["requirements.txt"], "flask==1", "flask==2", 1) {
				t.Errorf("%s:\n%s", name, got)
			}
		} else if strings.Contains(got, "index.test") || strings.Contains(got, "PASS") {
			t.Errorf("%s speaks of the manifest's index:\n%s", name, got)
		}
	}
	// The scanner keeps no text that holds a password: then the manifest is not written back at all.
	inv.Files = nil
	names, err = WriteFiles(t.Context(), t.TempDir(), phased([]string{"flask 1>2 requirements.txt"}), inv, w.store)
	if err != nil || strings.Contains(strings.Join(names, " "), "updated/") {
		t.Errorf("%v %v", names, err)
	}
}

// Two targets of one application may have different files of one name: neither is guessed at.
func TestTwoTargetsWithOneName(t *testing.T) {
	w, inv := application(t, map[string]string{"requirements.txt": "flask==1\n"})
	inv.Files = append(inv.Files, inventory.File{Path: "requirements.txt", Digest: evidence.Digest(w.put([]byte("flask==0.9\n")))})
	names, err := WriteFiles(t.Context(), t.TempDir(), phased([]string{"flask 1>2 requirements.txt"}), inv, w.store)
	if err != nil || strings.Contains(strings.Join(names, " "), "updated/") {
		t.Errorf("%v %v", names, err)
	}
}

// What can't be proved is not written: nothing at all is.
func TestWhatCannotBeProvedIsNotWritten(t *testing.T) {
	w, inv := application(t, map[string]string{"requirements.txt": "flask==1 --hash=sha256:" + sum("x") + "\n"})
	p := phased([]string{"flask 1>2 requirements.txt"})
	p.Phases[0].Updates[0].Hashes = nil
	dir := t.TempDir()
	if names, err := WriteFiles(t.Context(), dir, p, inv, w.store); err == nil || !strings.Contains(err.Error(), "write requirements.txt back: requirements.txt:1 carries hashes, and flask 2 comes without; the file is left as it is and nothing was written") {
		t.Errorf("%v %v", names, err)
	}
}
