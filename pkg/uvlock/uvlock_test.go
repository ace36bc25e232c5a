package uvlock

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const sample = `version = 1
revision = 3
requires-python = ">=3.9"
resolution-markers = [
    "python_full_version >= '3.10'",
    "python_full_version < '3.10'",
]

[[package]]
name = "gevent"
version = "22.10.2"
source = { registry = "https://index.example/simple" }
dependencies = [
    { name = "greenlet", marker = "platform_python_implementation == 'CPython'" },
]
sdist = { url = "https://index.example/files/gevent-22.10.2.tar.gz", hash = "sha256:1c", size = 5, upload-time = "2022-11-01T00:00:00Z" }

[[package]]
name = "greenlet"
version = "2.0.2"
source = { registry = "https://index.example/simple" }

[[package]]
name = "numpy"
version = "2.0.2"
source = { registry = "https://index.example/simple" }
resolution-markers = [
    "python_full_version < '3.10'",
]

[[package]]
name = "numpy"
version = "2.2.6"
source = { registry = "https://index.example/simple" }
resolution-markers = [
    "python_full_version >= '3.10'",
]
wheels = [
    { url = "https://index.example/files/numpy-2.2.6-cp310-none-any.whl?x=1#y", hash = "sha256:2c" },
]

[[package]]
name = "payments"
version = "1.0"
source = { virtual = "." }
dependencies = [
    { name = "numpy", version = "2.0.2", source = { registry = "https://index.example/simple" }, marker = "python_full_version < '3.10'" },
    { name = "numpy", version = "2.2.6", source = { registry = "https://index.example/simple" }, marker = "python_full_version >= '3.10'" },
    { name = "werkzeug", extra = ["watchdog"] },
]

[package.optional-dependencies]
async = [
    { name = "gevent", marker = "sys_platform == 'linux' or sys_platform == 'darwin'" },
]

[package.dev-dependencies]
dev = [
    { name = "pytest" },
    { name = "werkzeug" },
]

[package.metadata]
requires-dist = [{ name = "numpy" }]

[[package]]
name = "pytest"
version = "7.2.2"
source = { git = "https://git.example/pytest?rev=7.2.2#abc" }
dependencies = [
    { name = "greenlet" },
    { name = "lost" },
]

[[package]]
name = "watchdog"
version = "3.0.0"
source = { registry = "https://index.example/simple" }

[[package]]
name = "werkzeug"
version = "2.2.2"
source = { registry = "https://index.example/simple" }
dependencies = [
    { name = "werkzeug" },
]

[package.optional-dependencies]
watchdog = [
    { name = "watchdog", marker = "extra == 'extra-8-payments-x'" },
]
`

func TestNeeds(t *testing.T) {
	l, err := Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	needs := l.Needs()
	var got []string
	for _, p := range l.Packages {
		n := needs[p]
		got = append(got, fmt.Sprintf("%d %s %s direct=%v dev=%v %s", p.Line, p.Name, p.Version, n.Direct, n.Dev, n.Marker))
	}
	want := []string{
		"9 gevent 22.10.2 direct=true dev=false sys_platform == 'linux' or sys_platform == 'darwin'",
		"18 greenlet 2.0.2 direct=false dev=false ",
		"23 numpy 2.0.2 direct=true dev=false python_full_version < '3.10'",
		"31 numpy 2.2.6 direct=true dev=false python_full_version >= '3.10'",
		"42 payments 1.0 direct=false dev=false ",
		"66 pytest 7.2.2 direct=true dev=true ",
		"75 watchdog 3.0.0 direct=false dev=false ",
		"80 werkzeug 2.2.2 direct=true dev=false ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if roots := l.Roots(); len(roots) != 1 || roots[0].Name != "payments" {
		t.Errorf("roots %v", roots)
	}
	if name := l.Packages[3].Wheels[0].Name(); name != "numpy-2.2.6-cp310-none-any.whl" {
		t.Errorf("file %s", name)
	}
	text := string(l.Header())
	for _, p := range l.Packages {
		text += string(l.Block(p))
	}
	if text != sample {
		t.Error("header and blocks are not the file")
	}
}

