package advisory

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Progress of an import or update.
type Progress struct {
	Ecosystem string // or the list: kev, epss
	Stage     string // StageCopy, StageCheck
	Done      int64  // bytes copied, records checked
	Total     int64  // 0 where it is not known
}

// Stages of Progress.
const (
	StageCopy  = "copy"  // from a file or mirror, bytes
	StageCheck = "check" // records
)

// ImportOptions of Import.
type ImportOptions struct {
	Ecosystem string         // of a zip or of loose records; default: the one they speak of
	CacheDir  string         // as in Options: the snapshot is written while the records are at hand
	Now       time.Time      // noted as the time of fetching; default time.Now()
	Progress  func(Progress) // called from several goroutines
}

// Imported says what became of one ecosystem.
type Imported struct {
	Database  Database
	Before    string // digest of the database before; empty: there was none
	Unchanged bool   // the database was up to date
	Skipped   string // why this ecosystem was left out; Database has only the name then
}

// Import takes advisories into dir: a zip of OSV records, a directory with <Ecosystem>/all.zip (osv-scalibr/
// or not), or a directory of loose *.json records, by ecosystem in folders or all of one. Where a file PARTIAL
// lies beside the records or in the zip, the database says of itself that it is only part of one.
//
// Each database is checked as a whole and takes its place at once; on an error the one in use stays. Errors
// wrap ErrArchive when what is given can't be used.
func Import(ctx context.Context, source, dir string, o ImportOptions) ([]Imported, error) {
	info, err := os.Stat(source)
	if err != nil {
		return nil, fmt.Errorf("import advisories: %w", err)
	}
	im := importer{dir: dir, o: o, source: source}
	if o.Ecosystem != "" && schemeOf(o.Ecosystem) == schemeNone {
		return nil, fmt.Errorf("import advisories: %w: %q; Drydock judges %s", ErrEcosystem, o.Ecosystem, strings.Join(Ecosystems(), ", "))
	}
	if !info.IsDir() {
		one, err := im.zip(ctx, source, "")
		return oneOf(one, err)
	}
	found, err := places(source)
	if err != nil {
		return nil, fmt.Errorf("import advisories: %w", err)
	}
	if len(found) == 0 {
		return im.loose(ctx, source)
	}
	var all []Imported
	for _, p := range found {
		if schemeOf(p.ecosystem) == schemeNone {
			all = append(all, Imported{Database: Database{Name: p.ecosystem}, Skipped: "Drydock does not judge versions of this ecosystem"})
			continue
		}
		one, err := im.zip(ctx, p.archive, p.ecosystem)
		if err != nil {
			return all, err
		}
		all = append(all, one)
	}
	return all, nil
}

func oneOf(one Imported, err error) ([]Imported, error) {
	if err != nil {
		return nil, err
	}
	return []Imported{one}, nil
}

// importer carries what all steps of one import need.
type importer struct {
	dir    string
	o      ImportOptions
	source string // noted as origin, without credentials
}

func (im *importer) progress(ecosystem, stage string) func(done, total int64) {
	return func(done, total int64) {
		if im.o.Progress != nil {
			im.o.Progress(Progress{ecosystem, stage, done, total})
		}
	}
}

