// Package index reads package indexes: which releases of a package exist, when
// they were published and for which interpreters (PEP 503, 691, 700, 592, 658).
package index

import (
	"context"
	"errors"
	"time"
)

// Project is what an index says of one package.
type Project struct {
	Name     string    // normalised, PEP 503
	Releases []Release // ascending by PEP 440
	Digest   string    // sha256:… of the answer's canonical form, for the plan's inputs
	Fetched  time.Time
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
}

// Errors of an index.
var (
	ErrUnknownProject = errors.New("the index does not know this package")
	ErrUnreachable    = errors.New("the index does not answer")
	ErrUnusable       = errors.New("the index's answer can't be used")
)

// Index looks packages up. Errors wrap ErrUnknownProject or ErrUnreachable; one that answers with something
// that can't be used (HTML only, too large, not JSON) counts as unreachable and wraps ErrUnusable too.
type Index interface {
	Project(ctx context.Context, name string) (*Project, error)
}
