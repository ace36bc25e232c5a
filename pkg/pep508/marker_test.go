package pep508

import (
	"errors"
	"strings"
	"testing"
)

func TestMarkers(t *testing.T) {
	linux := Environment{Python: "3.11", Platform: "linux"}
	exact := Environment{Python: "3.11.7", Platform: "win32", Machine: "x86_64"}
	for _, tc := range []struct {
		marker string
		env    Environment
		want   Truth
	}{
		{"", linux, Certain},
		{"python_version >= '3.8'", linux, Certain},
		{"python_version<'3.9'", linux, Untrue},
		{"python_version >= '3.9' and python_version < '3.11'", linux, Untrue},
		{"'3.10' < python_version", linux, Certain},
		{`python_version in "3.9 3.10 3.11"`, linux, Certain},
		{"python_version not in '3.9 3.10'", linux, Certain},
		{"python_version ~= '3.8'", linux, Certain},
		{"python_version == '3.*'", linux, Certain},
		{"python_full_version < '3.11.4'", linux, Unknown},
		{"python_full_version < '3.11.4'", exact, Untrue},
		{"sys_platform == 'win32'", linux, Untrue},
		{"sys_platform == 'win32' and os.name == 'nt'", exact, Certain},
		{"platform_system != 'Windows'", linux, Certain},
		{"platform_python_implementation == 'PyPy'", linux, Untrue},
		{"platform_machine == 'aarch64'", linux, Unknown},
		{"platform_machine == 'aarch64' and sys_platform == 'win32'", linux, Untrue},
		{"platform_machine == 'aarch64' or sys_platform == 'linux'", linux, Certain},
		{"(python_version < '3' or (sys_platform == 'linux'))", linux, Certain},
		{"python_version < '3' or sys_platform == 'linux' and python_version > '4'", linux, Untrue},
		{"python_version < '3'", Environment{Platform: "linux"}, Unknown},
		{"python_version >= '3.10'", Environment{Python: "3.9"}, Untrue},

		// A Python of two parts stands for all its patch releases.
		{"python_full_version >= '3.8'", linux, Certain},
		{"python_full_version <= '3.11.0a6'", linux, Untrue},
		{"python_full_version >= '3.11.0'", linux, Certain},
		{"python_full_version < '3.11'", linux, Untrue},
		{"python_full_version == '3.11.*'", linux, Certain},
		{"python_full_version != '3.11.4'", linux, Unknown},
		{"python_full_version ~= '3.11.2'", linux, Unknown},
		{"'3.12.1' > python_full_version", linux, Certain},
		{"python_full_version in '3.11.1 3.11.2'", linux, Unknown},
		{"implementation_version >= '3.9.1'", linux, Certain},
		{"python_full_version < 'x'", linux, Unknown},
		{"python_version == '3.11'", Environment{Python: "3.11.x"}, Unknown},
		{"python_version == '3.14' and python_full_version < '3.14.0rc3'", Environment{Python: "3.14.0rc2"}, Certain},
		{"python_version == '3'", Environment{Python: "3"}, Unknown},

		// What PEP 508 leaves undefined is not known.
		{"'a' == 'a'", linux, Unknown},
		{"'a' ~= 'b'", linux, Unknown},
		{"python_version == python_full_version", linux, Unknown},
		{"sys_platform ~= 'linux'", linux, Unknown},
		{"sys_platform > 'a'", linux, Unknown},
		{"sys_platform >= 'linux'", linux, Certain},
		{"python_version >= '3.8.*'", linux, Unknown},
		{"'x' in extras or 'y' in dependency_groups", linux, Unknown},
		{"platform_release >= '20'", linux, Unknown},
		{"platform_version == 'x'", exact, Unknown},

		// The machine by whatever system's word.
		{"platform_machine == 'AMD64'", exact, Certain},
		{"platform_machine == 'arm64'", Environment{Platform: "darwin", Machine: "aarch64"}, Certain},
		{"platform.machine == 'aarch64'", Environment{Platform: "linux", Machine: "ARM64"}, Certain},
		{"platform_machine == 'riscv64'", Environment{Platform: "linux", Machine: "riscv64"}, Certain},
		{"platform_machine not in 'x86_64 AMD64'", exact, Untrue},
		{"sys.platform == 'linux' and python_implementation == 'CPython' and platform.python_implementation != 'PyPy'", linux, Certain},
		{"implementation_name == 'cpython'and os_name=='posix'", linux, Certain},
		{"sys_platform == 'linux'", Environment{Python: "3.11"}, Unknown},
	} {
		m, err := ParseMarker(tc.marker)
		if got := m.Holds(tc.env, ""); err != nil || got != tc.want {
			t.Errorf("%s on %+v: %s, %v; want %s", tc.marker, tc.env, got, err, tc.want)
		}
		if again, err := ParseMarker(m.String()); err != nil || again.String() != m.String() || again.Holds(tc.env, "") != tc.want {
			t.Errorf("%s was written as %s and read as %s, %v", tc.marker, m, again, err)
		}
	}
}