// Without the group that needs it always, a package keeps the markers of its way.
func TestMarkersOfAWay(t *testing.T) {
	text := strings.Replace(sample, `    { name = "greenlet" },`+"\n", "", 1)
	l, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := "platform_python_implementation == 'CPython' and (sys_platform == 'linux' or sys_platform == 'darwin')"
	if got := l.Needs()[l.Packages[1]].Marker; got != want {
		t.Errorf("got %s", got)
	}
}

// More ways than are kept in mind make a package needed always, and a lock of nothing but circles ends.
func TestWaysAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("version = 1\n[[package]]\nname = \"root\"\nsource = { editable = \".\" }\ndependencies = [\n")
	for i := range 40 {
		fmt.Fprintf(&b, "{ name = \"p%d\", marker = \"python_version == '%d'\" },\n", i, i)
	}
	b.WriteString("]\n")
	for i := range 40 {
		fmt.Fprintf(&b, "[[package]]\nname = \"p%d\"\nversion = \"1\"\nsource = { registry = \"x\" }\ndependencies = [\n", i)
		for j := range 40 {
			fmt.Fprintf(&b, "{ name = \"p%d\", marker = \"os_name == '%d'\" },\n", j, i*j)
		}
		b.WriteString("]\n")
	}
	l, err := Parse([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	for p, n := range l.Needs() {
		if p.Name != "root" && p.Name != "p0" && (n.Marker != "" || !n.Direct) {
			t.Errorf("%s: %+v", p.Name, n)
		}
	}
}

func TestNotALock(t *testing.T) {
	for text, want := range map[string]string{
		"":                 "it is of version 0, this Drydock reads version 1",
		"version = 2":      "it is of version 2",
		"version = '1'":    "line 1: ",
		"version = 1\n[[p": "line 2: ",
		"version = 1\n[[package]]\nname = 'A_b'\nsource = {virtual = '.'}":                  "package 1 has no name as uv writes it",
		"version = 1\n[[package]]\nname = 'a'\nsource = {wonder = 'x'}":                     "source of an unknown kind",
		"version = 1\n[[package]]\nname = 'a'":                                              "source of an unknown kind",
		"version = 1\n[[package]]\nname = 'a'\nsource = {registry = 'x'}":                   "comes from a registry and has no version",
		"version = 1\nx = " + strings.Repeat("[", 1_000_000):                                "line 2",
		"version = 1\n[[distribution]]\nname = 'a'\nversion = '1'\nsource = 'registry+x'":   "written by a uv from before 0.4",
		"version = 1\n" + strings.Repeat("[[package]]\n", maxPackages+1):                    "packages are more than the limit",
		"version = 1\nx = [" + strings.Repeat("{},", maxEntries+1) + "]":                    "entries are more than the limit",
		"version = 1\nx = '" + strings.Repeat("x", maxBytes):                                "more than the limit",
		"version = 1\nx = \"\"\"\n[[package]]\n\"\"\"\n[[package]]\nsource={virtual='.'}\n": "package 1 has no name",
	} {
		_, err := Parse([]byte(text))
		if len(text) > 100 && err != nil && !strings.Contains(want, "limit") {
			continue // whatever the parser says of it
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
	l, err := Parse([]byte("version = 1\nx = \"\"\"\n[[package]]\n\"\"\"\n[[package]]\nname = 'a'\nsource={virtual='.'}\n"))
	if err != nil || l.Packages[0].Line != 0 || l.Block(l.Packages[0]) != nil {
		t.Errorf("a header inside a string: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("version = 1\n[manifest]\nmembers = ['a']\n[[package]]\nname='a'\nsource={editable='x'}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := Parse(data)
		if err != nil {
			return
		}
		if needs := l.Needs(); len(needs) != len(l.Packages) {
			t.Errorf("%d of %d packages", len(needs), len(l.Packages))
		}
		l.Roots()
		if len(l.Packages) > 0 && l.Packages[0].Line > 0 {
			text := string(l.Header())
			for _, p := range l.Packages {
				text += string(l.Block(p))
			}
			if text != string(data) {
				t.Error("header and blocks are not the file")
			}
		}
	})
}
