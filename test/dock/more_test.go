package dock

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/test/yard"
)

// low is the vector of a vulnerability that is in no hurry.
const low = "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"

// branchOn is the name that the first branch of a day for an emergency gets; the next ones get a number.
func branchOn(day time.Time) string {
	return "emergency/security-fix-" + day.UTC().Format("20060102") + "-" + app
}

// rare leaves a test to who asks for all of them: it takes long, and others show most of it.
func rare(t testing.TB) {
	t.Helper()
	if os.Getenv("DRYDOCK_E2E") == "" {
		t.Skip("set DRYDOCK_E2E=1 for it")
	}
}

// advise puts other advisories in the place of the usual one: package, fixed in, severity, and so on.
func (w *world) advise(all ...string) {
	w.t.Helper()
	var list []yard.Advisory
	for one := range slices.Chunk(all, 3) {
		list = append(list, yard.Advisory{ID: "GHSA-0000-0000-" + one[0], Package: one[0], Fixed: one[1], Severity: one[2]})
	}
	w.db = yard.Advisories(w.t, list...)
}

// checkedOut is a folder with the application's files, outside of any repository.
func (w *world) checkedOut() string {
	w.t.Helper()
	dir := filepath.Join(w.t.TempDir(), app)
	for name, text := range plain() {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
	return dir
}

// stageOf waits for an event after a place in the log of a change of a phase.
func (w *world) stageOf(after uint64, name, phase string) events.Change {
	w.t.Helper()
	var found events.Change
	w.until(name+" of "+phase, func(*events.State) bool {
		for _, r := range w.records(after) {
			if kind(r) != name {
				continue
			}
			if c := w.state().Changes[events.Ext(r.Event, events.ExtChange)]; c.Phase == phase {
				found = c
				return true
			}
		}
		return false
	})
	return found
}
