package pyproject

import (
	"fmt"
	"strings"
	"testing"
)

const sample = `[build-system]
requires = ["hatchling"]
backend-path = ["."]

[project]
name = "payments"
version = "1.0"
requires-python = ">=3.9"
# "requests~=2.28"
dependencies = ["flask>=2.2,<3", 'requests~=2.28', "tomli>=2 ; python_version < \"3.11\""]

[project.optional-dependencies]
async = [
    "gevent>=22",
]

[dependency-groups]
dev = ["pytest>=7", {include-group = "lint"}]
lint = ["pyflakes"]

[tool.uv]
index-url = "https://one.example/simple"
extra-index-url = ["https://two.example/simple"]
find-links = "../wheels"
constraint-dependencies = ["werkzeug<3"]
dev-dependencies = ["mypy"]
environments = "sys_platform == 'linux'"

[[tool.uv.index]]
name = "x"
url = "https://three.example/simple"

[tool.uv.sources]
flask = { path = "../../flask" }

[tool.uv.pip]
index-url = "https://four.example/simple"

[[tool.poetry.source]]
url = "https://five.example/simple"
`

func TestParse(t *testing.T) {
	f, err := Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range f.Dependencies() {
		got = append(got, fmt.Sprintf("%d %s%s %s", d.Line, d.Extra, d.Group, d.Text))
	}
	want := "10  flask>=2.2,<3\n10  requests~=2.28\n10  tomli>=2 ; python_version < \"3.11\"\n14 async gevent>=22\n18 dev pytest>=7\n19 lint pyflakes\n26 dev mypy"
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	keys := fmt.Sprint(f.Redirects())
	if keys != "[{tool.uv.index-url https://one.example/simple} {tool.uv.extra-index-url https://two.example/simple} {tool.uv.find-links ../wheels} {tool.uv.index https://three.example/simple} {tool.uv.sources.flask } {tool.uv.pip.index-url https://four.example/simple} {tool.poetry.source https://five.example/simple}]" {
		t.Errorf("redirects %s", keys)
	}
	if f.Dynamic("version") {
		t.Error("the version is static")
	}
	if f, err = Parse([]byte("[tool.ruff]\nline-length = 100\n")); err != nil || f.Project != nil || len(f.Dependencies()) != 0 {
		t.Errorf("a file of settings: %+v %v", f, err)
	}
}

func TestNotAProject(t *testing.T) {
	for text, want := range map[string]string{
		"[project":                            "line 1: ",
		"[project]\ndependencies = 'flask'":   "line 2: ",
		"[project]\ndependencies = [1]":       "line 2: ",
		"x = '" + strings.Repeat("x", 2<<20):  "more than the limit",
		"x = " + strings.Repeat("[", 100_000): "line ",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		if err != nil {
			return
		}
		for _, d := range p.Dependencies() {
			if d.Line < 0 || d.Line > len(data)+1 {
				t.Errorf("line %d", d.Line)
			}
		}
		p.Redirects()
	})
}