func TestExtras(t *testing.T) {
	env := Environment{Python: "3.11"}
	for _, tc := range []struct {
		marker, extra string
		want          Truth
	}{
		{"extra == 'dev'", "", Untrue},
		{"extra == 'dev'", "dev", Certain},
		{"extra == 'Dev_Tools'", "dev-tools", Certain},
		{"extra == 'dev-tools'", "DEV.tools", Certain},
		{"'dev' == extra", "dev", Certain},
		{"extra != 'dev'", "", Certain},
		{"extra != 'dev'", "dev", Untrue},
		{"extra == 'dev' and python_version < '3.9'", "dev", Untrue},
		{"extra == 'dev' and platform_machine == 'x'", "dev", Unknown},
		{"extra == 'dev' and platform_machine == 'x'", "", Untrue},
		{"extra in 'dev docs'", "docs", Certain},
		{"extra == '1.0'", "1", Untrue}, // names, not versions
	} {
		m, err := ParseMarker(tc.marker)
		if got := m.Holds(env, tc.extra); err != nil || got != tc.want || !m.MentionsExtra() {
			t.Errorf("%s with %q: %s, %v; want %s", tc.marker, tc.extra, got, err, tc.want)
		}
	}
	if m, _ := ParseMarker("(os_name == 'x' or 'a' == extra) and os_name == 'y'"); !m.MentionsExtra() {
		t.Error("an extra within is not seen")
	}
	if m, _ := ParseMarker("os_name == 'extra'"); m.MentionsExtra() || m.IsZero() || !(Marker{}).IsZero() || (Marker{}).MentionsExtra() {
		t.Error("an extra is seen where none is")
	}
}

func TestMarkersRefused(t *testing.T) {
	for bad, want := range map[string]string{
		"python_version": "ends where a comparison", "python_version <": "ends where a value", "< '3'": `"< '3'" stands where a quoted text`,
		"python_version < '3' and": "ends where a value", "(python_version < '3'": "does not close", "python_version < '3')": `unexpected ")"`,
		"python_version ? '3'": `"? '3'" stands where a comparison`, "python_version < '3": "quote that does not end", "python_version not '3'": `"not" without "in"`,
		"and and and": "stands where a quoted text", strings.Repeat("(", 100) + "x": "nested more than 64 deep", strings.Repeat("x", maxMarker+1): "4097 bytes long, at most 4096",
		"nonsense == '3'": "one of the variables", "python_version < '3' orelse": "unexpected", "os_name == '\x1b'": "control characters", "os_name == '\xff'": "not UTF-8",
		"python_version == 3.8": "stands where a quoted text", "os_name inside 'x'": "stands where a comparison",
	} {
		m, err := ParseMarker(bad)
		if !errors.Is(err, ErrMarker) || !strings.Contains(err.Error(), want) || !m.IsZero() {
			t.Errorf("%.40q: %v, want ErrMarker with %s", bad, err, want)
		}
	}
	if m, err := ParseMarker(strings.Repeat("(", maxDepth) + "os_name=='x'" + strings.Repeat(")", maxDepth)); err != nil || m.String() != `os_name == "x"` {
		t.Errorf("the deepest that is allowed: %s, %v", m, err)
	}
}

func TestMarkersAsText(t *testing.T) {
	for given, want := range map[string]string{
		"python_version>='3.8'and(os.name=='nt'or sys_platform=='x')": `python_version >= "3.8" and (os_name == "nt" or sys_platform == "x")`,
		"((os_name=='a')) and (os_name=='b' and os_name=='c')":        `os_name == "a" and os_name == "b" and os_name == "c"`,
		"os_name=='a' or os_name=='b' and os_name=='c'":               `os_name == "a" or os_name == "b" and os_name == "c"`,
		"extra=='A_b' and 'say \"x\"' not   in os_name":               `extra == "a-b" and 'say "x"' not in os_name`,
		"python_implementation=='CPython'":                            `platform_python_implementation == "CPython"`,
	} {
		if m, err := ParseMarker(given); err != nil || m.String() != want {
			t.Errorf("%s became %s, %v; want %s", given, m, err, want)
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
		if got, err := (Environment{Python: tc.python}).Fits(tc.requires); err != nil || got != tc.want {
			t.Errorf("%q on %s: %v, %v", tc.requires, tc.python, got, err)
		}
	}
	if ok, err := (Environment{Python: "3.9"}).Fits("nonsense"); ok || err == nil {
		t.Error("what can't be read fits")
	}
	if ok, err := (Environment{Python: "three"}).Fits(">=3"); ok || err == nil || !strings.Contains(err.Error(), "target Python") {
		t.Errorf("a target that can't be read: %v, %v", ok, err)
	}
}
