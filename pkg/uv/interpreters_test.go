package uv

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// watched notes what each run is told of Pythons, and does something before it starts.
func watched(t *testing.T) (tool *Tool, told *[]map[string][]byte) {
	t.Helper()
	copied := *realTool(t)
	told = &[]map[string][]byte{}
	copied.started = func(cmd *exec.Cmd) {
		files := map[string][]byte{}
		root := filepath.Join(cmd.Dir, cacheDir)
		paths, err := filepath.Glob(filepath.Join(root, interpreters, "*", "*"))
		if err != nil {
			t.Error(err)
		}
		for _, path := range paths {
			name, _ := filepath.Rel(root, path)
			if files[name], err = os.ReadFile(path); err != nil {
				t.Error(err)
			}
		}
		*told = append(*told, files)
	}
	return &copied, told
}

// only has nothing known of Pythons but what a test finds out.
func only(t *testing.T) {
	t.Helper()
	old := about
	about = &pythonFacts{known: map[string]*facts{}}
	t.Cleanup(func() { about = old })
}

// TestPythonAskedOnce: what uv found out about a Python is given to the next run, and is of use to it.
func TestPythonAskedOnce(t *testing.T) {
	only(t)
	tool, told := watched(t)
	p := environment(1)
	first, err := tool.Compile(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if len((*told)[0]) != 0 {
		t.Errorf("the first run knows of %d", len((*told)[0]))
	}
	var least = first.CPU
	for range 3 { // what else the machine does is not uv's
		again, err := tool.Compile(t.Context(), p)
		if err != nil || !maps.Equal(again.Pins, first.Pins) {
			t.Fatalf("%v: %v", again.Pins, err)
		}
		least = min(least, again.CPU)
	}
	if len((*told)) != 4 || len((*told)[3]) == 0 {
		t.Fatalf("nothing is known: has uv %s another name for %s?", Version, interpreters)
	}
	t.Logf("%s of processor time, then %s", first.CPU, least)
}

// TestPythonFactsSpoiled: what can't be read is found out again.
func TestPythonFactsSpoiled(t *testing.T) {
	only(t)
	tool, told := watched(t)
	first, err := tool.Compile(t.Context(), environment(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range about.known {
		for name := range f.files {
			f.files[name] = []byte("spoiled")
		}
	}
	for i := range 2 {
		again, err := tool.Compile(t.Context(), environment(1))
		if err != nil || !maps.Equal(again.Pins, first.Pins) {
			t.Fatalf("%v: %v", again.Pins, err)
		}
		for name, data := range (*told)[1+i] {
			if (string(data) == "spoiled") != (i == 0) {
				t.Errorf("run %d: %s is %.20q", i, name, data)
			}
		}
	}
}

// TestPythonFactsBounded: few are kept, those of shims and of a program that is not known are not.
func TestPythonFactsBounded(t *testing.T) {
	k := &pythonFacts{known: map[string]*facts{}}
	for i := range 10 * maxAbout {
		k.of("sha256:1", python{path: string(rune('a' + i))})
	}
	if len(k.known) > maxAbout {
		t.Errorf("%d are kept", len(k.known))
	}
	clear(k.known)
	k.of("sha256:1", python{path: "/shim", script: true})
	k.of("", python{path: "/python3"})
	if len(k.known) != 0 {
		t.Errorf("%d are kept", len(k.known))
	}
	if first := k.of("sha256:1", python{path: "/python3"}); first != k.of("sha256:1", python{path: "/python3"}) {
		t.Error("not kept")
	}
}

// TestPythonFactsRead: what a run leaves that is too large, too much or a link is not taken over.
func TestPythonFactsRead(t *testing.T) {
	dir := t.TempDir()
	at := filepath.Join(dir, cacheDir, interpreters, "x")
	if err := os.MkdirAll(at, 0o700); err != nil {
		t.Fatal(err)
	}
	f := &facts{}
	write := func(name string, size int) {
		if err := os.WriteFile(filepath.Join(at, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.msgpack", 10)
	if f.read(dir); len(f.files) != 1 {
		t.Fatalf("%d files", len(f.files))
	}
	write("b.msgpack", maxFact+1)
	if f.read(dir); len(f.files) != 1 {
		t.Error("one that is too large was taken over")
	}
	if err := os.Remove(filepath.Join(at, "b.msgpack")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(t.TempDir(), "elsewhere"), filepath.Join(at, "c.msgpack")); err != nil {
		t.Fatal(err)
	}
	if f.read(dir); len(f.files) != 1 {
		t.Error("a link was followed")
	}
	to := t.TempDir()
	if err := f.write(to); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(to, cacheDir, interpreters, "x", "a.msgpack")); err != nil || info.Size() != 10 {
		t.Error(err)
	}
}
