package dock

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/pybuild"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/wheelhouse"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/test/yard"
)

// realPins are 30 packages that a service in use has, compiled code among them, and what one of them moves to.
const (
	realPins = "flask==3.0.3 werkzeug==3.0.6 jinja2==3.1.4 markupsafe==3.0.2 click==8.1.7 itsdangerous==2.2.0 blinker==1.9.0 requests==2.32.3 urllib3==2.2.3 idna==3.10 certifi==2024.8.30 " +
		"charset-normalizer==3.4.0 sqlalchemy==2.0.36 greenlet==3.1.1 typing-extensions==4.12.2 pydantic==2.10.2 pydantic-core==2.27.1 annotated-types==0.7.0 attrs==24.2.0 packaging==24.2 " +
		"six==1.16.0 python-dateutil==2.9.0.post0 pytz==2024.2 pyyaml==6.0.2 cryptography==43.0.3 cffi==1.17.1 pycparser==2.22 gunicorn==23.0.0 redis==5.2.0 pygments==2.18.0"
	realUpdate = "jinja2==3.1.5"
)

// BenchmarkSecondValidation validates a set of 30 packages again and again, with all distributions kept and the tests
// of the unchanged application known, beside `uv pip install` of the same files into a new environment outside any
// box, with a cache of its own that is warm. The packages are tiny; where DRYDOCK_E2E is set they are real ones of
// the configured index. "s" is all of it but the application's tests, "s-…" the steps, "ratio" all of it by uv.
func BenchmarkSecondValidation(b *testing.B) {
	for _, set := range []struct {
		name string
		make func(testing.TB) *world
	}{{"tiny", tinyWorld}, {"real", realWorld}} {
		b.Run(set.name, func(b *testing.B) {
			w := set.make(b)
			c := w.proposed()
			wheels, pins := w.files(b, c)
			cache := b.TempDir()
			install(b, w, wheels, pins, cache) // which warms it
			var ours, theirs float64
			steps := map[string]float64{}
			rounds := 0
			for b.Loop() {
				rounds++
				c = w.revalidate(c, rounds)
				v := w.validation(c.Validated.Validation)
				for _, st := range v.Steps {
					steps[st.Name] += st.Seconds
					if st.Name != report.StepTests {
						ours += st.Seconds
					}
				}
				b.StopTimer()
				began := time.Now()
				install(b, w, wheels, pins, cache)
				theirs += time.Since(began).Seconds()
				b.StartTimer()
			}
			n := float64(rounds)
			for name, total := range steps {
				if total/n >= 0.01 {
					b.ReportMetric(total/n, "s-"+name)
				}
			}
			b.ReportMetric(ours/n, "s")
			b.ReportMetric(theirs/n, "s-uv")
			b.ReportMetric(ours/theirs, "ratio")
		})
	}
}

// tinyWorld is an application of 30 packages with a module each.
func tinyWorld(t testing.TB) *world {
	t.Helper()
	f := files()
	pins := []string{"lib==1.0"}
	for i := range 29 {
		pins = append(pins, fmt.Sprintf("package%02d==1.0", i))
	}
	f["requirements.txt"] = strings.Join(pins, "\n") + "\n"
	f["pay.py"] = "def versions():\n    return 1, 2\n"
	w := newWorld(t, f)
	for i := range 29 {
		w.index.Library(fmt.Sprintf("package%02d", i), "1.0", "")
	}
	return w
}

