package pybuild

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/isolation/dock"
	"github.com/drydock-dev/drydock/pkg/wheelhouse"
)

// realPins are 30 packages that a service in use has, compiled code among them.
const realPins = "flask==2.2.5 werkzeug==2.2.3 jinja2==3.1.2 markupsafe==2.1.3 click==8.1.3 itsdangerous==2.1.2 requests==2.31.0 urllib3==2.0.7 idna==3.4 certifi==2023.7.22 charset-normalizer==3.2.0 " +
	"sqlalchemy==2.0.20 greenlet==2.0.2 typing-extensions==4.7.1 pydantic==2.3.0 pydantic-core==2.6.3 annotated-types==0.5.0 attrs==23.1.0 packaging==23.1 six==1.16.0 python-dateutil==2.8.2 pytz==2023.3 " +
	"pyyaml==6.0.1 cryptography==41.0.3 cffi==1.15.1 pycparser==2.21 gunicorn==21.2.0 redis==5.0.0 rich==13.5.2 pygments==2.16.1"

func realWanted(t testing.TB, python string, ix index.Source) []wheelhouse.Wanted {
	t.Helper()
	if os.Getenv("DRYDOCK_E2E") != "1" {
		t.Skip("real packages are fetched only with DRYDOCK_E2E=1")
	}
	var pins []Pin
	for _, text := range strings.Fields(realPins) {
		name, version, _ := strings.Cut(text, "==")
		pins = append(pins, Pin{Package: name, Version: version})
	}
	want, problems, err := Pick(t.Context(), ix, pins, Here(python), false)
	if err != nil || len(want) != len(pins) {
		t.Skipf("the index has not what is wanted: %v %v", err, problems)
	}
	return want
}

// Real packages come out the same at every level, and run.
func TestRealPackages(t *testing.T) {
	ix := index.NewClient(index.Config{})
	want := realWanted(t, python(t).Version, ix)
	sums := map[string]string{}
	for _, d := range docks(t) {
		b := builder(t, newShop(t), d)
		b.Index = ix
		to := filepath.Join(openDir(t), "venv")
		built, err := b.Build(t.Context(), want, to)
		if err != nil {
			t.Fatalf("%s: %v", d.Level(), err)
		}
		t.Logf("%s: %v %v %v", d.Level(), built.Run.Wall, built.Steps, built.Notes)
		sums[digest(t, b, to)] = to
		if got := output(t, nil, filepath.Join(to, "bin", "python"), "-B", "-c", "import flask, sqlalchemy, cryptography.fernet, yaml, pydantic; print('runs')"); got != "runs\n" {
			t.Errorf("%s: %s", d.Level(), got)
		}
		if _, err := b.Check(t.Context(), to); err == nil || !strings.Contains(err.Error(), "markdown-it-py") { // left out of the pins, and rich requires it
			t.Errorf("%s: %v", d.Level(), err)
		}
	}
	if len(sums) != 1 {
		t.Errorf("%d different environments", len(sums))
		compare(t, sums)
	}
}

func BenchmarkBuildWarmReal(bench *testing.B) {
	ix := index.NewClient(index.Config{})
	want := realWanted(bench, python(bench).Version, ix)
	d, err := dock.Open(bench.Context(), "")
	if err != nil {
		bench.Skip(err)
	}
	b := builder(bench, newShop(bench), d)
	b.Index = ix
	dir := openDir(bench)
	if _, err := b.Build(bench.Context(), want, filepath.Join(dir, "first")); err != nil {
		bench.Fatal(err)
	}
	b.Index = nobody{ix}
	for bench.Loop() {
		to := filepath.Join(dir, "venv")
		built, err := b.Build(bench.Context(), want, to)
		if err != nil {
			bench.Fatal(err)
		}
		for name, took := range built.Steps {
			bench.ReportMetric(float64(took.Milliseconds()), "ms-"+name)
		}
		bench.StopTimer()
		if err := os.RemoveAll(to); err != nil {
			bench.Fatal(err)
		}
		bench.StartTimer()
	}
}
