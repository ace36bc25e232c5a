package manifest

import (
	"errors"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/uv"
)

var flaskShop = shop{
	"flask 2.2.2":    {"Requires-Dist: werkzeug>=2.2.2", "Requires-Dist: click>=8", "Requires-Dist: importlib-metadata>=3.6 ; python_version < '3.10'", "Provides-Extra: async", "Requires-Dist: asgiref ; extra == 'async'"},
	"flask 2.2.5":    {"Requires-Dist: werkzeug>=2.2.2", "Requires-Dist: click>=8", "Requires-Dist: importlib-metadata>=3.6 ; python_version < '3.10'", "Provides-Extra: async", "Requires-Dist: asgiref ; extra == 'async'"},
	"flask 2.3.2":    {"Requires-Dist: werkzeug>=2.3", "Requires-Dist: click>=8", "Requires-Dist: blinker>=1.6", "Requires-Dist: importlib-metadata>=3.6 ; python_version < '3.10'", "Provides-Extra: async", "Requires-Dist: asgiref ; extra == 'async'"},
	"flask 2.2.9":    {"Requires-Dist: werkzeug>=2.2.2", "Requires-Dist: click>=8"},
	"flask 3.0.0":    {"Requires-Dist: werkzeug>=3"},
	"werkzeug 2.2.2": {"Requires-Dist: markupsafe>=2"},
	"werkzeug 2.2.3": {"Requires-Dist: markupsafe>=2"},
	"werkzeug 2.3.8": {"Requires-Dist: markupsafe>=2"},
	"werkzeug 3.0.1": {"Requires-Dist: markupsafe>=2"},
	"markupsafe 2.1": {"wheels cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64 cp310-cp310-win_amd64 cp311-cp311-macosx_11_0_arm64"},
	"click 8.0":      {"Requires-Dist: colorama ; sys_platform == 'win32'"}, "click 8.1": {"Requires-Dist: colorama ; sys_platform == 'win32'"},
	"colorama 0.4": {}, "importlib-metadata 6.0": {"Requires-Dist: zipp"}, "importlib-metadata 6.1": {"Requires-Dist: zipp"}, "zipp 3.1": {}, "asgiref 3.6": {}, "blinker 1.6": {}, "blinker 1.7": {},
	"gevent 22.1": {"Requires-Dist: greenlet", "Requires-Dist: cffi>=1.1 ; sys_platform == 'win32'"}, "cffi 1.2": {"Requires-Dist: pycparser"}, "greenlet 2.0": {"dynamic", "Requires-Dist: made-up"}, "pytest 7.2": {"Requires-Dist: iniconfig"}, "pytest 7.4": {"Requires-Dist: iniconfig"}, "iniconfig 2.0": {"sdist"}, "iniconfig 2.1": {"sdist"},
	"old-and-slow 1.0": {"dynamic"}, "old-and-slow 1.1": {"dynamic"},
}

const flaskFile = `[build-system]
requires = ["hatchling"]

[project]
name = "Payments"
version = "1.2.0"
requires-python = ">=3.9"
dependencies = ["flask[async]>=2.2,<3", "importlib-metadata<6.1 ; python_version < '3.10'"]

[project.optional-dependencies]
async = ["gevent>=22 ; sys_platform == 'linux'"]

[dependency-groups]
dev = ["pytest>=7,<8", {include-group = "lint"}]
lint = ["click"]

[tool.uv]
constraint-dependencies = ["click<8.1"]
environments = ["sys_platform == 'linux'", "sys_platform == 'darwin'"]
`

func flaskApp(t *testing.T) *project {
	return newProject(t, flaskShop, map[string]string{"pyproject.toml": strings.Replace(flaskFile, "[build-system]\nrequires = [\"hatchling\"]\n", "", 1)}, "flask 2.2.5", "flask 2.2.9", "flask 2.3.2", "flask 3.0.0", "werkzeug 2.2.3", "werkzeug 2.3.8", "werkzeug 3.0.1", "pytest 7.4", "iniconfig 2.1")
}

func move(s shop, name, from, to string) string {
	was, wasWheels := s.lines(name, from)
	is, isWheels := s.lines(name, to)
	out := "-version = \"" + from + "\"\n+version = \"" + to + "\"\n-" + was
	if len(wasWheels) == 0 {
		return out + "+" + is
	}
	return out + "+" + is + "-" + strings.Join(wasWheels, "-") + "+" + strings.Join(isWheels, "+")
}

func TestUVLockMovesWhatIsToldTo(t *testing.T) {
	p := flaskApp(t)
	for _, tc := range []struct{ updates, want string }{
		{"werkzeug 2.2.2 2.2.3", move(flaskShop, "werkzeug", "2.2.2", "2.2.3")},
		{"werkzeug 2.2.2 2.2.3,flask 2.2.2 2.2.5", move(flaskShop, "flask", "2.2.2", "2.2.5") + move(flaskShop, "werkzeug", "2.2.2", "2.2.3")},
		{"pytest 7.2 7.4,iniconfig 2.0 2.1", move(flaskShop, "iniconfig", "2.0", "2.1") + move(flaskShop, "pytest", "7.2", "7.4")},
	} {
		got, err := p.rewrite(strings.Split(tc.updates, ",")...)
		if err != nil || got != tc.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", tc.updates, err, got, tc.want)
		}
	}
	if t.Failed() {
		t.Logf("%s", p.files["uv.lock"])
	}
}