func (im *importer) now() *time.Time {
	t := im.o.Now
	if t.IsZero() {
		t = time.Now()
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}

// zip imports one archive. It is copied first: what is checked is what will be used.
func (im *importer) zip(ctx context.Context, source, ecosystem string) (Imported, error) {
	fail := func(err error) (Imported, error) {
		return Imported{}, fmt.Errorf("import advisories from %s: %w; a database already in use stays", source, err)
	}
	f, err := os.Open(source)
	if err != nil {
		return fail(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fail(err)
	}
	switch {
	case !info.Mode().IsRegular():
		return fail(fmt.Errorf("%w: neither a file nor a directory", ErrArchive))
	case info.Size() > maxArchive:
		return fail(fmt.Errorf("%w: %d bytes, at most %d are read", ErrArchive, info.Size(), int64(maxArchive)))
	}
	stage, err := im.stage()
	if err != nil {
		return fail(err)
	}
	defer stage.close()
	if err := stage.fill(ctx, f, info.Size(), im.progress(ecosystem, StageCopy)); err != nil {
		return fail(err)
	}
	if ecosystem == "" {
		if ecosystem, err = im.guess(ctx, stage, source); err != nil {
			return fail(err)
		}
	}
	partial := isFile(filepath.Join(filepath.Dir(source), partialMarker))
	one, err := im.install(ctx, stage, ecosystem, meta{Source: source, Fetched: im.now(), Partial: partial})
	if err != nil {
		return fail(err)
	}
	return one, nil
}

// guess finds out which ecosystem an archive is of: by name, by its folder, else by its records.
func (im *importer) guess(ctx context.Context, s *stage, source string) (string, error) {
	if im.o.Ecosystem != "" {
		return im.o.Ecosystem, nil
	}
	if absolute, err := filepath.Abs(source); err == nil && filepath.Base(absolute) == archiveName {
		if name := filepath.Base(filepath.Dir(absolute)); schemeOf(name) != schemeNone {
			return name, nil
		}
	}
	a, err := openArchive(s.file, s.size)
	if err != nil {
		return "", err
	}
	return a.detect(ctx)
}

// stage is an archive being taken in: a temporary file in the directory it will be renamed in.
type stage struct {
	file *os.File
	size int64
	hash hash.Hash
	lock *flock.Flock
}

// stage makes room for an archive. One import at a time works in a directory; what a killed one left is cleared.
func (im *importer) stage() (*stage, error) {
	root := filepath.Join(im.dir, scalibrDir)
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(root, ".lock"))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, err
	}
	if !locked {
		return nil, fmt.Errorf("another import or update is writing to %s; try again when it is done", root)
	}
	left, _ := filepath.Glob(filepath.Join(root, temporary))
	for _, path := range left {
		os.Remove(path)
	}
	f, err := os.CreateTemp(root, temporary)
	if err != nil {
		lock.Unlock()
		return nil, err
	}
	return &stage{file: f, hash: sha256.New(), lock: lock}, nil
}

func (s *stage) close() {
	s.file.Close()
	os.Remove(s.file.Name()) // gone already when it was installed
	s.lock.Unlock()
}

// fill copies at most maxArchive bytes.
func (s *stage) fill(ctx context.Context, r io.Reader, total int64, progress func(done, total int64)) error {
	w := io.MultiWriter(s.file, s.hash)
	buf := make([]byte, 1<<20)
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		n, err := r.Read(buf)
		if s.size += int64(n); s.size > maxArchive {
			return fmt.Errorf("%w: more than %d bytes", ErrArchive, int64(maxArchive))
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		progress(s.size, total)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// install checks a filled stage and puts it in place.
func (im *importer) install(ctx context.Context, s *stage, ecosystem string, m meta) (Imported, error) {
	m.Digest = digestOf(s.hash.Sum(nil))
	a, err := openArchive(s.file, s.size)
	if err != nil {
		return Imported{}, err
	}
	data, err := compile(ctx, a, ecosystem, m.Digest, im.progress(ecosystem, StageCheck))
	if err != nil {
		return Imported{}, err
	}
	snap, err := openSnapshot(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return Imported{}, err
	}
	m.Records, m.Refused, m.Newest = snap.records, snap.refused, timeOf(snap.newest)
	m.Partial = m.Partial || snap.partial
	p := place{ecosystem, filepath.Join(im.dir, scalibrDir, ecosystem, archiveName)}
	if err := os.MkdirAll(p.dir(), 0o755); err != nil {
		return Imported{}, err
	}
	before, err := digestPath(ctx, p.archive)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Imported{}, err
	}
	if err := writeMeta(p, m); err != nil {
		return Imported{}, err
	}
	if before != m.Digest {
		if err := commitFile(s.file, p.archive, true); err != nil {
			return Imported{}, err
		}
	}
	dropOther(p, m.Digest)
	cache{im.o.CacheDir}.put(ecosystem, m.Digest, data)
	d := Database{
		Name: ecosystem, Digest: m.Digest, Records: m.Records, Newest: m.Newest, Fetched: m.Fetched,
		Partial: m.Partial || m.Refused > 0, Refused: m.Refused, RefusedWhy: snap.reasons, Source: m.Source,
	}
	return Imported{Database: d, Before: before, Unchanged: before == m.Digest}, nil
}

// dropOther deletes the notes on archives that were here before, and a marker that spoke of them.
func dropOther(p place, digest string) {
	notes, _ := filepath.Glob(filepath.Join(p.dir(), "drydock-*.json"))
	for _, note := range notes {
		if note != p.meta(digest) {
			os.Remove(note)
		}
	}
	os.Remove(filepath.Join(p.dir(), partialMarker))
}