// realWorld is one of real packages.
func realWorld(t testing.TB) *world {
	t.Helper()
	if os.Getenv("DRYDOCK_E2E") == "" {
		t.Skip("real packages are fetched only with DRYDOCK_E2E=1")
	}
	f := files()
	f["requirements.txt"] = strings.ReplaceAll(realPins, " ", "\n") + "\n"
	f["pay.py"] = "import flask, sqlalchemy, requests\n\n\ndef versions():\n    return 1, 2\n"
	w := newWorld(t, f)
	from := index.NewClient(index.Config{URL: os.Getenv("DRYDOCK_INDEX_URL")})
	var pins []pybuild.Pin
	for _, text := range strings.Fields(realPins + " " + realUpdate) {
		name, version, _ := strings.Cut(text, "==")
		pins = append(pins, pybuild.Pin{Package: name, Version: version})
	}
	house, err := wheelhouse.Open(filepath.Join(w.dir, "real"))
	if err != nil {
		t.Fatal(err)
	}
	for _, half := range [][]pybuild.Pin{pins[:30], pins[30:]} { // no set holds two releases of a package
		want, problems, err := pybuild.Pick(t.Context(), from, half, pybuild.Here(w.python), false)
		if err != nil || len(want) != len(half) {
			t.Skipf("the index has not what is wanted: %v %v", err, problems)
		}
		dir := filepath.Join(t.TempDir(), "wheels")
		if err := house.Gather(t.Context(), from, want, dir, nil); err != nil {
			t.Skip(err)
		}
		for _, x := range want {
			data, err := os.ReadFile(filepath.Join(dir, x.File.Name))
			if err != nil {
				t.Fatal(err)
			}
			w.index.File(x.Project.Name, x.File.Name, data)
		}
	}
	w.db = yard.Advisories(t, yard.Advisory{ID: "GHSA-0000-0000-0001", Package: "jinja2", Fixed: "3.1.5"})
	return w
}

// files are the distributions of a change in a folder, and a file with its pins.
func (w *world) files(t testing.TB, c events.Change) (wheels, pins string) {
	t.Helper()
	wheels, pins = t.TempDir(), filepath.Join(t.TempDir(), "requirements.txt")
	text := w.repo.Git("show", c.Proposed.Commit+":requirements.txt")
	if err := os.WriteFile(pins, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w.index.Save(wheels)
	return wheels, pins
}

// install is what anybody would do: uv, outside any box.
func install(t testing.TB, w *world, wheels, pins, cache string) {
	t.Helper()
	python, err := pybuild.Find(t.Context(), w.python, pybuild.Search{Path: filepath.SplitList(os.Getenv("PATH"))})
	if err != nil {
		t.Fatal(err)
	}
	venv := filepath.Join(cache, "venv")
	for _, args := range [][]string{
		{"venv", "--quiet", "--no-project", "--python", python.Path, venv},
		{"pip", "install", "--quiet", "--python", filepath.Join(venv, "bin", "python"), "--no-index", "--find-links", wheels, "--no-deps", "-r", pins},
	} {
		cmd := exec.CommandContext(t.Context(), w.tool.Path, append(args, "--no-config")...)
		cmd.Env = append(os.Environ(), "UV_CACHE_DIR="+filepath.Join(cache, "uv"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("uv %s: %v\n%s", args[0], err, out)
		}
	}
	if err := os.RemoveAll(venv); err != nil {
		t.Fatal(err)
	}
}

// revalidate takes an artifact's validity away and waits for the next.
func (w *world) revalidate(c events.Change, round int) events.Change {
	w.t.Helper()
	key := fmt.Sprint("round ", round)
	_, err := worker.Decide(w.t.Context(), w.b, w.folds, app, func(*events.State, *events.OrgState) ([]events.Event, error) {
		e, err := events.New(events.Meta{App: app, Cause: key, Key: key, Change: c.Change, Lane: events.Urgent, Time: time.Now().UTC()},
			events.ArtifactVoided{Change: c.Change, Artifact: c.Validated.Artifact, Reason: "for a measurement", Base: c.Validated.Base})
		return []events.Event{e}, err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	s := w.until("proposed again", func(s *events.State) bool {
		now := s.Changes[c.Change]
		return now.Stage() == events.StageProposed && now.Validated.Validation != c.Validated.Validation
	})
	return s.Changes[c.Change]
}
