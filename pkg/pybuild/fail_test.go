package pybuild

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/artifact"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/isolation/dock"
	"github.com/drydock-dev/drydock/pkg/wheel/wheeltest"
	"github.com/drydock-dev/drydock/pkg/wheelhouse"
)

// Everything that keeps an environment from being built has a kind and says what to do, and leaves nothing.
func TestNotBuilt(t *testing.T) {
	s := newShop(t)
	s.wheel("fine", "1.0", map[string]string{"fine.py": ""})
	s.wheel("climbs", "1.0", map[string]string{"../../../../climbed.py": ""})
	s.wheel("absolute", "1.0", map[string]string{"/etc/absolute.py": ""})
	s.wheel("backslash", "1.0", map[string]string{`..\climbed.py`: ""})
	s.wheel("scripts", "1.0", map[string]string{"scripts-1.0.data/scripts/../../climbed": ""})
	s.wheel("config", "1.0", map[string]string{"config-1.0.data/data/pyvenv.cfg": "home = /evil\n"})
	s.wheel("interpreter", "1.0", map[string]string{"interpreter-1.0.data/data/bin/python": "#!/bin/sh\n"})
	s.wheel("lib64", "1.0", map[string]string{"lib64-1.0.data/data/lib64/x": ""})
	s.wheel("cache", "1.0", map[string]string{"cache-1.0.data/data/.cache/x": ""})
	s.wheel("program", "1.0", map[string]string{"+entry_points.txt": "[console_scripts]\n../../climbed = a:b\n"})
	s.wheel("python-too", "1.0", map[string]string{"+entry_points.txt": "[console_scripts]\npython3 = a:b\n"})
	s.wheel("pretends", "1.0", map[string]string{"fine-2.0.dist-info/METADATA": "Name: fine\nVersion: 2.0\n"})
	s.offer("zip", "zip-1.0-py3-none-any.whl", []byte("no zip file"))
	s.offer("renamed", "renamed-2.0-py3-none-any.whl", wheeltest.Wheel{Name: "renamed", Version: "1.0"}.Pack(t))
	s.offer("inside", "inside-1.0-py3-none-any.whl", wheeltest.Wheel{Stem: "inside-1.0", Name: "another", Version: "1.0", Files: map[string]string{"inside.py": ""}}.Pack(t))
	s.offer("other", "other-1.0-cp27-cp27m-manylinux1_x86_64.whl", []byte("x"))
	s.wheel("large", "1.0", map[string]string{"large.txt": strings.Repeat("large ", 4<<20)})
	s.offer("newer", "newer-1.0-py3-none-any.whl", wheeltest.Wheel{Name: "newer", Version: "1.0"}.Pack(t), "requires-python", ">=3.99")
	changed := s.want("fine")
	changed[0].File.Hashes = map[string]string{"sha256": strings.Repeat("0", 64)}
	both := append(s.want("fine"), s.want("fine")...)
	both[1].File.Name = "fine-1.1-py3-none-any.whl"
	lost := s.want("fine")
	lost[0].File.URL = s.server.URL + "/files/none"

	for _, c := range []struct {
		name string
		want []wheelhouse.Wanted
		kind Kind
		says string
		is   error
	}{
		{"climbs", s.want("fine", "climbs"), Escapes, "outside of the environment", nil},
		{"absolute", s.want("absolute"), Escapes, "outside of the environment", nil},
		{"backslash", s.want("backslash"), Escapes, "outside of the environment", nil},
		{"a script climbs", s.want("scripts"), Escapes, "outside of the environment", nil},
		{"pyvenv.cfg", s.want("config"), Escapes, "it replaces pyvenv.cfg", nil},
		{"python", s.want("interpreter"), Escapes, "it replaces bin/python", nil},
		{"lib64", s.want("lib64"), Escapes, "it replaces lib64/x", nil},
		{"uv's cache", s.want("cache"), Escapes, "it replaces .cache/x", nil},
		{"an entry point climbs", s.want("program"), BadWheel, "a program of the name", nil},
		{"an entry point is python", s.want("python-too"), BadWheel, "a program of the name", nil},
		{"metadata of another", s.want("pretends"), BadWheel, "exactly one folder NAME-VERSION.dist-info", nil},
		{"no zip", s.want("zip"), BadWheel, "no zip file that can be read", nil},
		{"another version inside", s.want("renamed"), BadWheel, "of its own name and version", nil},
		{"another name inside", s.want("inside"), Install, "uv refuses", nil},
		{"another machine's", s.want("other"), Unfit, "is not for Python", nil},
		{"another Python's", s.want("newer"), Unfit, "requires Python >=3.99", nil},
		{"too large", s.want("large"), Full, "raise the space of the dock", nil},
		{"another file than the index says", changed, Fetch, "fetch what it holds", index.ErrMismatch},
		{"it is gone", lost, Fetch, "fetch what it holds", index.ErrGone},
		{"two of one package", both, BadInput, "pin one version", nil},
	} {
		levels := docks(t)
		if c.kind != Install {
			levels = levels[:1] // it does not get as far as the box
		}
		for _, d := range levels {
			b := builder(t, s, d)
			b.Space = 16 << 20
			to := filepath.Join(openDir(t), "venv")
			_, err := b.Build(t.Context(), c.want, to)
			var e *Error
			if !errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(err.Error(), c.says) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%s at %s: %v", c.name, d.Level(), err)
			}
			if err != nil && (strings.Contains(err.Error(), os.TempDir()+"/") || strings.Contains(err.Error(), b.UV)) {
				t.Errorf("%s at %s: it names a place of this host: %v", c.name, d.Level(), err)
			}
			if _, err := os.Lstat(to); err == nil {
				t.Errorf("%s at %s: something was left", c.name, d.Level())
			}
			nothingLeft(t, b)
		}
	}
}

