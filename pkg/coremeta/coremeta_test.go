package coremeta

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/drydock-dev/drydock/pkg/pep508"
)

func sample(t testing.TB, name string) *Metadata {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func names(rs []pep508.Requirement) string {
	var out []string
	for _, r := range rs {
		out = append(out, r.Name)
	}
	return strings.Join(out, " ")
}

func TestToday(t *testing.T) {
	m := sample(t, "wheel.METADATA")
	if m.Version != "2.4" || m.Name != "sample-web" || m.Release != "3.1.0" || m.RequiresPython != ">=3.9" || len(m.Unread) != 0 || len(m.Requires) != 9 || !m.Static() {
		t.Errorf("%+v", m)
	}
	if !slices.Equal(m.Extras, []string{"async", "dot-env", "all"}) {
		t.Errorf("extras %q", m.Extras)
	}
	linux := pep508.Environment{Python: "3.11", Platform: "linux", Machine: "x86_64"}
	for _, tc := range []struct {
		env              pep508.Environment
		extras           []string
		certain, unknown string
	}{
		{linux, nil, "blinker uvloop", ""},
		{pep508.Environment{Python: "3.9.1", Platform: "win32"}, nil, "blinker importlib-metadata tomli", ""},
		{pep508.Environment{Python: "3.11", Platform: "linux"}, nil, "blinker", "uvloop"},
		{pep508.Environment{}, []string{"nonsense"}, "blinker", "importlib-metadata tomli uvloop"},
		{linux, []string{"Dot.Env"}, "blinker uvloop python-dotenv", ""},
		{linux, []string{"all"}, "blinker uvloop asgiref python-dotenv", ""},
		{pep508.Environment{Python: "3.13", Platform: "linux", Machine: "x86_64"}, []string{"ALL"}, "blinker uvloop asgiref python-dotenv trio", ""},
		{pep508.Environment{Python: "3.13", Platform: "linux"}, []string{"all", "async"}, "blinker asgiref python-dotenv", "uvloop trio"},
	} {
		certain, unknown := m.Needs(tc.env, tc.extras)
		if names(certain) != tc.certain || names(unknown) != tc.unknown {
			t.Errorf("%+v with %q needs %q, perhaps %q; want %q and %q", tc.env, tc.extras, names(certain), names(unknown), tc.certain, tc.unknown)
		}
	}
}

func TestOld(t *testing.T) {
	m := sample(t, "old.PKG-INFO")
	if m.Name != "old-thing" || m.Release != "0.6.2" || m.RequiresPython != "" || m.Static() {
		t.Errorf("%+v", m)
	}
	if !slices.Equal(m.Unread, []string{"baz (1.0)"}) {
		t.Errorf("unread %q", m.Unread)
	}
	var texts []string
	for _, r := range m.Requires {
		texts = append(texts, r.String())
	}
	if want := []string{"foo>=1.0,<2", "bar>=0.5", `pywin32>1.0 ; sys_platform == "win32"`, `argparse ; python_version == "2.6"`, "pytz>0.0.0.dev0"}; !slices.Equal(texts, want) {
		t.Errorf("requires %q, want %q", texts, want)
	}
}

func TestStatic(t *testing.T) {
	if m := sample(t, "static.PKG-INFO"); !m.Static() || !slices.Equal(m.Dynamic, []string{"license-file", "summary"}) {
		t.Errorf("%+v", m)
	}
	for head, want := range map[string]bool{
		"Metadata-Version: 2.1": false, "Metadata-Version: 2.2": true, "Metadata-Version: 2.5": true, "Metadata-Version: 2.10": true, "Metadata-Version: 2.2\nDynamic: REQUIRES-dist": false,
		"Metadata-Version: 2.3\nDynamic: Requires-Python": false, "Metadata-Version: 2.3\nDynamic: provides-extra": false, "Metadata-Version: 2.3\nDynamic: Version": true,
	} {
		if m, err := Parse([]byte(head + "\nName: a\nVersion: 1\n")); err != nil || m.Static() != want {
			t.Errorf("%q: %+v, %v", head, m, err)
		}
	}
}

// What stands twice, folded, oddly ended or after a broken line.
func TestShapes(t *testing.T) {
	const head = "Metadata-Version: 2.1\nName: a\nVersion: 1\n"
	for _, tc := range []struct {
		text             string
		requires, unread string
	}{
		{head, "", ""},
		{head + "Requires-Dist: b", "b", ""},
		{"\xef\xbb\xbf" + head + "REQUIRES-DIST:b\n\nRequires-Dist: c\n", "b", ""},
		{strings.ReplaceAll(head, "\n", "\r") + "Requires-Dist: b\rRequires-Dist: c\r\rRequires-Dist: d", "b c", ""},
		{head + "Requires-Dist: b\n  >=1\n\t; os_name ==\n 'x'\n", "b", ""},
		{" folded from nothing\n" + head + "Requires-Dist: b\n", "b", ""},
		{head + "Requires-Dist: b >= 1 2\nRequires-Dist:\nRequires-Dist: c\n", "c", "b >= 1 2|"},
		{head + "Description: first\nsecond line\nRequires-Dist: b\n\nRequires-Python: >=4\n", "", "Requires-Dist: b|Requires-Python: >=4"},
		{head + "Requires-Dist: b\nno header\nProvides-Extra: x\n", "b", "Provides-Extra: x"},
		{head + "Name: A\nVersion: 1\nRequires: b\nProvides-Dist: c\nObsoletes-Dist: d\nRequires-External: e\n", "", ""},
		{head + "Requires-Dist: b; os_name == '\x1b[31m'\n", "", "b; os_name == '\x1b[31m'"},
		{head + "Requires-Dist: " + strings.Repeat("b", 20000), "", strings.Repeat("b", 200) + "…"},
		{head + "Requires-Dist: b" + strings.Repeat(" ", 20000), "b", ""},
	} {
		m, err := Parse([]byte(tc.text))
		if err != nil {
			t.Errorf("%.200q: %v", tc.text, err)
			continue
		}
		if names(m.Requires) != tc.requires || strings.Join(m.Unread, "|") != tc.unread {
			t.Errorf("%.200q requires %q, unread %q", tc.text, names(m.Requires), m.Unread)
		}
	}
}

func TestRefused(t *testing.T) {
	const head = "Metadata-Version: 2.1\nName: a\nVersion: 1\n"
	for text, want := range map[string]string{
		"": "no Metadata-Version", "\n" + head: "no Metadata-Version", "<html>\n": "no Metadata-Version", "Metadata-Version: 2.1\nVersion: 1": "no Name", "Metadata-Version: 2.1\nName: a\n": "no Version",
		"Metadata-Version: 2.1\nName:\nVersion: 1": "no Name", "Metadata-Version: x\nName: a\nVersion: 1": `Metadata-Version "x" is no version`,
		"Metadata-Version: 3.0\nName: a\nVersion: 1": `"3.0" is not known; 1.0 to 2.x are`, "Metadata-Version: 0.9\nName: a\nVersion: 1": "is not known",
		head + "Name: b\n": `name twice: "a" and "b"`, head + "Version: 1.0\n": "version twice", head + "Requires-Python: >=3\nRequires-Python: >=2\n": "requires-python twice",
		"Metadata-Version: 2.1\nName: ../a\nVersion: 1": `Name "-/a" is no name`, "Metadata-Version: 2.1\nName: a>=1\nVersion: 1": "is no name", "Metadata-Version: 2.1\nName: a\nVersion: 1\x1b[31m": "control characters",
		head + "Requires-Python: >=3" + strings.Repeat(",", maxValue): "requires-python has 16387 bytes", head + "Description: " + strings.Repeat("x", maxHeaders): "headers of more than 8388608 bytes",
		head + strings.Repeat("Requires-Dist: b\n", maxRequires+1): "more than 3000 requirements", head + strings.Repeat("Requires-Dist: ?\n", maxRequires+1): "that can't be read",
		head + manyExtras(maxExtras+1): "more than 5000 extras",
	} {
		if m, err := Parse([]byte(text)); !errors.Is(err, ErrMetadata) || !strings.Contains(err.Error(), want) || m != nil {
			t.Errorf("%.80q: %v, want ErrMetadata with %s", text, err, want)
		}
	}
}

func manyExtras(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("Provides-Extra: x" + strings.Repeat("a", i%50) + string(rune('a'+i%26)) + strings.Repeat("b", i/50) + "\n")
	}
	return b.String()
}

