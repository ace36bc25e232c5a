package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/uv/uvtest"
)

// realSuite is what pytest itself has to say something of.
var realSuite = map[string]string{
	"pyproject.toml": "[tool.pytest.ini_options]\naddopts = \"--strict-markers --strict-config --ff -ra --junitxml=their-own.xml\"\nfilterwarnings = [\"error\"]\ncache_dir = \".cache/pytest\"\n",
	"lib/app.py":     "def add(a, b):\n    return a + b\n",
	"tests/test_app.py": `import pytest
from app import add

@pytest.fixture
def broken_teardown():
    yield
    raise OSError("torn")

class TestAdd:
    @pytest.mark.parametrize("a, b", [(1, 2), ("x y", "<&>\x1b[31m")])
    def test_add(self, a, b):
        assert add(a, b)

def test_wrong(tmp_path):
    (tmp_path / "f").write_text("x")
    print("printed \x1b[2J")
    assert add(1, 1) == 3

def test_teardown(broken_teardown):
    pass

@pytest.mark.skip(reason="not now")
def test_skipped():
    pass

@pytest.mark.xfail
def test_expected():
    assert False
`,
}

// The real pytest, from the index that is configured, says what the tests of this package believe it to say.
func TestRealPytest(t *testing.T) {
	if os.Getenv("DRYDOCK_E2E") != "1" {
		t.Skip("fetches pytest from the package index: make e2e runs it")
	}
	real := openDir(t)
	install := exec.Command(uvtest.Path(t), "pip", "install", "--no-config", "--python", interpreter(t), "--target", real, "--only-binary", ":all:", "pytest>=8")
	if url := os.Getenv("DRYDOCK_INDEX_URL"); url != "" {
		install.Args = append(install.Args, "--default-index", url)
	}
	install.Env = append(os.Environ(), "UV_CACHE_DIR="+t.TempDir(), "UV_PYTHON_DOWNLOADS=never")
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, d := range docks(t) {
		b := newBench(t, d, realSuite)
		b.place.Overlay = real
		c := command("pytest")
		c.Environment = map[string]string{"PYTHONPATH": "lib"}
		before := b.run(t, c)
		want := []Test{
			{"tests.test_app.TestAdd::test_add[1-2]", TestPassed, ""},
			{`tests.test_app.TestAdd::test_add[x y-<&>\x1b[31m]`, TestPassed, ""},
			{"tests.test_app::test_expected", TestSkipped, ""},
			{"tests.test_app::test_skipped", TestSkipped, "not now"},
			{"tests.test_app::test_teardown", TestError, `failed on teardown with "OSError: torn"`},
			{"tests.test_app::test_wrong", TestFailed, "assert 2 == 3"},
		}
		slices.SortFunc(before.Tests, func(a, b Test) int { return strings.Compare(a.Name, b.Name) })
		if before.Status != Failed || before.ExitCode != 1 || !slices.Equal(before.Tests, want) || !strings.Contains(before.Detail, "2 of 6 tests fail") {
			t.Fatalf("%s: %+v\n%s", d.Level(), before, before.Log)
		}
		c.Command = []string{"python", "-m", "pytest", "-q"}
		again := b.run(t, c)
		if v := Judge(&before, again); v.Status != VerdictWarned || len(v.Before) != 2 || len(v.New) > 0 {
			t.Errorf("%s: %+v\n%s", d.Level(), v, again.Log)
		}
		for _, step := range []struct {
			name     string
			words    []string
			app      string
			code     int
			status   string
			says     string
			tests    int
			newFirst string
		}{
			{"what it imports is gone", nil, "x = 1\n", 2, VerdictFailed, "pytest was interrupted", 1, "tests.test_app"},
			{"one more is wrong", nil, "def add(a, b):\n    return 3 if a == 1 and b == 1 else 0\n", 1, VerdictFailed, "newly", 6, "tests.test_app.TestAdd::test_add[1-2]"},
			{"an option it does not know", []string{"--no-such-option"}, realSuite["lib/app.py"], 4, VerdictFailed, "options it does not know", 0, "tests.test_app.TestAdd::test_add[1-2] (no longer collected)"},
			{"nothing to collect", []string{"lib"}, realSuite["lib/app.py"], 5, VerdictFailed, "pytest found no tests", 0, "tests.test_app.TestAdd::test_add[1-2] (no longer collected)"},
		} {
			changed := map[string]string{}
			for name, text := range realSuite {
				changed[name] = text
			}
			changed["lib/app.py"] = step.app
			after := newBench(t, d, changed)
			after.place.Overlay = real
			c.Command = append([]string{"pytest"}, step.words...)
			r := after.run(t, c)
			v := Judge(&before, r)
			if r.ExitCode != step.code || len(r.Tests) != step.tests || v.Status != step.status || !strings.Contains(v.Detail, step.says) || len(v.New) == 0 || v.New[0] != step.newFirst {
				t.Errorf("%s: %s: %+v\n%+v\n%s", d.Level(), step.name, v, r.Tests, r.Log)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(b.place.Root, "src", "their-own.xml")); len(left) > 0 {
			t.Errorf("%s: it wrote to the artifact", d.Level())
		}
		if !strings.Contains(string(before.Log), "printed ") || strings.Contains(string(before.Log), "\x1b") {
			t.Errorf("%s: %q", d.Level(), before.Log)
		}
	}
}
