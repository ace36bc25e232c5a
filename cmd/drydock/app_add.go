package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

func (c *cli) appAdded(ctx context.Context, name string, o *appOptions) error {
	if o.entry.Repository == "" {
		return usage("app add %s: --repository is missing: where its source lies", name)
	}
	file, err := c.applicationsFile(o.file)
	if err != nil {
		return err
	}
	err = changeFile(ctx, file, func(data []byte) ([]byte, error) { return application.Append(file, data, name, o.entry) })
	var many *strictyaml.Errors
	switch {
	case ctx.Err() != nil:
		return context.Canceled
	case errors.As(err, &many) && len(many.Problems) > 0 && many.Problems[0].File == name: // of the options
		return &exitError{report.ExitUsage, err}
	case err != nil:
		return err
	}
	if c.opt.format == "json" {
		return c.resultJSON(struct {
			Schema      string      `json:"schema"`
			Tool        report.Tool `json:"tool"`
			ExitCode    int         `json:"exit_code"`
			Application string      `json:"application"`
			File        string      `json:"file"`
		}{"drydock.application-added/v1", c.tool(), 0, name, file})
	}
	p := c.page()
	p.whole("added %s to %s", name, file)
	c.note("next: environments, approvals and checks before an update stand there too; `drydock app show %s` shows what counts", name)
	return c.result([]byte(p.b.String()))
}

const (
	// filePatience is how long another writer of the file is waited for: one takes milliseconds, twenty on a busy
	// machine seconds.
	filePatience = time.Minute
	filePause    = 10 * time.Millisecond
)

// changeFile replaces a file by what change makes of it, in one step, while no other changeFile of the same
// file does. One that is not there is empty. An error, and a context that ends, leave it as it is.
func changeFile(ctx context.Context, file string, change func([]byte) ([]byte, error)) error {
	if target, err := filepath.EvalSymlinks(file); err == nil {
		file = target // it is the file that is locked, whatever leads there
	}
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return surroundings("make the folder of %s: %w", file, err)
	}
	unlock, err := lockFolder(ctx, dir)
	if err != nil {
		return err
	}
	defer unlock()
	data, err := strictyaml.File("applications", file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return surroundings("%w", err)
	}
	out, err := change(data)
	if err != nil {
		return &exitError{report.ExitUsage, err}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := writeWhole(file, out); err != nil {
		return surroundings("write %s: %w", file, err)
	}
	return nil
}

// lockFolder takes the one lock of a folder: of the folder itself (flock(2)), so that no file of a lock is
// left over, and whoever dies lets go.
func lockFolder(ctx context.Context, dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, surroundings("lock %s: %w", dir, err)
	}
	for deadline := time.Now().Add(filePatience); ; {
		err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return func() { _ = d.Close() }, nil // which lets go
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			_ = d.Close()
			return nil, surroundings("lock %s: %w; is it on a file system without locks?", dir, err)
		case time.Now().After(deadline):
			_ = d.Close()
			return nil, surroundings("lock %s: somebody else has been writing there for %s; try again", dir, filePatience)
		}
		select {
		case <-ctx.Done():
			_ = d.Close()
			return nil, context.Cause(ctx)
		case <-time.After(filePause):
		}
	}
}
