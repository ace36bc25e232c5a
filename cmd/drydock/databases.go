package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/services/gateway"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// databases is the advisory database a process uses, and how it becomes another.
type databases struct {
	dir    string // where it lies
	given  bool   // by --db: used as it is, never written
	holder *advisory.Holder
	opts   advisory.Options
	cfg    AdvisoryConfig
	now    func() time.Time
	say    func(advisory.Progress) // may be nil

	mu            sync.Mutex // one import at a time
	before, inUse *advisory.DB
	seen          string // signature of the directory when it was last read
}

// openDatabases opens the database given with --db, else the data directory's. The latter may be missing:
// then every scan says so.
func (c *cli) openDatabases(given string, now func() time.Time) (*databases, error) {
	d := &databases{holder: advisory.NewHolder(nil), cfg: c.cfg.Advisory, now: now,
		opts: advisory.Options{CacheDir: c.snapshots(), KEV: localList(c.cfg.Advisory.KEV), EPSS: localList(c.cfg.Advisory.EPSS)}}
	if given != "" {
		d.dir, d.given = given, true
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

// localList is a list that lies on this machine; one with an address is fetched by db update.
func localList(source string) string {
	if filepath.IsAbs(source) {
		return source
	}
	return ""
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
	d.seen = d.signature()
	db, err := advisory.Open(d.dir, d.opts)
	if err != nil {
		return surroundings("open the advisory database: %w", err)
	}
	d.before, d.inUse = d.inUse, db
	d.holder.Swap(db)
	return nil
}

// signature tells whether anything in the directory, or a list beside it, was replaced, by names, sizes and times.
func (d *databases) signature() string {
	var b strings.Builder
	names := []string{d.opts.KEV, d.opts.EPSS} // which may lie elsewhere
	for _, pattern := range []string{"*", filepath.Join("*", "*"), filepath.Join("*", "*", "*")} {
		found, _ := filepath.Glob(filepath.Join(d.dir, pattern)) // the pattern is good
		names = append(names, found...)
	}
	for _, name := range names {
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			fmt.Fprintln(&b, name, info.Size(), info.ModTime().UnixNano())
		}
	}
	return b.String()
}

// refresh takes up what another process imported into the directory, and reports whether it did. While this
// process imports, or when what is there can't be used, what is in use stays.
func (d *databases) refresh() (bool, error) {
	if !d.mu.TryLock() {
		return false, nil
	}
	defer d.mu.Unlock()
	if d.signature() == d.seen {
		return false, nil
	}
	err := d.reload()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return err == nil, err
}

// close waits until what was compiled is kept for the next run.
func (d *databases) close() {
	if d.inUse != nil {
		_ = d.inUse.Close() // a cache that could not be written is made again
	}
}

// events describes what is in use as events do.
func (d *databases) events() []events.Database {
	var out []events.Database
	for _, db := range d.holder.Current().Databases() {
		out = append(out, events.Database{Name: db.Name, Digest: db.Digest, Records: db.Records, Newest: db.Newest, Fetched: db.Fetched, Partial: db.Partial})
	}
	return out
}

// lists describes the lists of exploitation in use as events do.
func (d *databases) lists() []events.List {
	db, ok := d.holder.Current().(*advisory.DB)
	if !ok {
		return nil
	}
	var out []events.List
	for _, l := range db.Lists() {
		out = append(out, events.List{Name: l.Name, Digest: l.Digest})
	}
	return out
}

// changed counts the packages whose advisories the last swap changed.
func (d *databases) changed() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.before == nil || d.inUse == nil {
		return 0
	}
	return len(advisory.Diff(d.before, d.inUse))
}

// importFrom imports advisories and puts them in use.
func (d *databases) importFrom(ctx context.Context, q api.DatabaseImport) ([]api.Imported, error) {
	if !filepath.IsAbs(q.Path) {
		return nil, api.NewProblem(api.InvalidInput, "give the absolute path on the machine Drydock runs on", "path %q is not absolute", q.Path)
	}
	if _, err := os.Stat(q.Path); errors.Is(err, fs.ErrNotExist) {
		return nil, api.NewProblem(api.NoSuchPath, "check the path; it must exist on the machine Drydock runs on", "there is no file or directory %s", q.Path)
	}
	o := advisory.ImportOptions{CacheDir: d.opts.CacheDir, Now: d.now(), Progress: d.say}
	if len(q.Ecosystems) > 0 {
		o.Ecosystem = q.Ecosystems[0]
	}
	return d.take(false, func() ([]advisory.Imported, error) { return advisory.Import(ctx, q.Path, d.dir, o) })
}

// update fetches newer advisories and puts them in use.
func (d *databases) update(ctx context.Context, q api.DatabaseImport) ([]api.Imported, error) {
	o := advisory.UpdateOptions{Mirror: first(q.Mirror, d.cfg.Mirror), Ecosystems: q.Ecosystems, CacheDir: d.opts.CacheDir, Now: d.now(), Progress: d.say}
	return d.take(true, func() ([]advisory.Imported, error) {
		if err := advisory.UpdateLists(ctx, d.dir, first(q.KEV, d.cfg.KEV), first(q.EPSS, d.cfg.EPSS), o); err != nil {
			return nil, err
		}
		return advisory.Update(ctx, d.dir, o)
	})
}

// take does one import or, fetched, update at a time and reloads when something came of it, also before an error.
func (d *databases) take(fetched bool, do func() ([]advisory.Imported, error)) ([]api.Imported, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	done, err := do()
	var out []api.Imported
	for _, i := range done {
		db := events.Database{Name: i.Database.Name, Digest: i.Database.Digest, Records: i.Database.Records, Newest: i.Database.Newest, Fetched: i.Database.Fetched, Partial: i.Database.Partial}
		out = append(out, api.Imported{Database: gateway.Databases([]events.Database{db}, d.now(), 0)[0], Before: i.Before, Unchanged: i.Unchanged, Skipped: i.Skipped})
	}
	if err == nil || len(done) > 0 {
		err = errors.Join(err, d.reload())
	}
	return out, databaseProblem(err, fetched)
}

// databaseProblem says who can mend it. What a mirror sent is not the doing of who asked for it.
func databaseProblem(err error, fetched bool) error {
	const elsewhere = "try again, or take another source with --mirror or `drydock db import`"
	switch {
	case err == nil:
		return nil
	case errors.Is(err, advisory.ErrEcosystem):
		return api.NewProblem(api.InvalidInput, "", "%v", err)
	case errors.Is(err, advisory.ErrMirror), fetched && errors.Is(err, advisory.ErrArchive):
		return api.NewProblem(api.Unavailable, elsewhere, "%v", err)
	case errors.Is(err, advisory.ErrArchive):
		return api.NewProblem(api.InvalidInput, "give a zip of OSV records, or a directory of them", "%v", err)
	}
	return err
}

// first is the first of its arguments that is not empty.
func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
