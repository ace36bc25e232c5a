package uv

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/pep508"
)

func pins(a Answer) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(a.Pins)) {
		out = append(out, name+"=="+a.Pins[name])
	}
	return strings.Join(out, " ")
}

func TestCompile(t *testing.T) {
	tool := realTool(t)
	stock := map[string]map[string]string{
		"flask": flasks().stock["flask"], "werkzeug": flasks().stock["werkzeug"], "markupsafe": {"2.1.1": ""}, "blinker": {"1.6": "", "1.7": ""},
		"torch":        {"1.12.0+cu117": "", "1.13.0+cu117": ""},
		"epoch":        {"2020.1": "", "1!1.0": "", "1!2.0": ""},
		"beta":         {"1.0": "", "2.0rc1": "", "2.0rc2": "", "3.0.dev1": ""},
		"post":         {"1.0": "", "1.0.post1": "", "1.1": ""},
		"odd-name":     {"v1.0.0-1": "Requires-Dist: Beta==2.0rc2\n"},
		"wild":         {"1.0": "Provides-Extra: Async_io\nRequires-Dist: blinker (>=1.7) ; extra == \"async-io\"\nRequires-Dist: werkzeug\n\t>=2.2.3 ; extra == \"async-io\"\n"},
		"modern":       {"1.0": "Requires-Python: >=3.8\n", "1.1": "Requires-Python: >=3.12\n"},
		"oddly-python": {"1.0": "Requires-Python: three\n"},
		"system": {"1.0": "Requires-Dist: blinker==1.6 ; sys_platform == \"win32\"\nRequires-Dist: blinker==1.7 ; platform_machine == \"aarch64\"\n" +
			"Requires-Dist: markupsafe ; sys_platform == \"darwin\" and platform_machine == \"arm64\"\nRequires-Dist: beta==1.0 ; python_full_version >= \"3.11.5\"\n"},
		"early": {"1.0": "Provides-Extra: toml\nRequires-Dist: blinker==1.6 ; python_full_version <= \"3.11.0a6\" and extra == \"toml\"\nRequires-Dist: post==1.1 ; python_full_version > \"3.11.0a6\"\n"},
	}
	env := func(python, platform, machine string) pep508.Environment {
		return pep508.Environment{Python: python, Platform: platform, Machine: machine}
	}
	for name, tc := range map[string]struct {
		in, constraints []string
		prefer          map[string]string
		env             pep508.Environment
		want            string
	}{
		"keeps still":         {in: []string{"flask>=2.2.2", "werkzeug>=2.2.2"}, prefer: map[string]string{"Flask": "2.2.2", "werkzeug": "2.2.2"}, want: "flask==2.2.2 werkzeug==2.2.2"},
		"moves to a floor":    {in: []string{"flask>=2.2.2", "werkzeug>=2.2.2"}, constraints: []string{"werkzeug>=2.2.3"}, prefer: map[string]string{"flask": "2.2.2", "werkzeug": "2.2.2"}, want: "flask==2.2.2 werkzeug==2.2.3"},
		"brings in":           {in: []string{"flask>=2.2.2"}, constraints: []string{"flask>=2.3"}, want: "blinker==1.7 flask==3.0.0 markupsafe==2.1.1 werkzeug==3.0.6"},
		"local version":       {in: []string{"torch>=1.12.0"}, constraints: []string{"torch>=1.12.1"}, prefer: map[string]string{"torch": "1.12.0+cu117"}, want: "torch==1.13.0+cu117"},
		"local version stays": {in: []string{"torch==1.12.0+cu117"}, prefer: map[string]string{"torch": "1.12.0+cu117"}, want: "torch==1.12.0+cu117"},
		"epoch":               {in: []string{"epoch>=2020.1"}, constraints: []string{"epoch>1!1.0"}, prefer: map[string]string{"epoch": "2020.1"}, want: "epoch==1!2.0"},
		"no pre-release":      {in: []string{"beta>=1.0"}, prefer: map[string]string{"beta": "1.0"}, want: "beta==1.0"},
		"pre-release pinned":  {in: []string{"beta==2.0rc1"}, prefer: map[string]string{"beta": "2.0rc1"}, want: "beta==2.0rc1"},
		"dev release pinned":  {in: []string{"beta==3.0.dev1"}, want: "beta==3.0.dev1"},
		"post release":        {in: []string{"post>=1.0"}, constraints: []string{"post>1.0.post0"}, prefer: map[string]string{"post": "1.0"}, want: "post==1.0.post1"},
		"odd spellings":       {in: []string{"Odd._Name >= 1.0", "beta==2.0.RC-2"}, prefer: map[string]string{"ODD_name": "v1.0.0-1"}, want: "beta==2.0rc2 odd-name==v1.0.0-1"},
		"extras":              {in: []string{"wild[ASYNC.io]==1.0"}, want: "blinker==1.7 markupsafe==2.1.1 werkzeug==3.0.6 wild==1.0"},
		"unknown extra":       {in: []string{"wild[gone]==1.0"}, want: "wild==1.0"},
		"marker false":        {in: []string{`beta==1.0 ; python_version < "3"`, "post==1.1"}, want: "post==1.1"},
		"nothing":             {want: ""},
		"old Python":          {in: []string{"modern>=1.0"}, env: env("3.9", "linux", ""), want: "modern==1.0"},
		"new Python":          {in: []string{"modern>=1.1"}, env: env("3.12.1", "linux", "x86_64"), want: "modern==1.1"},
		"unreadable Python":   {in: []string{"oddly-python"}, want: "oddly-python==1.0"},
		"linux":               {in: []string{"system"}, env: env("3.11.4", "linux", "s390x"), want: "system==1.0"},
		"linux aarch64":       {in: []string{"system"}, env: env("3.11.7", "", "aarch64"), want: "beta==1.0 blinker==1.7 system==1.0"},
		"darwin":              {in: []string{"system"}, env: env("3.11", "darwin", "arm64"), want: "markupsafe==2.1.1 system==1.0"},
		"before a final":      {in: []string{"early[toml]"}, env: env("3.10.13", "linux", "x86_64"), want: "blinker==1.6 early==1.0"},
		"at a final":          {in: []string{"early[toml]"}, env: env("3.11", "linux", "x86_64"), want: "early==1.0 post==1.1"},
		"at its first patch":  {in: []string{"early[toml]"}, env: env("3.11.0", "linux", "x86_64"), want: "early==1.0 post==1.1"},
		"after a final":       {in: []string{"early[toml]"}, env: env("3.11.7", "linux", "x86_64"), want: "early==1.0 post==1.1"},
		"windows":             {in: []string{"system"}, env: env("3.11", "win32", "AMD64"), want: "blinker==1.6 system==1.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.env.Python == "" {
				tc.env = linux311
			}
			a, err := tool.Compile(t.Context(), Problem{Requirements: tc.in, Constraints: tc.constraints, Preferences: tc.prefer, Env: tc.env, Offer: &shop{stock: stock}})
			if err != nil || pins(a) != tc.want {
				t.Errorf("%s, %v; want %s", pins(a), err, tc.want)
			}
		})
	}
}