// A package that an update brings appears, one that nothing needs any more goes.
func TestUVLockAddsAndDrops(t *testing.T) {
	p := flaskApp(t)
	got, err := p.rewrite("werkzeug 2.2.2 2.3.8", "flask 2.2.2 2.3.2", "blinker - 1.6")
	if err != nil {
		t.Fatal(err)
	}
	sdist, wheels := flaskShop.lines("blinker", "1.6")
	if want := "+name = \"blinker\"\n+version = \"1.6\"\n+source = { registry = \"" + shopURL + "\" }\n+" + sdist + "+wheels = [\n+" + wheels[0] + "+]\n+\n+[[package]]\n"; !strings.HasPrefix(got, want) || strings.Count(got, "{ name = \"blinker\"") != 1 || strings.Count(got, "\n") != 9+7+6 {
		t.Errorf("want\n%s\nin\n%s", want, got)
	}
	got, err = p.rewrite("flask 2.2.2 2.2.9")
	if err != nil || !strings.HasPrefix(got, "-name = \"asgiref\"\n") {
		t.Errorf("asgiref is needed by nothing now: %v\n%s", err, got)
	}
}

func TestUVLockKeepsLineEnds(t *testing.T) {
	p := flaskApp(t)
	p.files["uv.lock"] = []byte(strings.ReplaceAll(string(p.files["uv.lock"]), "\n", "\r\n"))
	got, err := p.rewrite("werkzeug 2.2.2 2.2.3")
	if want := strings.ReplaceAll(move(flaskShop, "werkzeug", "2.2.2", "2.2.3"), "\n", "\r\n"); err != nil || got != want {
		t.Errorf("%v\n%q\nwant\n%q", err, got, want)
	}
	p.files["uv.lock"] = append(p.files["uv.lock"], '\n')
	if _, err = p.rewrite("werkzeug 2.2.2 2.2.3"); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "end in two ways") {
		t.Errorf("%v", err)
	}
}

// A header that uv would write otherwise today stays, but uv is not held to the date in it.
func TestUVLockKeepsItsHeader(t *testing.T) {
	p := flaskApp(t)
	p.files["uv.lock"] = []byte(strings.Replace(string(p.files["uv.lock"]), "\n[[package]]", "\n[options]\nexclude-newer = \"2020-01-01T00:00:00Z\"\n\n[options.exclude-newer-package]\nflask = false\n\n[[package]]", 1))
	got, err := p.rewrite("werkzeug 2.2.2 2.2.3")
	if want := move(flaskShop, "werkzeug", "2.2.2", "2.2.3"); err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
}

// What uv would have to decide otherwise is an error that says what, and nothing is written.
func TestUVLockRefusesWhatDoesNotFit(t *testing.T) {
	p := flaskApp(t)
	for updates, want := range map[string]string{
		"flask 2.2.2 3.0.0,werkzeug 2.2.2 3.0.1":    "flask", // the project asks for <3
		"flask 2.2.2 2.3.2,werkzeug 2.2.2 2.3.8":    "uv would also add blinker 1.7, which the plan does not have",
		"flask 2.2.2 2.3.2":                         "only werkzeug==2.2.2 is available",
		"click 8.0 8.1":                             "click", // a constraint of tool.uv
		"importlib-metadata 6.0 6.1":                "importlib-metadata",
		"werkzeug 2.2.2 2.2.4":                      "the index has no werkzeug 2.2.4",
		"werkzeug 2.2.1 2.2.3":                      "it has no werkzeug 2.2.1 to update",
		"werkzeug 2.2.2 2.2.3,werkzeug 2.2.2 2.3.8": "is to become both",
		"werkzeug 2.2.2 2.2.3,blinker - 1.6":        "uv would not lock blinker 1.6: nothing in the project needs it there",
		"greenlet 2.0 2.0.1":                        "the index has no greenlet 2.0.1",
		"werkzeug 2.2.2 2.2.3,old-and-slow - 1.1":   "uv would not lock old-and-slow 1.1",
	} {
		if got, err := p.rewrite(strings.Split(updates, ",")...); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "uv.lock: ") || strings.Contains(err.Error(), "127.0.0.1") || strings.Contains(err.Error(), "index.invalid") {
			t.Errorf("%s: %v\n%s", updates, err, got)
		} else {
			t.Log(err)
		}
	}
	_, err := p.rewrite("flask 2.2.2 3.0.0", "werkzeug 2.2.2 3.0.1")
	var conflict *uv.Conflict
	if !errors.As(err, &conflict) {
		t.Errorf("%T %v", err, err)
	}
}
