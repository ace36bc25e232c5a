package main

import (
	"context"
	"fmt"
	"os"

	"path/filepath"
	"sync"

	"github.com/drydock-dev/drydock/pkg/uv"
	"github.com/drydock-dev/drydock/services/planner/resolution"
)

// engine finds the resolver whenever one is needed: a program that was replaced meanwhile is looked at anew.
type engine struct {
	locator func() uv.Locator
	start   func(what string) (stop func())

	mu sync.Mutex // one fetch at a time
}

// engine is that of a process: uv named by path, or found, or fetched into the cache.
func (c *cli) engine(path string, p *parts) *engine {
	return &engine{start: c.progress, locator: func() uv.Locator {
		l := uv.Locator{Path: path, Lookup: filepath.SplitList(c.getenv("PATH")), Say: func(line string) { c.note("%s", line) }}
		if p.cache != "" {
			l.Dir = filepath.Join(p.cache, "tools")
		}
		l.Index = p.index("")
		return l
	}}
}

func (e *engine) find(ctx context.Context) (resolution.Engine, error) {
	t, err := e.program(ctx)
	if err != nil {
		return nil, err // not t: a nil pointer in an interface is not nil
	}
	return t, nil
}

func (e *engine) program(ctx context.Context) (*uv.Tool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer e.start("looking for uv")()
	return e.locator().Find(ctx)
}

// build names this very program: its version, and where that says little, its size and time.
func (c *cli) build() string {
	name := c.tool().Version
	if path, err := os.Executable(); err == nil {
		if info, err := os.Stat(path); err == nil {
			name += fmt.Sprintf(" %d %d", info.Size(), info.ModTime().UnixNano())
		}
	}
	return name
}
