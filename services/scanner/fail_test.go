package scanner

import (
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
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
			w.service.patience = 2 * time.Second
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
