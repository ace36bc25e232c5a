// Package index reads package indexes: which releases of a package exist, when
// they were published and for which interpreters (PEP 503, 691, 700, 592, 658).
package index

import (
	"context"
	"errors"
	"io"
	"time"
)

// Project is what an index says of one package.
type Project struct {
	Name     string    // normalised, PEP 503
	Releases []Release // ascending by PEP 440
	Digest   string    // sha256:… of the answer's canonical form, for the plan's inputs
	Fetched  time.Time
	Index    string // address of the index that offered it, without credentials
	Page     string // a link for people
}

// Release is one version.
type Release struct {
	Version        string
	Files          []File
	Yanked         bool // every file is yanked (PEP 592)
	YankedReason   string
	RequiresPython string     // of its files, where the index says it
	Released       *time.Time // earliest upload-time; nil where the index does not say
}

// File is one distribution.
type File struct {
	Name           string            `json:"filename"`
	URL            string            `json:"url"`
	Hashes         map[string]string `json:"hashes"`
	RequiresPython string            `json:"requires-python,omitempty"`
	Uploaded       *time.Time        `json:"upload-time,omitempty"`
	Size           int64             `json:"size,omitempty"`
	Yanked         bool              `json:"-"`
	// Metadata holds the hashes of the core metadata that lies beside the file (PEP 658, PEP 714). Not nil means
	// the index offers it; empty means it does without a hash.
	Metadata map[string]string `json:"core-metadata,omitzero"`
}

// Errors of an index.
var (
	ErrUnknownProject = errors.New("the index does not know this package")
	ErrUnreachable    = errors.New("the index does not answer")
	ErrUnusable       = errors.New("the index's answer can't be used")
)

// Errors of one file of an index that answers. The first is wrapped by all of them: asking again does not help,
// and says nothing against the index's other files.
var (
	ErrUnreadable = errors.New("the file can't be used")
	ErrGone       = errors.New("the index offers a file that is not there")
	ErrUnverified = errors.New("the index states no sha256 of the file, so what it holds can't be verified")
	ErrMismatch   = errors.New("it is not the file that the index describes")
	ErrNoMetadata = errors.New("it holds no metadata that can be read")
)

// Index looks packages up. Errors wrap ErrUnknownProject or ErrUnreachable; one that answers with something
// that can't be used (HTML only, too large, not JSON) counts as unreachable and wraps ErrUnusable too.
type Index interface {
	Project(ctx context.Context, name string) (*Project, error)
}

// Source is an index that is also asked what its files hold. Besides the errors of [Index] there are those of a
// file, which wrap ErrUnreadable.
type Source interface {
	Index
	// Metadata is the core metadata of a file of p (METADATA of a wheel, PKG-INFO of a source distribution), as
	// it was written; the caller must not change it. Nothing of the file is run or unpacked.
	Metadata(ctx context.Context, p *Project, f File) ([]byte, error)
}

// Fetcher is a Source whose files can be had whole.
type Fetcher interface {
	Source
	// Fetch writes a file of p to w once its sha256 is known to be the one the index states: on an error of the
	// index or the file nothing was written.
	Fetch(ctx context.Context, p *Project, f File, w io.Writer) error
}
