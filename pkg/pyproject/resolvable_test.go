package pyproject

import (
	"errors"
	"strings"
	"testing"
)

// What leads a tool elsewhere, or has it build, is not in the file of our making.
func TestResolvable(t *testing.T) {
	text := strings.Replace(sample, "environments = \"sys_platform == 'linux'\"", "environments = \"sys_platform == 'linux'\"\nrequired-environments = [\"os_name == 'posix'\"]\noverride-dependencies = [\"six==1\"]\nconflicts = [[{ extra = \"async\" }, { package = \"payments\", group = \"lint\" }]]\ndependency-groups = { lint = { requires-python = \">=3.10\" } }", 1)
	f, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	data, err := f.Resolvable(Place{Members: []string{"packages/core"}, Names: []string{"payments", "flask", "other"}})
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Redirects(); len(got) != 0 || again.Build != nil || strings.Contains(string(data), "example") || strings.Contains(string(data), "../") {
		t.Errorf("%v\n%s", got, data)
	}
	if source, _ := again.Tool.UV.Sources["flask"].(map[string]any); source["workspace"] != true || len(source) != 1 {
		t.Errorf("flask is a member: %v", source)
	}
	if len(again.Dependencies()) != len(f.Dependencies()) || again.Project.RequiresPython != ">=3.9" || again.Project.Version != "1.0" || *again.Tool.UV.Package {
		t.Errorf("%s", data)
	}
	for _, want := range []string{"constraint-dependencies = ['werkzeug<3']", "override-dependencies = ['six==1']", "environments = ", "required-environments = ", "conflicts = ", "include-group = 'lint'", "requires-python = '>=3.10'", "members = ['packages/core']"} {
		if !strings.Contains(string(data), want) {
			t.Errorf("misses %s in\n%s", want, data)
		}
	}
}

func TestNotResolvable(t *testing.T) {
	for text, want := range map[string]string{
		"[project]\nname='a'\ndynamic=['dependencies']":                                           "its dependencies are dynamic",
		"[project]\nname='a'\ndynamic=['optional-dependencies']":                                  "its optional-dependencies are dynamic",
		"[project]\nversion='1'":                                                                  "it has no project.name",
		"[project]\nname='a'\ndependencies=['b @ file:///etc']":                                   "b is asked for by URL",
		"[project]\nname='a'\ndependencies=['!']":                                                 "project.dependencies: a requirement can't be read",
		"[project]\nname='a'\n[project.optional-dependencies]\nx=['b @ https://x.example']":       "b is asked for by URL",
		"[dependency-groups]\nx=[1]":                                                              "entry of an unknown kind",
		"[dependency-groups]\nx=[{include-group='y', path='z'}]":                                  "entry of an unknown kind",
		"[tool.uv]\noverride-dependencies=[{name='x', url='y'}]":                                  "entry that is no string",
		"[tool.uv]\nconstraint-dependencies=['b @ git+https://x.example/b']":                      "b is asked for by URL",
		"[tool.uv]\nenvironments=[1]":                                                             "entry that is no string",
		"[tool.uv]\nenvironments=1":                                                               "is no list of strings",
		"[tool.uv]\nconflicts=[{path='x'}]":                                                       "not as uv documents it",
		"[tool.uv]\nconflicts=[[[[[]]]]]":                                                         "not as uv documents it",
		"[tool.uv.dependency-groups]\nx={path='y'}":                                               "setting of an unknown kind",
		"[project]\nname='a'\n[dependency-groups]\nx=['b @ https://user:s3cret@x.example/b.zip']": "b is asked for by URL",
		"[project]\nname='a'\ndependencies=['b @@ https://user:s3cret@x.example/b.zip']":          "can't be read",
	} {
		f, err := Parse([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if _, err := f.Resolvable(Place{}); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func FuzzResolvable(f *testing.F) {
	f.Add([]byte(sample))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		if err != nil {
			return
		}
		out, err := p.Resolvable(Place{Members: []string{}})
		if err != nil {
			return
		}
		again, err := Parse(out)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if len(again.Redirects()) > 0 || again.Build != nil {
			t.Errorf("leads elsewhere:\n%s", out)
		}
	})
}