func TestAnswerIsDeterministic(t *testing.T) {
	tool := realTool(t)
	p := environment(20)
	a, err := tool.Compile(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	b, err := tool.Compile(t.Context(), p)
	a.CPU, b.CPU = 0, 0
	if err != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("%v\n%+v\n%+v", err, a, b)
	}
	if got := a.Via["package-0"]; !slices.Contains(got, "package-1") || slices.ContainsFunc(got, func(s string) bool { return !strings.HasPrefix(s, "package-") }) {
		t.Errorf("via: %v", got)
	}
	for _, arg := range a.Args {
		if filepath.IsAbs(arg) || strings.Contains(arg, "127.0.0.1:") {
			t.Errorf("argument %s", arg)
		}
	}
}

func TestConflicts(t *testing.T) {
	tool := realTool(t)
	stock := flasks().stock
	stock["needs-gone"] = map[string]string{"1.0": "Requires-Dist: gone-away>=3\n"}
	stock["modern"] = map[string]string{"1.0": "Requires-Python: >=3.12\n"}
	stock["empty"] = map[string]string{}
	for name, tc := range map[string]struct {
		in, constraints []string
		missing         []string
		says            []string
	}{
		"unsatisfiable":               {in: []string{"flask>=3.0.0", "werkzeug<3"}, says: []string{"flask>=3.0.0 depends on werkzeug>=3.0.0", "werkzeug<3", "unsatisfiable"}},
		"no such fix":                 {in: []string{"werkzeug>=2.2.2"}, constraints: []string{"werkzeug>=4"}, says: []string{"only werkzeug<=3.0.6 is available"}},
		"nobody offers":               {in: []string{"gone-away", "flask>=2.2.2"}, missing: []string{"gone-away"}, says: []string{"gone-away is not offered by the index", "you require gone-away"}},
		"nobody offers what it needs": {in: []string{"needs-gone"}, missing: []string{"gone-away"}, says: []string{"gone-away is not offered by the index", "needs-gone"}},
		"offers nothing":              {in: []string{"empty"}, says: []string{"empty"}},
		"wrong Python":                {in: []string{"modern"}, says: []string{"3.11", ">=3.12", "modern"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := tool.Compile(t.Context(), Problem{Requirements: tc.in, Constraints: tc.constraints, Env: linux311, Offer: &shop{stock: stock}})
			var c *Conflict
			if !errors.As(err, &c) || !slices.Equal(c.Missing, tc.missing) {
				t.Fatalf("%v, %+v", err, c)
			}
			for _, s := range tc.says {
				if !strings.Contains(c.Text, s) {
					t.Errorf("%q does not say %q", c.Text, s)
				}
			}
			for _, s := range []string{"127.0.0.1", "registry", "in.txt", "constraints.txt", "\n", os.TempDir(), "error:", "cause:", "hint", "  "} {
				if strings.Contains(c.Text, s) {
					t.Errorf("%q says %q", c.Text, s)
				}
			}
			t.Log(c.Error())
		})
	}
}

