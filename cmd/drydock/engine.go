package main

import (
	"context"

	"path/filepath"
	"sync"

	"github.com/drydock-dev/drydock/pkg/uv"
	"github.com/drydock-dev/drydock/services/planner/resolution"
)

// engine finds the resolver on first need and remembers it. What fails is tried again the next time: the index
// may be back.
type engine struct {
	locator func() uv.Locator
	start   func(what string) (stop func())

	mu   sync.Mutex
	tool *uv.Tool
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
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.tool != nil {
		return e.tool, nil
	}
	defer e.start("looking for uv")()
	t, err := e.locator().Find(ctx)
	if err != nil {
		return nil, err
	}
	e.tool = t
	return t, nil
}
