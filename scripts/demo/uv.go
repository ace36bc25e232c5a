package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/uv"
)

// findUV gets the program that resolves before the frozen world begins, whose index has no uv: the one
// DRYDOCK_UV names, one on PATH, the one fetched earlier, else its wheel from the real index.
func (d *demo) findUV(ctx context.Context) error {
	l := uv.Locator{
		Path: os.Getenv("DRYDOCK_UV"), Dir: d.tools, Lookup: filepath.SplitList(os.Getenv("PATH")),
		Index: realIndex(),
		Say:   func(line string) { fmt.Fprintln(d.stderr, line) },
	}
	found, err := l.Find(ctx)
	if errors.Is(err, uv.ErrMissing) {
		return fmt.Errorf("the demo plans with uv %s, fetched once; without network put it on PATH or set DRYDOCK_UV=FILE: %w", uv.Version, err)
	}
	if err != nil {
		return err
	}
	d.uv, err = filepath.Abs(found.Path)
	return err
}

// realIndex is where uv and the wheels come from, whatever index the demo shows. It tries once: a machine without
// network learns it at once.
func realIndex() *index.Client {
	return index.NewClient(index.Config{URL: os.Getenv("DRYDOCK_INDEX_URL"), Tries: 1})
}