// A requirement of a release on itself is followed; one that the release contradicts is not hidden.
func TestItself(t *testing.T) {
	const head = "Metadata-Version: 2.1\nName: a\nVersion: 1\n"
	for text, want := range map[string]string{
		"Requires-Dist: a[x]; extra == 'y'\nRequires-Dist: a[y]; extra == 'x'\nRequires-Dist: b; extra == 'y'\n": "b",
		"Requires-Dist: a[y]==1; extra == 'x'\nRequires-Dist: b; extra == 'y'\n":                                 "b",
		"Requires-Dist: a[y]==2; extra == 'x'\nRequires-Dist: b; extra == 'y'\n":                                 "a",
		"Requires-Dist: a[y] @ https://h.example/a.whl ; extra == 'x'\nRequires-Dist: b; extra == 'y'\n":         "a",
		"Requires-Dist: b; extra == 'y' or extra == 'x'\nRequires-Dist: c; extra != 'x'\n":                       "b c",
	} {
		m, err := Parse([]byte(head + text))
		if err != nil {
			t.Fatal(err)
		}
		if certain, unknown := m.Needs(pep508.Environment{}, []string{"x"}); names(certain) != want || unknown != nil {
			t.Errorf("%s needs %q, perhaps %q; want %q", text, names(certain), names(unknown), want)
		}
	}
}

