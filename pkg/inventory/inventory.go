// Package inventory describes what packages a source holds: the result of
// reading, before any advisory is looked at.
package inventory

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
	"github.com/gowebpki/jcs"

	"github.com/drydock-dev/drydock/pkg/evidence"
)

// Pin says how exactly a requirement names a version.
type Pin string

// The three kinds of pin.
const (
	Exact  Pin = "exact" // == or ===, or installed
	Ranged Pin = "range" // a version can't be told from the text
	None   Pin = "none"  // no version at all
)

// Reasons of Incomplete (docs/formats.md).
const (
	Unpinned             = "unpinned"
	RangedPin            = "ranged"
	Unreadable           = "unreadable"
	Unparsed             = "unparsed"
	NoSource             = "no_source"
	NoDatabase           = "no_database"
	StaleDatabase        = "stale_database"
	PartialDatabase      = "partial_database"
	UnsupportedEcosystem = "unsupported_ecosystem"
	NotCovered           = "not_covered"
	IndexUnreachable     = "index_unreachable"
)

// Inventory is what was read of one target.
type Inventory struct {
	Sources    []Source     `json:"sources"`
	Packages   []Package    `json:"packages"`
	Incomplete []Incomplete `json:"incomplete"`
	Bounds     []Bound      `json:"bounds,omitempty"` // what else limits the versions of an environment
	Files      []File       `json:"files,omitempty"`  // manifests read, for writing updates back
	Python     string       `json:"python,omitempty"` // version the application declares, where it does
}

// Source is one place packages were read from.
type Source struct {
	Path       string `json:"path"` // relative to the target, '/'
	Kind       string `json:"kind"` // requirements | environment | …
	Ecosystem  string `json:"ecosystem"`
	Packages   int    `json:"packages"` // distinct (package, version)
	Pinned     int    `json:"pinned"`
	Ranged     int    `json:"ranged"`
	Unpinned   int    `json:"unpinned"`
	NotCovered int    `json:"not_covered"`

	// Includes are the files it names by -r, as read: relative to the target, sorted. One that several sources
	// name is installed with each of them, and has the scope of the first.
	Includes []string `json:"includes,omitempty"`
}

// Package is one requirement or installed package.
type Package struct {
	Package   string   `json:"package"` // normalised as the ecosystem asks (PEP 503)
	Ecosystem string   `json:"ecosystem"`
	Version   string   `json:"version,omitempty"` // as written; absent unless Pin is exact
	PURL      string   `json:"purl"`
	Source    string   `json:"source"`
	Line      int      `json:"line,omitempty"`
	Pin       Pin      `json:"pin"`
	Specifier string   `json:"specifier,omitempty"` // as written: ">=2,<3"
	Marker    string   `json:"marker,omitempty"`    // PEP 508
	Extras    []string `json:"extras,omitempty"`
	Hashes    []string `json:"hashes,omitempty"` // "sha256:…" as written
	Dev       bool     `json:"dev"`
	Direct    bool     `json:"direct"`
	Scope     string   `json:"scope"`               // repository:<manifest that includes it> | environment:<name>
	Reference string   `json:"reference,omitempty"` // URL, VCS or path requirement, without credentials: never matched by name alone
}

// Bound limits which versions of a package an environment may hold without asking for the package: a line of a
// constraints file, of the .in file that a requirements file was compiled from, or the other clauses of a pin
// ("==2.2.2,<3"). An exact pin that moves together with the package is none, but for the
// extras it asks for.
type Bound struct {
	Package   string   `json:"package"`
	Specifier string   `json:"specifier,omitempty"` // as written: "<3"; empty: any version, named for its extras
	Marker    string   `json:"marker,omitempty"`
	Extras    []string `json:"extras,omitempty"` // asked for, also where the compiled file leaves them out
	Source    string   `json:"source"`
	Line      int      `json:"line,omitempty"`
	Scope     string   `json:"scope"` // of the environment it limits
}

// Incomplete is one thing that could not be determined.
type Incomplete struct {
	Reason    string `json:"reason"`
	Source    string `json:"source,omitempty"`
	Line      int    `json:"line,omitempty"`
	Ecosystem string `json:"ecosystem,omitempty"`
	Detail    string `json:"detail"`
}

// Kinds of a File that is no source.
const (
	Constraints = "constraints" // named by -c
	Input       = "input"       // what a requirements file was compiled from
)

// File is a manifest as read; its content is evidence.
type File struct {
	Path   string          `json:"path"`
	Digest evidence.Digest `json:"digest"`
	Size   int64           `json:"size"`
	Kind   string          `json:"kind,omitempty"`   // where it is no source: constraints, input, …
	Scopes []string        `json:"scopes,omitempty"` // the environments that a file limits which is no source of theirs, sorted
}

// Sort puts everything in the stated order: path, line, package, version.
func (inv *Inventory) Sort() {
	slices.SortFunc(inv.Sources, func(a, b Source) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Kind, b.Kind)) })
	slices.SortFunc(inv.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortStableFunc(inv.Bounds, func(a, b Bound) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Package, b.Package), cmp.Compare(a.Scope, b.Scope),
			cmp.Compare(a.Specifier, b.Specifier), cmp.Compare(a.Marker, b.Marker), slices.Compare(a.Extras, b.Extras))
	})
	slices.SortStableFunc(inv.Packages, func(a, b Package) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Package, b.Package), cmp.Compare(a.Version, b.Version),
			cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Specifier, b.Specifier), cmp.Compare(a.Marker, b.Marker), cmp.Compare(a.Reference, b.Reference),
			cmp.Compare(a.Pin, b.Pin), slices.Compare(a.Extras, b.Extras), slices.Compare(a.Hashes, b.Hashes))
	})
	slices.SortStableFunc(inv.Incomplete, func(a, b Incomplete) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Ecosystem, b.Ecosystem), cmp.Compare(a.Detail, b.Detail))
	})
}

// Encode is the canonical form (RFC 8785), whose digest is the inventory's identity: the same things found in
// another order, or a list that is nil rather than empty, make no other inventory.
func (inv *Inventory) Encode() ([]byte, evidence.Digest, error) {
	inv.Sort()
	raw, err := json.Marshal(inv, jsonv1.DefaultOptionsV1(), json.FormatNilSliceAsNull(false))
	if err != nil {
		return nil, "", fmt.Errorf("encode inventory: %w", err)
	}
	data, err := jcs.Transform(raw)
	if err != nil {
		return nil, "", fmt.Errorf("encode inventory: %w", err)
	}
	return data, evidence.Of(data), nil
}
