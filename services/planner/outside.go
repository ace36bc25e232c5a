package planner

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/index"
)

// world is everything outside the application that a plan is made from: what the index says and what the
// advisory database says. It is asked through one seam, so that every answer can be kept as evidence and a
// plan made again from it (design §1.5).
type outside interface {
	Project(ctx context.Context, name string) (*index.Project, error)
	Metadata(ctx context.Context, p *index.Project, f index.File) ([]byte, error)
	Match(ecosystem, name, version string) ([]advisory.Hit, error)
}

// live asks the real ones.
type live struct {
	index   index.Source
	matcher advisory.Matcher
}

func (l live) Project(ctx context.Context, name string) (*index.Project, error) {
	if l.index == nil {
		return nil, errNoIndex
	}
	return l.index.Project(ctx, name)
}

func (l live) Metadata(ctx context.Context, p *index.Project, f index.File) ([]byte, error) {
	if l.index == nil {
		return nil, errNoIndex
	}
	return l.index.Metadata(ctx, p, f)
}

func (l live) Match(ecosystem, name, version string) ([]advisory.Hit, error) {
	if l.matcher == nil {
		return nil, errNoMatcher
	}
	return l.matcher.Match(ecosystem, name, version)
}

var (
	// errNoIndex and errNoMatcher stand for what is not there.
	errNoIndex   = errors.New("no package index is configured")
	errNoMatcher = errors.New("no advisory database is loaded")
)

// tape is what a world said while a plan was made; tapeForm is how it is written.
type tape struct {
	Pages    map[string]page           // by normalised name
	Metadata map[string]spoken         // by name/file
	Hits     map[string][]advisory.Hit // by ecosystem/name@version
	Misses   map[string]string         // questions to the database without an answer, with the error
}

// page is the answer for one project: the project, or the error with its kind.
type page struct {
	Project *index.Project
	Error   string
	Kind    string // unknown | unreachable | other
}

// spoken is a text or an error.
type spoken struct {
	Text  string `json:"text,omitempty"`
	Error string `json:"error,omitempty"`
	Kind  string `json:"kind,omitempty"`
}

// recorder asks a world and writes down what it says. Each question is asked once, so that one plan is made
// from one view of the world.
type recorder struct {
	outside
	mu   sync.Mutex
	tape tape
}

func newTape() tape {
	return tape{Pages: map[string]page{}, Metadata: map[string]spoken{}, Hits: map[string][]advisory.Hit{}, Misses: map[string]string{}}
}

func record(w outside) *recorder { return &recorder{outside: w, tape: newTape()} }