func TestInput(t *testing.T) {
	tool := &Tool{Path: filepath.Join(t.TempDir(), "never run")}
	good := Problem{Requirements: []string{"flask"}, Env: linux311, Offer: flasks()}
	for name, spoil := range map[string]func(*Problem){
		"option":             func(p *Problem) { p.Requirements = []string{"--index-url http://127.0.0.1:9/"} },
		"option as name":     func(p *Problem) { p.Requirements = []string{"--index-url"} },
		"second line":        func(p *Problem) { p.Requirements = []string{"flask\n--index-url http://127.0.0.1:9/"} },
		"second line, CR":    func(p *Problem) { p.Requirements = []string{"flask\r--index-url=http://127.0.0.1:9/"} },
		"continued":          func(p *Problem) { p.Requirements = []string{"flask \\"} },
		"variable":           func(p *Problem) { p.Requirements = []string{`flask ; sys_platform == "${HOME}"`} },
		"comment":            func(p *Problem) { p.Requirements = []string{"flask #x"} },
		"include":            func(p *Problem) { p.Requirements = []string{"-r /etc/passwd"} },
		"path":               func(p *Problem) { p.Requirements = []string{"./flask"} },
		"URL":                func(p *Problem) { p.Requirements = []string{"flask @ http://127.0.0.1:9/flask.tar.gz"} },
		"bare URL":           func(p *Problem) { p.Requirements = []string{"http://127.0.0.1:9/flask.tar.gz"} },
		"constraint":         func(p *Problem) { p.Constraints = []string{"-c other"} },
		"constraint extras":  func(p *Problem) { p.Constraints = []string{"flask[async]>=1"} },
		"preference name":    func(p *Problem) { p.Preferences = map[string]string{"--index-url http://x": "1"} },
		"preference version": func(p *Problem) { p.Preferences = map[string]string{"flask": "1\n--index-url http://x"} },
		"too many":           func(p *Problem) { p.Requirements = make([]string, maxRequirements+1) },
		"too long":           func(p *Problem) { p.Requirements = []string{"flask>=" + strings.Repeat("1", maxRequirement)} },
		"no Python":          func(p *Problem) { p.Env.Python = "" },
		"Python 2":           func(p *Problem) { p.Env.Python = "2.7" },
		"Python 3.5":         func(p *Problem) { p.Env.Python = "3.5.10" },
		"Python as option":   func(p *Problem) { p.Env.Python = "--help" },
		"platform":           func(p *Problem) { p.Env.Platform = "plan9" },
		"no offer":           func(p *Problem) { p.Offer = nil },
	} {
		p := good
		spoil(&p)
		if _, err := tool.Compile(t.Context(), p); !errors.Is(err, ErrInput) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 4*maxLine {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPythons(t *testing.T) {
	tool := realTool(t)
	p := Problem{Requirements: []string{"flask==2.2.2"}, Env: linux311, Offer: flasks()}
	folder := func(body string) string {
		dir := t.TempDir()
		if err := os.Rename(script(t, dir, body), filepath.Join(dir, "python3")); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	broken, garbage := folder("echo broken >&2; exit 1"), folder("echo '{}'")
	with := func(lookup ...string) error {
		other := *tool
		other.lookup = lookup
		_, err := other.Compile(t.Context(), p)
		return err
	}
	for _, lookup := range [][]string{{t.TempDir()}, {"."}, {}, {broken}, {garbage, broken}} {
		if err := with(lookup...); !errors.Is(err, ErrPython) || !strings.Contains(err.Error(), "install Python 3") {
			t.Errorf("%v: %v", lookup, err)
		}
	}
	real := strings.Split(os.Getenv("PATH"), string(os.PathListSeparator))
	shim := folder("exec " + pathOfPython(t) + ` "$@"`)
	for _, lookup := range [][]string{append([]string{broken}, real...), append([]string{shim}, "/nowhere")} {
		if err := with(lookup...); err != nil {
			t.Errorf("%v: %v", lookup, err)
		}
	}
}

func pathOfPython(t *testing.T) string {
	found, err := pythons(filepath.SplitList(os.Getenv("PATH")))
	if err != nil {
		t.Skip(err)
	}
	return found[0].path
}
