package uv

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// cacheDir is uv's cache, in the folder of a run, with which it goes away.
const cacheDir = "cache"

// interpreters is where uv keeps in its cache what a Python said of itself: to ask one takes longer than to resolve
// thirty pins.
const interpreters = "interpreter-v5"

// about is what uv found out about Pythons in this process.
var about = &pythonFacts{known: map[string]*facts{}}

// pythonFacts keeps that by program and Python. uv itself sees whether a Python was changed since.
type pythonFacts struct {
	mu    sync.Mutex
	known map[string]*facts
}

// facts are files below a cache, by path.
type facts struct {
	mu    sync.Mutex
	files map[string][]byte
}

// of returns what is known of a Python, or nothing yet.
func (k *pythonFacts) of(digest string, py python) *facts {
	k.mu.Lock()
	defer k.mu.Unlock()
	if py.script || digest == "" {
		return &facts{} // what a shim leads to changes without it
	}
	key := digest + " " + py.path
	f := k.known[key]
	if f == nil {
		if len(k.known) >= maxAbout {
			clear(k.known) // rare, and cheap to find out again
		}
		f = &facts{}
		k.known[key] = f
	}
	return f
}

// write gives what is known to a run.
func (f *facts) write(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for path, data := range f.files {
		path = filepath.Join(dir, cacheDir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("make a folder to run uv in: %w", err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return fmt.Errorf("write %s for uv, where temporary files go: %w", interpreters, bare(err))
		}
	}
	return nil
}

// read takes over what a run that answered found out. What can't be taken over is found out again.
func (f *facts) read(dir string) {
	root, err := os.OpenRoot(filepath.Join(dir, cacheDir))
	if err != nil {
		return
	}
	defer root.Close()
	paths, err := filepath.Glob(filepath.Join(dir, cacheDir, interpreters, "*", "*.msgpack"))
	if err != nil || len(paths) > maxFacts {
		return
	}
	files := map[string][]byte{}
	for _, path := range paths {
		name, err := filepath.Rel(filepath.Join(dir, cacheDir), path)
		if err != nil {
			return
		}
		in, err := root.Open(name)
		if err != nil {
			return
		}
		data, err := io.ReadAll(io.LimitReader(in, maxFact+1))
		in.Close()
		if err != nil || len(data) > maxFact {
			return
		}
		files[name] = data
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files = files
}
