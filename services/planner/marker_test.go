package planner

import (
	"strings"
	"testing"
)

func TestMarkers(t *testing.T) {
	linux := target{Python: "3.11", Platform: "linux"}
	exact := target{Python: "3.11.7", Platform: "win32"}
	for _, tc := range []struct {
		marker string
		target target
		want   truth
	}{
		{"", linux, certain},
		{"python_version >= '3.8'", linux, certain},
		{"python_version<'3.9'", linux, untrue},
		{"python_version >= '3.9' and python_version < '3.11'", linux, untrue},
		{"'3.10' < python_version", linux, certain},
		{`python_version in "3.9 3.10 3.11"`, linux, certain},
		{"python_version not in '3.9 3.10'", linux, certain},
		{"python_version ~= '3.8'", linux, certain},
		{"python_version == '3.*'", linux, certain},
		{"python_full_version < '3.11.4'", linux, unknown},
		{"python_full_version < '3.11.4'", exact, untrue},
		{"sys_platform == 'win32'", linux, untrue},
		{"sys_platform == 'win32' and os.name == 'nt'", exact, certain},
		{"platform_system != 'Windows'", linux, certain},
		{"platform_python_implementation == 'PyPy'", linux, untrue},
		{"platform_machine == 'aarch64'", linux, unknown},
		{"platform_machine == 'aarch64' and sys_platform == 'win32'", linux, untrue},
		{"platform_machine == 'aarch64' or sys_platform == 'linux'", linux, certain},
		{"extra == 'dev'", linux, unknown},
		{"(python_version < '3' or (sys_platform == 'linux'))", linux, certain},
		{"python_version < '3' or sys_platform == 'linux' and python_version > '4'", linux, untrue},
		{"python_version < '3'", target{Platform: "linux"}, unknown},
		{"python_version >= '3.10'", target{Python: "3.9"}, untrue},
	} {
		got, err := tc.target.evaluate(tc.marker)
		if err != nil || got != tc.want {
			t.Errorf("%s on %+v: %d, %v; want %d", tc.marker, tc.target, got, err, tc.want)
		}
	}
	for _, bad := range []string{"python_version", "python_version <", "< '3'", "python_version < '3' and", "(python_version < '3'", "python_version < '3')",
		"python_version ? '3'", "python_version < '3", "python_version not '3'", "'a' ~= 'b'", "and and and", strings.Repeat("(", 100) + "x", strings.Repeat("x", maxMarker+1)} {
		if v, err := linux.evaluate(bad); err == nil || v != unknown {
			t.Errorf("%.40q: %d, %v; want an error and nothing known", bad, v, err)
		}
	}
}

func TestRequiresPython(t *testing.T) {
	for _, tc := range []struct {
		python, requires string
		want             bool
	}{
		{"3.9", ">=3.8", true}, {"3.9", ">=3.10", false}, {"3.9", ">=3.8,<3.9", false}, {"3.9", "", true}, {"", ">=9", true},
		{"3.9", ">=3.6.*", true}, {"3.9", "!=3.0.*,>=2.7", true}, {"3.11", ">=3.11.4", false}, {"3.11.7", ">=3.11.4", true}, {"3.9", "~=3.8", true},
	} {
		if got, err := (target{Python: tc.python}).fits(tc.requires); err != nil || got != tc.want {
			t.Errorf("%q on %s: %v, %v", tc.requires, tc.python, got, err)
		}
	}
	if ok, err := (target{Python: "3.9"}).fits("nonsense"); ok || err == nil {
		t.Error("what can't be read fits")
	}
}

func FuzzMarker(f *testing.F) {
	f.Add("python_version >= '3.8' and (os_name == 'nt' or extra == \"x\")")
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := (target{Python: "3.11", Platform: "linux"}).evaluate(s); err != nil && v != unknown {
			t.Fatalf("%q: an error and yet %d", s, v)
		}
	})
}
