package advisory

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options of Open.
type Options struct {
	CacheDir   string   // keeps snapshots; may be deleted at any time; empty: none is kept
	KEV        string   // CISA's catalogue, JSON; default DIR/kev.json where it exists
	EPSS       string   // FIRST's scores, CSV, plain or gzip; default DIR/epss.csv or DIR/epss.csv.gz where it exists
	Ecosystems []string // only these; default all that are there
}

// DB answers from a directory of OSV archives. It is immutable and safe for concurrent use. An ecosystem is
// read when it is first asked for: from its snapshot in a few milliseconds, else from its archive with all
// processors, the snapshot being written while the answer is used (Close waits for that).
type DB struct {
	cache      cache
	ecosystems []*ecosystem // by name
	kev, epss  *list
	digest     string
	background sync.WaitGroup
}

// Open finds the databases in dir. A directory that does not exist is an error that wraps ErrNoDatabase and
// fs.ErrNotExist; one without databases opens and answers ErrNoDatabase to everything.
func Open(dir string, o Options) (*DB, error) {
	found, err := places(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrNoDatabase, err)
	}
	if err != nil {
		return nil, err
	}
	db := &DB{cache: cache{o.CacheDir}}
	ctx := context.Background()
	for _, p := range found {
		if len(o.Ecosystems) > 0 && !slices.Contains(o.Ecosystems, p.ecosystem) {
			continue
		}
		db.ecosystems = append(db.ecosystems, openEcosystem(ctx, db, p))
	}
	if db.kev, err = openList(ctx, db.cache, kevList, o.KEV, dir); err != nil {
		return nil, err
	}
	if db.epss, err = openList(ctx, db.cache, epssList, o.EPSS, dir); err != nil {
		return nil, err
	}
	db.digest = db.sum()
	return db, nil
}

// Close waits until snapshots are written. The DB stays usable.
func (db *DB) Close() error {
	db.background.Wait()
	return nil
}

// Digest implements Matcher.
func (db *DB) Digest() string { return db.digest }

func (db *DB) sum() string {
	h := sha256.New()
	for _, e := range db.ecosystems {
		fmt.Fprintf(h, "%s %s %t\n", e.place.ecosystem, e.digest, e.meta.Partial)
	}
	for _, l := range []*list{db.kev, db.epss} {
		if l != nil {
			fmt.Fprintf(h, "%s %s\n", l.kind.name, l.digest)
		}
	}
	return digestOf(h.Sum(nil))
}

// Databases implements Matcher. Newest and the exact counts are there for ecosystems that were asked for or
// whose import noted them; of others only the name and the digest are known.
func (db *DB) Databases() []Database {
	all := make([]Database, 0, len(db.ecosystems))
	for _, e := range db.ecosystems {
		all = append(all, e.describe())
	}
	return all
}

// List is a list that is joined to vulnerabilities.
type List struct {
	Name   string // kev, epss
	Digest string // sha256:… of the list as published
}

// Lists are the lists that are joined to what hits, by name: they change how urgent a finding is and leave every
// database as it was.
func (db *DB) Lists() []List {
	var out []List
	for _, l := range []*list{db.epss, db.kev} {
		if l != nil {
			out = append(out, List{l.kind.name, l.digest})
		}
	}
	return out
}

// Match implements Matcher. With an error that wraps ErrVersion, hits holds the records that list the
// version by its very text.
func (db *DB) Match(eco, name, text string) ([]Hit, error) {
	eco = baseEcosystem(eco)
	scheme := schemeOf(eco)
	if scheme == schemeNone {
		return nil, fmt.Errorf("%w: %w: %q; Drydock judges %s", ErrNoDatabase, ErrEcosystem, clip(eco, 40), strings.Join(Ecosystems(), ", "))
	}
	e := db.find(eco)
	if e == nil {
		return nil, fmt.Errorf("%w for %s: get it with `drydock db update` or `drydock db import`", ErrNoDatabase, eco)
	}
	vulnerabilities, err := e.lookup(normalName(eco, name))
	if err != nil {
		return nil, err
	}
	v, parseError := scheme.parse(text)
	q := query{scheme: scheme, text: text, version: &v, readable: parseError == nil, kev: db.kev, epss: db.epss}
	if q.readable {
		public := v.public()
		q.public = &public
	}
	var hits []Hit
	for i := range vulnerabilities {
		if hit, ok := q.judge(&vulnerabilities[i]); ok {
			hits = append(hits, hit)
		}
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(rank(a.Severity)-rank(b.Severity), strings.Compare(a.ID, b.ID))
	})
	if parseError != nil {
		return hits, fmt.Errorf("judge %s %s: %w", clip(name, 80), clip(text, 80), parseError)
	}
	return hits, nil
}

func (db *DB) find(name string) *ecosystem {
	for _, e := range db.ecosystems {
		if e.place.ecosystem == name {
			return e
		}
	}
	return nil
}

