package validator

import (
	"fmt"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/isolation/dock"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/wheelhouse"
)

func TestBuildWith(t *testing.T) {
	c := Default()
	c.BuildWith = []string{"setuptools==75.3.0", "wheel == 0.44.0", "Flit_Core==3.9.0"}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	pins, err := buildPins(c.BuildWith)
	if err != nil || len(pins) != 3 || pins[2].Package != "flit-core" || pins[1].Version != "0.44.0" {
		t.Errorf("%+v, %v", pins, err)
	}
	for text, want := range map[string]string{
		"setuptools":               `validator.build_with[0]: "setuptools" is no exact pin; want one such as setuptools==75.3.0`,
		"setuptools>=75":           `"setuptools>=75" is no exact pin`,
		"setuptools==75.*":         `"75.*" is no version`,
		"setuptools==":             `"" is no version`,
		"setuptools===75.3.0":      `"=75.3.0" is no version`,
		"==75.3.0":                 "is no exact pin",
		"a==1,==2":                 `"1,==2" is no version`,
		"a[extra]==1":              "is no exact pin",
		"a==1; python_version>'3'": "is no version",
		"a==1 --hash=sha256:0":     "is no version",
		"../a==1":                  "is no exact pin",
		"https://host/a.whl":       "is no exact pin",
	} {
		c.BuildWith = []string{text}
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	c.BuildWith = []string{"a-b==1.0", "A_b==2.0"}
	if err := c.Validate(); err == nil || err.Error() != "validator.build_with[1]: a-b is pinned twice; leave one out" {
		t.Error(err)
	}
	c.BuildWith = nil
	for i := range maxBackends + 1 {
		c.BuildWith = append(c.BuildWith, fmt.Sprintf("a%d==1", i))
	}
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "51 pins; want at most 50") {
		t.Error(err)
	}
}

// confined is a dock of which only the level is asked.
type confined struct{ dock.Dock }

func (confined) Level() dock.Level { return dock.Landlock }

// What the unchanged application was built with decides how its tests end, where it was built from source.
func TestBaselineKeyNamesBackends(t *testing.T) {
	file := func(name, sum string) []wheelhouse.Wanted {
		return []wheelhouse.Wanted{{File: index.File{Name: name, Hashes: map[string]string{"sha256": sum}}}}
	}
	key := func(ship string, tools []wheelhouse.Wanted) string {
		w := &work{s: &Service{cfg: Default()}, v: &report.Validation{}, dock: confined{}, plain: &trial{ship: file(ship, "1")}, tools: tools}
		return w.baselineKey(report.StepTests, application.Check{})
	}
	old, fresh := file("setuptools-75.2.0-py3-none-any.whl", "2"), file("setuptools-75.3.0-py3-none-any.whl", "3")
	if key("a-1.0.tar.gz", old) == key("a-1.0.tar.gz", fresh) || key("a-1.0.tar.gz", old) == "" {
		t.Error("another backend is the same baseline")
	}
	if key("a-1.0-py3-none-any.whl", old) != key("a-1.0-py3-none-any.whl", nil) {
		t.Error("a backend that nothing is built with makes another baseline")
	}
}
