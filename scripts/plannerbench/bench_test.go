package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Every situation can be read, holds the files it names, and expects changes of pins it has or says come new.
func TestSituationsAreWhole(t *testing.T) {
	all, err := readSituations("situations", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 16 {
		t.Errorf("%d situations", len(all))
	}
	for _, s := range all {
		for _, f := range append(slices.Clone(s.Files), s.Advisories...) {
			path := f
			if !slices.Contains(s.Advisories, f) {
				path = filepath.Join(s.dir, "app", f)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s: %v", s.name, err)
			}
		}
		pins, err := readPins(filepath.Join(s.dir, "app"))
		if err != nil || len(pins) == 0 {
			t.Errorf("%s: %d pins, %v", s.name, len(pins), err)
		}
		if s.Hashed && slices.ContainsFunc(slicesOf(pins), func(p pin) bool { return len(p.hashes) == 0 }) {
			t.Errorf("%s: a pin without a hash", s.name)
		}
		if len(s.Expect.Changes)+len(s.Expect.Leaves) == 0 {
			t.Errorf("%s expects nothing", s.name)
		}
		if ours := len(s.Advisories)+len(s.Releases)+len(s.Yanks) > 0; ours != (s.Ours != "") {
			t.Errorf("%s: says that something is ours: %q, has it: %v", s.name, s.Ours, ours)
		}
	}
}

func slicesOf(pins map[string]pin) (out []pin) {
	for _, p := range pins {
		out = append(out, p)
	}
	return out
}

func TestParsePins(t *testing.T) {
	got := parsePins("# a==1\nFoo.Bar[x,y] == 1.0 ; python_version < \"3.9\"  # b\nb==2 \\\n    --hash=sha256:" + strings.Repeat("a", 64) +
		" \\\n    --hash=sha256:" + strings.Repeat("b", 64) + "\nc>=1\n-r other.txt\r\nd==3\r\n")
	want := []pin{{name: "foo-bar", version: "1.0", marker: `; python_version < "3.9"`}, {name: "b", version: "2"}, {name: "d", version: "3"}}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i, w := range want {
		if got[i].name != w.name || got[i].version != w.version || got[i].marker != w.marker {
			t.Errorf("%+v, want %+v", got[i], w)
		}
	}
	if len(got[1].hashes) != 2 {
		t.Errorf("%d hashes", len(got[1].hashes))
	}
}

func TestDiffPins(t *testing.T) {
	p := func(name, version string) pin { return pin{name: name, version: version} }
	d := diffPins(map[string]pin{"a": p("a", "1"), "b": p("b", "1"), "c": p("c", "1")}, map[string]pin{"a": p("a", "1"), "b": p("b", "2"), "d": p("d", "1")})
	if pinsChanged(d) != "1 + 1 new, 1 gone" || d.changed["b"] != "2" || d.added["d"] != "1" {
		t.Errorf("%+v", d)
	}
}

// An answer that is not as expected is told, each in its own way.
func TestSurprises(t *testing.T) {
	s := &situation{}
	s.Expect.Changes = map[string]string{"a": "2", "b": "2"}
	s.Expect.Leaves = map[string]string{"CVE-1": "blocked", "CVE-2": "blocked"}
	v := &verdict{good: true, change: difference{changed: map[string]string{"a": "2", "c": "3"}}}
	got := strings.Join(surprises(s, &proposal{outcomes: map[string]string{"CVE-1": "blocked", "CVE-3": "planned", "CVE-4": "error"}}, v), "\n")
	want := "CVE-2: no outcome\nCVE-4: error, expected planned\nb: \"\", expected 2\nc changed to 3, expected to stay"
	if got != want {
		t.Errorf("got:\n%s", got)
	}
}

func TestPublishKeepsWhatIsAround(t *testing.T) {
	file := filepath.Join(t.TempDir(), "doc.md")
	if err := os.WriteFile(file, []byte("before\n<!-- begin x -->\nold\n<!-- end x -->\nafter\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	b := &bench{doc: file}
	for range 2 {
		if err := b.publish("x", "new"); err != nil {
			t.Fatal(err)
		}
	}
	if data, _ := os.ReadFile(file); string(data) != "before\n<!-- begin x -->\n\nnew\n<!-- end x -->\nafter\n" {
		t.Errorf("%s", data)
	}
	if err := b.publish("y", "new"); err == nil {
		t.Error("a document without markers was renewed")
	}
}

func TestCell(t *testing.T) {
	if got := cell([]string{"a|b <c>", "see http://127.0.0.1:1234/x/simple/ for"}); got != `a\|b &lt;c>; see the index for` {
		t.Error(got)
	}
}

func TestRunEndsWhatHangs(t *testing.T) {
	b := &bench{work: t.TempDir()}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.run(ctx, b.work, nil, "sleep", "1000"); err == nil {
		t.Error("no error")
	}
	if o, err := b.run(t.Context(), b.work, nil, "sh", "-c", "echo a; echo b >&2; exit 3"); err != nil || o.code != 3 || o.stdout != "a\n" || o.lastLine() != "b" {
		t.Errorf("%+v, %v", o, err)
	}
}

// A hundred applications differ, and all hold what the first has besides the removable pins.
func TestFleet(t *testing.T) {
	all, err := os.ReadFile(filepath.Join("speed", "30.txt"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i := range fleet {
		seen[string(without(string(all), i))] = true
	}
	if len(seen) != fleet || !seen[string(all)] {
		t.Errorf("%d applications of %d differ", len(seen), fleet)
	}
	for _, name := range removable {
		if !strings.Contains("\n"+string(all), "\n"+name+"==") {
			t.Errorf("%s is no pin", name)
		}
	}
	for file, want := range map[string]int{"30.txt": 30, "200.txt": 200} {
		data, err := os.ReadFile(filepath.Join("speed", file))
		if got := len(parsePins(string(data))); err != nil || got != want {
			t.Errorf("%s: %d pins, %v", file, got, err)
		}
	}
}

// The uv that counts passes everything on, and counts resolutions only.
func TestCountedUV(t *testing.T) {
	dir := t.TempDir()
	b := &bench{work: dir, uv: "/bin/echo"}
	path, runs, err := b.countedUV(filepath.Join(dir, "counted"))
	if err != nil {
		t.Fatal(err)
	}
	for _, arg := range []string{"--version", "pip"} {
		if o, err := b.run(t.Context(), dir, nil, path, arg, "x"); err != nil || o.stdout != arg+" x\n" && o.stdout != "x\n" {
			t.Errorf("%q, %v", o.stdout, err)
		}
	}
	if runs() != 1 {
		t.Errorf("%d runs", runs())
	}
}

func TestRestUntouched(t *testing.T) {
	for name, c := range map[string]struct{ before, after, want string }{
		"a pin and its notes":   {"# top\na==1 \\\n  --hash=sha256:x\n    # via b\nb==1\n", "# top\na==2 \\\n  --hash=sha256:y\n    # via b, c\nb==1\n", "yes"},
		"a comment":             {"# top\na==1\n", "a==2\n", "no"},
		"a blank line":          {"a==1\n\nb==1\n", "a==2\nb==1\n", "no"},
		"another line's spaces": {"a==1\nb == 1\n", "a==2\nb==1\n", "no"},
		"line ends":             {"a==1\r\nb==1\r\n", "a==2\nb==1\n", "no"},
	} {
		before, after := t.TempDir(), t.TempDir()
		for dir, text := range map[string]string{before: c.before, after: c.after} {
			if err := os.WriteFile(filepath.Join(dir, "requirements.txt"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := restUntouched(before, after, difference{changed: map[string]string{"a": "2"}})
		if err != nil || got != c.want {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}
