package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// databases is the advisory database a process uses, and how it becomes another.
type databases struct {
	dir    string // where it lies
	holder *advisory.Holder
	opts   advisory.Options
	mirror string

	mu sync.Mutex // one import at a time
}

// openDatabases opens the database given with --db, else the data directory's. The latter may be missing:
// then every scan says so.
func (c *cli) openDatabases(given string) (*databases, error) {
	d := &databases{holder: advisory.NewHolder(nil), mirror: c.cfg.Advisory.Mirror,
		opts: advisory.Options{CacheDir: c.snapshots(), KEV: c.cfg.Advisory.KEV, EPSS: c.cfg.Advisory.EPSS}}
	if given != "" {
		d.dir = given
		if _, err := os.Stat(given); errors.Is(err, fs.ErrNotExist) {
			return nil, surroundings("--db %s: there is no such directory; it holds osv-scalibr/<Ecosystem>/all.zip or <Ecosystem>/all.zip", given)
		}
		return d, d.reload()
	}
	dir, err := c.dataDir()
	if err != nil {
		return nil, err
	}
	d.dir = filepath.Join(dir, "advisories")
	if err := d.reload(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return d, nil
}

// snapshots is where compiled databases are kept.
func (c *cli) snapshots() string {
	if dir := c.cacheDir(); dir != "" {
		return filepath.Join(dir, "advisories")
	}
	return ""
}

// reload puts what lies in the directory now in use. Who is at work goes on with what it began with.
func (d *databases) reload() error {
	db, err := advisory.Open(d.dir, d.opts)
	if err != nil {
		return surroundings("open the advisory database: %w", err)
	}
	d.holder.Swap(db)
	return nil
}

// events describes what is in use as events do.
func (d *databases) events() []events.Database {
	var out []events.Database
	for _, db := range d.holder.Current().Databases() {
		out = append(out, events.Database{Name: db.Name, Digest: db.Digest, Records: db.Records, Newest: db.Newest, Fetched: db.Fetched, Partial: db.Partial})
	}
	return out
}

// importFrom imports advisories and puts them in use.
func (d *databases) importFrom(ctx context.Context, q api.DatabaseImport) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !filepath.IsAbs(q.Path) {
		return api.NewProblem(api.InvalidInput, "give the absolute path on the machine Drydock runs on", "path %q is not absolute", q.Path)
	}
	if err := importAdvisories(ctx, q.Path, d.dir); err != nil {
		return err
	}
	return d.reload()
}

// update fetches newer advisories and puts them in use.
func (d *databases) update(ctx context.Context, q api.DatabaseImport) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	mirror := q.Mirror
	if mirror == "" {
		mirror = d.mirror
	}
	if err := updateAdvisories(ctx, mirror, d.dir, nil); err != nil {
		return err
	}
	return d.reload()
}