func (r *recorder) Project(ctx context.Context, name string) (*index.Project, error) {
	r.mu.Lock()
	known, ok := r.tape.Pages[name]
	r.mu.Unlock()
	if ok {
		return known.Project, known.err()
	}
	p, err := r.outside.Project(ctx, name)
	if ctx.Err() != nil {
		return p, err // of this run, not of the world
	}
	said := page{Project: p}
	if err != nil {
		said = page{Error: err.Error(), Kind: kindOf(err)}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if first, ok := r.tape.Pages[name]; ok { // two asked at once: both get the first answer
		return first.Project, first.err()
	}
	r.tape.Pages[name] = said
	return p, err
}

func (r *recorder) Metadata(ctx context.Context, p *index.Project, f index.File) ([]byte, error) {
	key := p.Name + "/" + f.Name
	r.mu.Lock()
	known, ok := r.tape.Metadata[key]
	r.mu.Unlock()
	if ok {
		return []byte(known.Text), known.err()
	}
	text, err := r.outside.Metadata(ctx, p, f)
	if ctx.Err() != nil {
		return text, err
	}
	text = userinfo.ReplaceAll(text, []byte("://"))
	said := spoken{Text: string(text)}
	if err != nil {
		said = spoken{Error: err.Error(), Kind: kindOf(err)}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if first, ok := r.tape.Metadata[key]; ok {
		return []byte(first.Text), first.err()
	}
	r.tape.Metadata[key] = said
	return text, err
}

// userinfo are the credentials in an address (RFC 3986 §3.2.1): requirements of private packages may have some, no
// decision rests on them, and a tape is evidence.
var userinfo = regexp.MustCompile(`://[^/?#\s]*@`)

func (r *recorder) Match(ecosystem, name, version string) ([]advisory.Hit, error) {
	key := hitKey(ecosystem, name, version)
	r.mu.Lock()
	defer r.mu.Unlock()
	if hits, ok := r.tape.Hits[key]; ok {
		return hits, nil
	}
	hits, err := r.outside.Match(ecosystem, name, version)
	if err != nil {
		r.tape.Misses[key] = missKind(err)
		return hits, err
	}
	r.tape.Hits[key] = hits
	return hits, nil
}

func hitKey(ecosystem, name, version string) string { return ecosystem + "/" + name + "@" + version }

// said is the tape so far.
func (r *recorder) said() tape {
	r.mu.Lock()
	defer r.mu.Unlock()
	return tape{Pages: maps.Clone(r.tape.Pages), Metadata: maps.Clone(r.tape.Metadata), Hits: maps.Clone(r.tape.Hits), Misses: maps.Clone(r.tape.Misses)}
}

// errNotOnTape says that a plan made again asks what the first one did not.
var errNotOnTape = errors.New("was not asked when the plan was made")

// unasked are questions that a tape does not answer.
type unasked struct {
	mu  sync.Mutex
	all []Divergence
}

func (u *unasked) note(input, what string) error {
	err := fmt.Errorf("%s %w", what, errNotOnTape)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all = append(u.all, Divergence{input, err.Error()})
	return err
}

// first is the first of them by its words, as goroutines ask in no order; nil: none.
func (u *unasked) first() *Divergence {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.all) == 0 {
		return nil
	}
	d := slices.MinFunc(u.all, func(a, b Divergence) int {
		return cmp.Or(-cmp.Compare(a.Input, b.Input), cmp.Compare(a.Detail, b.Detail))
	})
	return &d
}

// replay is a tape as a world: it answers as the world did.
type replay struct {
	tape    *tape
	unasked *unasked
}

func replaying(t *tape) replay { return replay{t, &unasked{}} }

func (r replay) Project(_ context.Context, name string) (*index.Project, error) {
	p, ok := r.tape.Pages[name]
	if !ok {
		return nil, r.unasked.note("index", "the index page of "+name)
	}
	return p.Project, p.err()
}

func (r replay) Match(ecosystem, name, version string) ([]advisory.Hit, error) {
	key := hitKey(ecosystem, name, version)
	if hits, ok := r.tape.Hits[key]; ok {
		return slices.Clone(hits), nil
	}
	if kind, ok := r.tape.Misses[key]; ok {
		return nil, missError(kind)
	}
	return nil, r.unasked.note("advisories", "about "+name+" "+version)
}

func (r replay) Metadata(_ context.Context, p *index.Project, f index.File) ([]byte, error) {
	s, ok := r.tape.Metadata[p.Name+"/"+f.Name]
	if !ok {
		return nil, r.unasked.note("index", "the metadata of "+f.Name)
	}
	return []byte(s.Text), s.err()
}

// Kinds of errors a tape keeps apart, because decisions do.
const (
	kindUnknown     = "unknown"
	kindUnreachable = "unreachable"
	kindNoMetadata  = "no metadata"
	kindOther       = "other"
	missDatabase    = "no database"
	missVersion     = "version"
)

func kindOf(err error) string {
	switch {
	case errors.Is(err, index.ErrUnknownProject):
		return kindUnknown
	case errors.Is(err, index.ErrUnreachable):
		return kindUnreachable
	}
	return kindOther
}

func missKind(err error) string {
	switch {
	case errors.Is(err, advisory.ErrNoDatabase):
		return missDatabase
	case errors.Is(err, advisory.ErrVersion):
		return missVersion
	}
	return err.Error()
}

func missError(kind string) error {
	switch kind {
	case missDatabase:
		return advisory.ErrNoDatabase
	case missVersion:
		return advisory.ErrVersion
	}
	return errors.New(kind)
}

// told is an error of a tape: its text, and what it is.
type toldError struct {
	text string
	kind error
}

func (e toldError) Error() string { return e.text }
func (e toldError) Unwrap() error { return e.kind }

func (p page) err() error   { return again(p.Error, p.Kind) }
func (s spoken) err() error { return again(s.Error, s.Kind) }

func again(text, kind string) error {
	if text == "" && kind == "" {
		return nil
	}
	return toldError{text, map[string]error{kindUnknown: index.ErrUnknownProject, kindUnreachable: index.ErrUnreachable}[kind]}
}

// digests names what the index said of each package.
func (t tape) digests() map[string]string {
	out := map[string]string{}
	for name, p := range t.Pages {
		switch {
		case p.Project != nil:
			out[name] = p.Project.Digest
		case p.Kind == kindUnknown:
			out[name] = noPage
		}
	}
	return out
}

// noPage stands for the digest of a page that the index does not have: that it appears is news.
const noPage = "none"

// pageDigest is how answers name a page, of which an index says "" where it has none.
func pageDigest(digest string) string { return cmp.Or(digest, noPage) }

// indexDigest names what the index said of all packages together; empty when it said nothing.
func indexDigest(digests map[string]string) string {
	if len(digests) == 0 {
		return ""
	}
	data, err := json.Marshal(digests) // a map of strings: keys come out sorted, nothing can fail
	if err != nil {
		return ""
	}
	return string(evidence.Of(data))
}