// ecosystem is one archive and, once asked for, its snapshot. The archive is held open: a newer one that is
// renamed into its place does not change what this DB answers.
type ecosystem struct {
	db     *DB
	place  place
	file   *os.File // closed when no longer used; nil when failed
	id     string   // of the file when its digest was taken
	digest string
	meta   meta

	loading sync.Mutex
	lock    sync.RWMutex // guards what follows
	loaded  *snapshot
	failed  error
	known   map[string][]vulnerability // decoded packages
}

// openEcosystem remembers a failure: only who asks for this ecosystem is concerned.
func openEcosystem(ctx context.Context, db *DB, p place) *ecosystem {
	e := &ecosystem{db: db, place: p}
	e.file, e.failed = os.Open(p.archive)
	if e.failed == nil {
		e.id, e.digest, e.failed = db.cache.digest(ctx, e.file)
	}
	if e.failed != nil {
		e.failed = fmt.Errorf("%w for %s: %w", ErrNoDatabase, p.ecosystem, e.failed)
		return e
	}
	e.meta = readMeta(p, e.digest)
	return e
}

// lookup returns what is known of a package, nil for nothing.
func (e *ecosystem) lookup(name string) ([]vulnerability, error) {
	e.lock.RLock()
	vs, ok := e.known[name]
	e.lock.RUnlock()
	if ok {
		return vs, nil
	}
	s, err := e.snapshot()
	if err != nil {
		return nil, err
	}
	row := s.find(name)
	if row < 0 {
		return nil, nil
	}
	if vs, err = s.read(row); err != nil {
		if s, err = e.rebuild(s); err != nil {
			return nil, err
		}
		if row = s.find(name); row < 0 {
			return nil, nil
		}
		if vs, err = s.read(row); err != nil {
			return nil, err
		}
	}
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.known == nil {
		e.known = make(map[string][]vulnerability)
	}
	e.known[strings.Clone(name)] = vs
	return vs, nil
}

// snapshot loads the ecosystem once; a failure, too, is remembered: the DB is immutable.
func (e *ecosystem) snapshot() (*snapshot, error) {
	if s, err := e.state(); s != nil || err != nil {
		return s, err
	}
	e.loading.Lock()
	defer e.loading.Unlock()
	if s, err := e.state(); s != nil || err != nil {
		return s, err
	}
	if e.db.cache.dir != "" {
		s, err := openSnapshotFile(e.db.cache.path(e.place.ecosystem, e.digest))
		if err == nil && s.digest == e.digest && s.ecosystem == e.place.ecosystem {
			return e.set(s, nil)
		}
	}
	return e.set(e.compile())
}

// rebuild replaces a snapshot that turned out to be damaged.
func (e *ecosystem) rebuild(damaged *snapshot) (*snapshot, error) {
	e.loading.Lock()
	defer e.loading.Unlock()
	if s, err := e.state(); s != damaged {
		return s, err
	}
	return e.set(e.compile())
}

func (e *ecosystem) compile() (*snapshot, error) {
	data, err := compileFile(context.Background(), e.file, e.id, e.place.ecosystem, e.digest)
	if err != nil {
		return nil, fmt.Errorf("%w for %s: %s: %w; get it again with `drydock db update` or `drydock db import`", ErrNoDatabase, e.place.ecosystem, e.place.archive, err)
	}
	e.db.background.Go(func() { e.db.cache.put(e.place.ecosystem, e.digest, data) })
	return openSnapshot(bytes.NewReader(data), int64(len(data)))
}

func (e *ecosystem) state() (*snapshot, error) {
	e.lock.RLock()
	defer e.lock.RUnlock()
	return e.loaded, e.failed
}

func (e *ecosystem) set(s *snapshot, err error) (*snapshot, error) {
	e.lock.Lock()
	defer e.lock.Unlock()
	e.loaded, e.failed = s, err
	return s, err
}

func (e *ecosystem) describe() Database {
	d := Database{
		Name: e.place.ecosystem, Digest: e.digest, Fetched: e.meta.Fetched, Partial: e.meta.Partial || e.meta.Refused > 0,
		Records: e.meta.Records, Refused: e.meta.Refused, Newest: e.meta.Newest, Source: e.meta.Source,
	}
	if s, _ := e.state(); s != nil {
		d.Records, d.Newest = s.records, timeOf(s.newest)
		d.Refused, d.RefusedWhy = s.refused, s.reasons
		d.Partial = e.meta.Partial || s.partial || s.refused > 0
	}
	return d
}

func timeOf(seconds int64) *time.Time {
	if seconds == 0 {
		return nil
	}
	t := time.Unix(seconds, 0).UTC()
	return &t
}

// defaultList finds a list that lies in the directory.
func defaultList(dir string, names []string) string {
	for _, name := range names {
		if path := filepath.Join(dir, name); isFile(path) {
			return path
		}
	}
	return ""
}