// A zip file that says less than it holds gets as far as the box, and no further than its space.
func TestDiskFull(t *testing.T) {
	s := newShop(t)
	many := map[string]string{}
	for i := range 40 {
		many["many/"+strings.Repeat("m", i+1)+".py"] = strings.Repeat("X = 'some text that takes space'\n", 8<<10)
	}
	s.wheel("many", "1.0", many)
	for _, d := range docks(t) {
		b := builder(t, s, d)
		b.Space = 11 << 20 // it has 10.5 MB, and its bytecode as much again
		to := openDir(t)
		_, err := b.Build(t.Context(), s.want("many"), to)
		var e *Error
		if !errors.As(err, &e) || e.Kind != Full || !strings.Contains(err.Error(), "11 MB") {
			t.Errorf("%s: %v", d.Level(), err)
		}
		if entries, err := os.ReadDir(to); err != nil || len(entries) > 0 {
			t.Errorf("%s: left: %v %v", d.Level(), entries, err)
		}
		nothingLeft(t, b)
	}
}

func TestLimits(t *testing.T) {
	s := newShop(t)
	s.wheel("slow", "1.0", map[string]string{"slow.py": strings.Repeat("def f():\n    return [i for i in range(3) if i]\n", 60_000)})
	for _, d := range docks(t) {
		for kind, limits := range map[Kind]dock.Limits{OutOfTime: {Time: 300 * time.Millisecond}, OutOfMemory: {Memory: 300 << 20}} {
			b := builder(t, s, d)
			b.Limits = limits
			to := filepath.Join(openDir(t), "venv")
			_, err := b.Build(t.Context(), s.want("slow"), to)
			var e *Error
			if !errors.As(err, &e) || e.Kind != kind {
				t.Errorf("%s at %s: %v", kind, d.Level(), err)
			}
			if _, err := os.Lstat(to); err == nil {
				t.Errorf("%s at %s: something was left", kind, d.Level())
			}
			nothingLeft(t, b)
		}
	}
}

// Whoever asked for it goes away: before, while it fetches, and while it builds.
func TestCanceled(t *testing.T) {
	s := newShop(t)
	s.wheel("slow", "1.0", map[string]string{"slow.py": strings.Repeat("def f():\n    return [i for i in range(3) if i]\n", 100_000)})
	for _, d := range docks(t) {
		for _, after := range []string{"at once", "fetching", "building"} {
			b := builder(t, s, d)
			ctx, cancel := context.WithCancel(t.Context())
			switch after {
			case "at once":
				cancel()
			case "fetching":
				b.Say = func(string) { cancel() }
			case "building":
				b.Dock = starting{d, b.Work, cancel}
			}
			to := filepath.Join(openDir(t), "venv")
			if _, err := b.Build(ctx, s.want("slow"), to); !errors.Is(err, context.Canceled) {
				t.Errorf("%s at %s: %v", after, d.Level(), err)
			}
			cancel()
			if _, err := os.Lstat(to); err == nil {
				t.Errorf("%s at %s: something was left", after, d.Level())
			}
			nothingLeft(t, b)
		}
	}
}

// starting tells when something runs in the box.
type starting struct {
	dock.Dock
	mark string
	told func()
}

func (s starting) Run(ctx context.Context, c dock.Command) (dock.Result, error) {
	c.Env["MARK"] = s.mark
	go func() {
		for len(marked(s.mark)) == 0 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		s.told()
	}()
	return s.Dock.Run(ctx, c)
}

func TestBuilderItself(t *testing.T) {
	s := newShop(t)
	s.wheel("fine", "1.0", map[string]string{"fine.py": ""})
	d, err := dock.At(t.Context(), dock.None)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Builder)
		to     string
		kind   Kind
	}{
		"nothing":                {func(b *Builder) { *b = Builder{} }, "", BadInput},
		"another interpreter":    {func(b *Builder) { b.Interpreter.Digest = "sha256:00" }, "", Unfit},
		"no interpreter":         {func(b *Builder) { b.Interpreter.Path = "/no/python3" }, "", Unfit},
		"no folder to work in":   {func(b *Builder) { b.Work = "/no/folder" }, "", BadInput},
		"no uv":                  {func(b *Builder) { b.UV = "/no/uv" }, "", Box},
		"a folder with a file":   {func(*Builder) {}, mustWrite(t), BadInput},
		"a file":                 {func(*Builder) {}, filepath.Join(mustWrite(t), "f"), BadInput},
		"no folder to put it in": {func(*Builder) {}, "/no/such/folder/venv", Box},
	} {
		b := builder(t, s, d)
		c.change(&b)
		to := c.to
		if to == "" {
			to = filepath.Join(openDir(t), "venv")
		}
		_, err := b.Build(t.Context(), s.want("fine"), to)
		var e *Error
		if !errors.As(err, &e) || e.Kind != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func mustWrite(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSweep(t *testing.T) {
	work := t.TempDir()
	old, young, other := filepath.Join(work, workPrefix+"old"), filepath.Join(work, workPrefix+"young"), filepath.Join(work, "other")
	for _, p := range []string{old, young, other} {
		if err := os.Mkdir(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	if err := Sweep(work, past.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(work)
	if err != nil || len(entries) != 2 {
		t.Error(entries, err)
	}
	if err := Sweep(filepath.Join(work, "none"), past); err == nil {
		t.Error("a folder that is not there was swept")
	}
	_ = artifact.Remove(young)
}
