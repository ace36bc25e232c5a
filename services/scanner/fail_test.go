package scanner

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/isolation"
)

// failure scans dir and returns the one event that says why there is no inventory.
func failure(t *testing.T, w *world, dir string) events.ScanFailed {
	t.Helper()
	out := w.scan(dir)
	failed, err := events.Decode[events.ScanFailed](out[0])
	if err != nil || len(out) != 1 {
		t.Fatalf("%s: %v", kinds(out), err)
	}
	return failed
}

// A reader that breaks while it looks for manifests has found nothing: the scan fails, it is never an empty one.
func TestBrokenDiscoveryFailsTheScan(t *testing.T) {
	for name, want := range map[string][2]string{
		"crash": {"crashed", "exit status 3"},
		"panic": {"crashed", "a bug of discovery"},
		"spin":  {"time_limit", "no sign of life"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Config{})
			if name == "spin" {
				w.service.patience = hasty
			}
			got := failure(t, w, write(t, map[string]string{"a/requirements.txt": "flask==2.2.2", "b/" + name + ".walk": ""}))
			if got.Reason != want[0] || !strings.Contains(got.Detail, "looking for manifests in ") || !strings.Contains(got.Detail, want[1]) {
				t.Errorf("%+v", got)
			}
			if len(w.state.Scans) != 0 || len(w.state.Failed) != 1 {
				t.Errorf("scans %v, failed %v", w.state.Scans, w.state.Failed)
			}
		})
	}
}

// No host gives the level asked for here, so what a weaker host does is seen on every one.
func TestTooWeakConfinementFailsTheScan(t *testing.T) {
	w := newWorld(t, Config{})
	w.service.level = isolation.Full + "+more"
	got := failure(t, w, write(t, map[string]string{"requirements.txt": "flask==2.2.2"}))
	if got.Reason != "confinement" || !strings.HasPrefix(got.Detail, "confinement landlock+seccomp+more is required, this host gives ") {
		t.Errorf("%+v", got)
	}
	if len(w.shelf.data) != 0 {
		t.Errorf("evidence of a target that was not to be read: %d", len(w.shelf.data))
	}
	if _, err := w.service.Identify(t.Context(), write(t, map[string]string{".git/HEAD": commitA}), false, ""); err == nil || !strings.Contains(err.Error(), "is required, this host gives") {
		t.Errorf("its name was read all the same: %v", err)
	}
}

// What a reader says of its own end is believed no more than the rest.
func TestReaderIsNotBelievedAboutItsEnd(t *testing.T) {
	got := failure(t, newWorld(t, Config{}), write(t, map[string]string{"failure.break": ""}))
	if got.Reason != "crashed" || !printable(got.Detail) {
		t.Errorf("%+v", got)
	}
	r, inv := read(t, write(t, map[string]string{"start.break": "", "failure.txt": ""}))
	for _, i := range inv.Incomplete {
		if !printable(i.Source) || !printable(i.Detail) || strings.Contains(i.Source, "..") {
			t.Errorf("let in: %+v", i)
		}
	}
	if _, err := isolation.ParseLevel(r.confinement); err != nil || len(inv.Incomplete) == 0 {
		t.Errorf("confinement %q, incomplete %+v", r.confinement, inv.Incomplete)
	}
}

// A target can't make Drydock keep the full room of a child for each of its files.
func TestRoomIsOfTheTarget(t *testing.T) {
	s := newService(t, Config{}, Deps{})
	s.room = 4 << 20
	files := map[string]string{"z/requirements.txt": "flask==2.2.2"}
	for _, dir := range []string{"a", "b", "c", "d", "e"} {
		files[dir+"/flood.break"] = ""
	}
	r, err := s.readTarget(t.Context(), request{Root: write(t, files)})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.manifests) > readerRooms*4 {
		t.Errorf("%d MB were kept", len(r.manifests))
	}
	if last := r.incomplete[len(r.incomplete)-1]; !strings.HasPrefix(last.Detail, "reading was given up after 2 attempts") {
		t.Errorf("%+v", r.incomplete)
	}
}

// A small repository must not cost the sum of what its files mention: 300 environments share a large
// constraints file, and one names it a hundred thousand times.
func TestConstraintsAreSharedCheaply(t *testing.T) {
	files, big := map[string]string{}, strings.Builder{}
	for i := range 40_000 {
		fmt.Fprintf(&big, "p%d==1\n", i)
	}
	files["con/all.txt"] = big.String() + "x==1\nx==2\ny==1\n-r self.txt\n-c more.txt\n"
	files["con/self.txt"], files["con/more.txt"] = "-c all.txt\ny==1\nz==1\n", "z==2\n"
	for i := range 300 {
		files[fmt.Sprintf("%d/requirements.txt", i)] = "-c ../con/all.txt\np7\nx\ny\nz\n"
	}
	files["0/requirements.txt"] += strings.Repeat("-c ../con/all.txt\n", 100_000)
	r, inv := read(t, write(t, files))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	a := assemble(r, "")
	runtime.ReadMemStats(&after)
	if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 200 {
		t.Errorf("assembling took %d MB", used)
	}
	if got := len(r.manifests); got != 303 {
		t.Fatalf("%d manifests: %+v", got, r.incomplete)
	}
	for _, m := range r.manifests {
		if len(m.Includes) > 2 {
			t.Errorf("%s names %d files", m.Path, len(m.Includes))
		}
	}
	pinned := map[string]int{}
	for _, p := range a.Packages {
		if p.Pin == inventory.Exact {
			pinned[p.Package]++
		}
	}
	if pinned["p7"] != 300 || pinned["y"] != 300 || pinned["x"] != 0 || pinned["z"] != 0 || len(inv.Packages) != 1200 {
		t.Errorf("pinned %v of %d", pinned, len(inv.Packages))
	}
}

// A web of constraints ends somewhere, and what it would have pinned is unpinned rather than guessed.
func TestWebOfConstraintsEnds(t *testing.T) {
	a := &assembly{byPath: map[string]*manifest{}, scope: map[string]string{}}
	web := make([]manifest, 300)
	for i := range web {
		m := &web[i]
		m.Path = fmt.Sprintf("%d.txt", i)
		m.Packages = []inventory.Package{{Package: "flask", Pin: inventory.None}, {Package: "x", Pin: inventory.Exact, Version: "1"}}
		for j := range web {
			m.Includes = append(m.Includes, include{Path: fmt.Sprintf("%d.txt", j), Constraint: true})
		}
		a.byPath[m.Path], a.scope[m.Path] = m, m.Path
	}
	pins := a.constraints(web)
	if a.steps < maxConstraintSteps || a.steps > maxConstraintSteps+300*len(web) || len(pins) != len(web) {
		t.Errorf("%d steps for %d environments", a.steps, len(pins))
	}
	for root, open := range pins {
		if open["flask"] != "" {
			t.Errorf("%s pins flask to %q", root, open["flask"])
		}
	}
}

func TestNotesAreBounded(t *testing.T) {
	m := parse(strings.Repeat("--pre\n", 100_000) + "flask==1\n")
	if len(m.Notes) != maxIncomplete+1 || !strings.Contains(m.Notes[maxIncomplete], "not all are listed") || len(m.Packages) != 1 {
		t.Errorf("%d notes, %d packages", len(m.Notes), len(m.Packages))
	}
}