// A release that names itself in thousands of extras, the last of which adds the next, is judged in a moment; however
// the markers are written, not all of more than a thousand extras are followed, and what they add is not known.
func TestExtrasWithoutEnd(t *testing.T) {
	for marker, want := range map[string][2]string{"extra == '%s'": {"", "last"}, "extra in '%s' and extra != ''": {"", "last"}} {
		for n, want := range map[int][2]string{300: {"last", ""}, 1499: want} {
			var b strings.Builder
			b.WriteString("Metadata-Version: 2.1\nName: a\nVersion: 1\n")
			fmt.Fprintf(&b, "Requires-Dist: last; "+marker+"\n", extraNamed(n))
			for i := n; i > 0; i-- {
				fmt.Fprintf(&b, "Requires-Dist: a[%s]; "+marker+"\n", extraNamed(i), extraNamed(i-1))
			}
			m, err := Parse([]byte(b.String()))
			if err != nil || len(m.Unread) > 0 {
				t.Fatal(err, m.Unread)
			}
			certain, unknown := m.Needs(pep508.Environment{}, []string{extraNamed(0)})
			if names(certain) != want[0] || names(unknown) != want[1] {
				t.Errorf("%d extras by %q: needs %q, perhaps %q; want %q", n, marker, names(certain), names(unknown), want)
			}
		}
	}
}

// extraNamed gives names none of which is in another.
func extraNamed(i int) string { return fmt.Sprintf("e%04dx", i) }

// Extra by extra comes out what all extras at once do.
func TestNeedsByDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		b.WriteString("Metadata-Version: 2.1\nName: a\nVersion: 1\n")
		name := rapid.SampledFrom([]string{"x", "y", "z", "xy"})
		for range rapid.IntRange(1, 8).Draw(t, "requirements") {
			what := rapid.SampledFrom([]string{"b", "c", "a[x]", "a[y]", "a[z,xy]", "a[y]>1"}).Draw(t, "what")
			part := rapid.Custom(func(t *rapid.T) string {
				op := rapid.SampledFrom([]string{"==", "!=", "===", "in", "not in", ">="}).Draw(t, "op")
				return rapid.SampledFrom([]string{"extra " + op + " '" + name.Draw(t, "extra") + "'", "'" + name.Draw(t, "extra") + "' == extra", "extra " + op + " ''",
					"os_name == 'posix'", "platform_machine == 'arm64'", "os_name == 'nt'"}).Draw(t, "part")
			})
			marker := part.Draw(t, "left")
			if rapid.Bool().Draw(t, "two") {
				marker += rapid.SampledFrom([]string{" and ", " or "}).Draw(t, "join") + part.Draw(t, "right")
			}
			fmt.Fprintf(&b, "Requires-Dist: %s; %s\n", what, marker)
		}
		m, err := Parse([]byte(b.String()))
		if err != nil || len(m.Unread) > 0 {
			t.Fatal(err, m.Unread)
		}
		env, extras := pep508.Environment{Python: "3.11", Platform: "linux"}, rapid.SliceOfDistinct(name, rapid.ID[string]).Draw(t, "extras")
		if got, want := m.truths(env, extras), byDefinition(m, env, extras); !slices.Equal(got, want) {
			t.Errorf("%s with %q: %v, want %v", b.String(), extras, got, want)
		}
	})
}

// byDefinition goes over all requirements and all extras until nothing changes.
func byDefinition(m *Metadata, env pep508.Environment, extras []string) []pep508.Truth {
	wanted := map[string]pep508.Truth{"": pep508.Certain}
	for _, extra := range extras {
		wanted[extra] = pep508.Certain
	}
	truths := make([]pep508.Truth, len(m.Requires))
	for again := true; again; {
		again = false
		for i, r := range m.Requires {
			truths[i] = pep508.Untrue
			for extra, t := range wanted {
				truths[i] = max(truths[i], min(t, r.Marker.Holds(env, extra)))
			}
			if truths[i] == pep508.Untrue || !m.itself(r) {
				continue
			}
			for _, extra := range r.Extras {
				if was, ok := wanted[extra]; !ok || was < truths[i] {
					wanted[extra], again = truths[i], true
				}
			}
		}
	}
	return truths
}

// FuzzParse: never a panic; what is accepted can be used.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"wheel.METADATA", "old.PKG-INFO", "static.PKG-INFO"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("Metadata-Version: 2.1\nName: a\nVersion: 1\nno header\rRequires-Dist: b"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrMetadata) || m != nil {
				t.Fatalf("%+v, %v", m, err)
			}
			return
		}
		certain, unknown := m.Needs(pep508.Environment{Python: "3.11", Platform: "linux"}, m.Extras)
		if m.Name == "" || m.Release == "" || len(certain)+len(unknown) > len(m.Requires) {
			t.Fatalf("%+v", m)
		}
		m.Static()
	})
}

func BenchmarkParse(b *testing.B) {
	text, err := os.ReadFile(filepath.Join("testdata", "wheel.METADATA"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNeeds(b *testing.B) {
	m, env := sample(b, "wheel.METADATA"), pep508.Environment{Python: "3.11", Platform: "linux", Machine: "x86_64"}
	b.ReportAllocs()
	for b.Loop() {
		if certain, _ := m.Needs(env, nil); len(certain) != 2 {
			b.Fatal(certain)
		}
	}
}
