package advisory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// DefaultMirror is OSV's public bucket: MIRROR/<Ecosystem>/all.zip. Who controls the mirror decides what
// counts as vulnerable; serve your own with UpdateOptions.Mirror.
const DefaultMirror = "https://storage.googleapis.com/osv-vulnerabilities"

// ErrMirror is wrapped by every error about a mirror that does not give what was asked for.
var ErrMirror = errors.New("the mirror did not deliver")

// UpdateOptions of Update and UpdateLists.
type UpdateOptions struct {
	Mirror     string   // default DefaultMirror
	Ecosystems []string // default those in dir, else PyPI
	CacheDir   string   // as in Options
	Now        time.Time
	Progress   func(Progress) // called from several goroutines
	Client     *http.Client   // default: one that follows five redirects and never from https to http

	stall time.Duration // default stallTimeout
}

// Update fetches each ecosystem's archive when the mirror has another than the one in dir, checks it against
// the checksums the mirror states, and puts it in place as Import does. It stops at the first error and
// returns what was done. Errors name URLs without credentials and queries.
func Update(ctx context.Context, dir string, o UpdateOptions) ([]Imported, error) {
	ecosystems, err := o.ecosystems(dir)
	if err != nil {
		return nil, err
	}
	base := o.Mirror
	if base == "" {
		base = DefaultMirror
	}
	var all []Imported
	for _, e := range ecosystems {
		u, err := mirrorURL(base, e)
		if err != nil {
			return all, fmt.Errorf("update advisories: %w", err)
		}
		one, err := updateOne(ctx, dir, e, u, o)
		if err != nil {
			return all, fmt.Errorf("update advisories for %s from %s: %w; a database already in use stays", e, bare(u), err)
		}
		all = append(all, one)
	}
	return all, nil
}

func (o *UpdateOptions) ecosystems(dir string) ([]string, error) {
	for _, e := range o.Ecosystems {
		if schemeOf(e) == schemeNone {
			return nil, fmt.Errorf("update advisories: %w: %q; Drydock judges %s", ErrEcosystem, e, strings.Join(Ecosystems(), ", "))
		}
	}
	if len(o.Ecosystems) > 0 {
		return o.Ecosystems, nil
	}
	var names []string
	if found, err := places(dir); err == nil {
		for _, p := range found {
			if schemeOf(p.ecosystem) != schemeNone {
				names = append(names, p.ecosystem)
			}
		}
	}
	if len(names) == 0 {
		names = []string{"PyPI"}
	}
	return names, nil
}

func mirrorURL(base, ecosystem string) (*url.URL, error) {
	u, err := parseURL(base)
	if err != nil {
		return nil, err
	}
	return u.JoinPath(ecosystem, archiveName), nil
}

func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%w: its address is not of the form https://HOST/PATH", ErrMirror) // no echo: it may hold a password
	}
	return u, nil
}

// bare is a URL as it may be shown: no user, password or query.
func bare(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

func updateOne(ctx context.Context, dir, ecosystem string, u *url.URL, o UpdateOptions) (Imported, error) {
	im := importer{dir: dir, o: ImportOptions{CacheDir: o.CacheDir, Now: o.Now, Progress: o.Progress}}
	p := place{ecosystem, filepath.Join(dir, scalibrDir, ecosystem, archiveName)}
	known := meta{}
	if digest, err := digestPath(ctx, p.archive); err == nil {
		known = readMeta(p, digest)
	}
	ctx, cancel := context.WithTimeout(ctx, updateTimeout)
	defer cancel()
	f := fetcher{client: o.client(), stall: o.stall}
	// Conditions hold only for what came from this very address and is still what came.
	if known.Source == bare(u) {
		f.etag, f.lastModified = known.ETag, known.LastModified
	}
	body, err := f.get(ctx, u)
	if err != nil {
		return Imported{}, err
	}
	if body == nil {
		return im.confirm(p, known)
	}
	defer body.Close()
	stage, err := im.stage()
	if err != nil {
		return Imported{}, err
	}
	defer stage.close()
	if err := stage.fill(ctx, body, max(body.length, 0), im.progress(ecosystem, StageCopy)); err != nil {
		return Imported{}, err
	}
	if err := body.verify(); err != nil {
		return Imported{}, err
	}
	return im.install(ctx, stage, ecosystem, meta{Source: bare(u), Fetched: im.now(), ETag: body.etag, LastModified: body.lastModified})
}

// confirm notes that the mirror still has what is here.
func (im *importer) confirm(p place, m meta) (Imported, error) {
	m.Fetched = im.now()
	if err := writeMeta(p, m); err != nil {
		return Imported{}, err
	}
	d := Database{
		Name: p.ecosystem, Digest: m.Digest, Records: m.Records, Newest: m.Newest, Fetched: m.Fetched,
		Partial: m.Partial || m.Refused > 0, Refused: m.Refused, Source: m.Source,
	}
	return Imported{Database: d, Before: m.Digest, Unchanged: true}, nil
}

// UpdateLists takes the KEV and EPSS lists into dir, each from a file or URL; an empty one is left as it is.
// A list is checked before it takes its place.
func UpdateLists(ctx context.Context, dir, kev, epss string, o UpdateOptions) error {
	for _, l := range []struct {
		kind   listKind
		source string
	}{{kevList, kev}, {epssList, epss}} {
		if l.source == "" {
			continue
		}
		shown := l.source
		if u, err := parseURL(l.source); err == nil {
			shown = bare(u)
		} else if strings.Contains(l.source, "://") {
			shown = "its address" // no echo: it may hold a password
		}
		if err := updateList(ctx, dir, l.kind, l.source, o); err != nil {
			return fmt.Errorf("take in the %s list from %s: %w; a list already in use stays", strings.ToUpper(l.kind.name), shown, err)
		}
	}
	return nil
}

func updateList(ctx context.Context, dir string, kind listKind, source string, o UpdateOptions) error {
	data, err := readSource(ctx, source, o)
	if err != nil {
		return err
	}
	if o.Progress != nil {
		o.Progress(Progress{kind.name, StageCopy, int64(len(data)), int64(len(data))})
	}
	encoded, err := kind.compile(data)
	if err != nil {
		return err
	}
	if data, err = plain(data); err != nil { // kept unpacked, so that its name says what it is
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	path := filepath.Join(dir, kind.files[0])
	if err := writeFile(path, data, true); err != nil {
		return err
	}
	for _, other := range kind.files[1:] {
		os.Remove(filepath.Join(dir, other))
	}
	c := cache{o.CacheDir}
	if digest, err := digestPath(ctx, path); err == nil {
		c.put(kind.name, digest, encoded)
	}
	return nil
}

// readSource reads a whole list from a URL or file.
func readSource(ctx context.Context, source string, o UpdateOptions) ([]byte, error) {
	var r io.ReadCloser
	var verify func() error
	if strings.Contains(source, "://") {
		u, err := parseURL(source)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, updateTimeout)
		defer cancel()
		f := fetcher{client: o.client(), stall: o.stall}
		body, err := f.get(ctx, u)
		if err != nil {
			return nil, err
		}
		r, verify = body, body.verify
	} else {
		f, err := os.Open(source)
		if err != nil {
			return nil, err
		}
		r, verify = f, func() error { return nil }
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxList+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxList:
		return nil, fmt.Errorf("%w: more than %d bytes", ErrList, maxList)
	}
	return data, verify()
}
