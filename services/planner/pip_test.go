package planner

import (
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/manifest/manifesttest"
)

// The real pip installs each file of a plan by itself, with --require-hashes, and each phase adds to the one before.
func TestPipInstallsEveryPhase(t *testing.T) {
	h := manifesttest.New(t)
	h.Add("flask", "1.0", "werkzeug")
	h.Add("flask", "2.0", "werkzeug", "blinker")
	h.Add("werkzeug", "1.0")
	h.Add("werkzeug", "2.0")
	h.Add("blinker", "1.0")
	h.Add("lib", "1.0")
	h.Add("lib", "1.1")
	pin := func(name, version string) string {
		return name + "==" + version + " \\\n    --hash=" + strings.Join(h.Hashes(name, version), " \\\n    --hash=") + "\n"
	}
	w, inv := application(t, map[string]string{"requirements.txt": pin("flask", "1.0") + pin("werkzeug", "1.0"), "requirements-dev.txt": pin("lib", "1.0")})
	p := phased([]string{"flask 1.0>2.0 requirements.txt", "blinker >1.0 requirements.txt flask"}, []string{"werkzeug 1.0>2.0 requirements.txt"}, []string{"lib 1.0>1.1 requirements-dev.txt"})
	for _, ph := range p.Phases {
		for i := range ph.Updates {
			ph.Updates[i].Hashes = h.Hashes(ph.Updates[i].Package, ph.Updates[i].To)
		}
	}
	dir := t.TempDir()
	names, err := WriteFiles(t.Context(), dir, p, inv, w.store)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		files[name] = []byte(text(t, dir, name))
	}
	for name, want := range map[string]string{
		names[2]:                       "blinker-1.0 flask-2.0 lib-1.0 werkzeug-1.0",
		names[3]:                       "blinker-1.0 flask-2.0 lib-1.0 werkzeug-2.0",
		"requirements_updated.txt":     "blinker-1.0 flask-2.0 lib-1.1 werkzeug-2.0",
		"updated/requirements.txt":     "blinker-1.0 flask-2.0 werkzeug-2.0",
		"updated/requirements-dev.txt": "lib-1.1",
	} {
		if set, err := h.Installs(files, name, "--require-hashes"); err != nil || set != want {
			t.Errorf("%s: %q, want %q: %v\n%s", name, set, want, err, files[name])
		}
	}
}
