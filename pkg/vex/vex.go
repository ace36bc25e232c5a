// Package vex says which vulnerabilities do not touch what an application runs, by what others and its own
// people state in OpenVEX documents (https://github.com/openvex/spec, version 0.2.0; docs/waivers.md).
//
// Only a statement not_affected silences a finding (design §2 I5, "not-affected"), and only while no newer
// one about the same thing says otherwise. What a statement can't be matched with for sure, it is not about.
package vex

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/evidence"
)

// Status is what a statement says of a vulnerability.
type Status string

// The statuses there are.
const (
	NotAffected        Status = "not_affected"
	Affected           Status = "affected"
	Fixed              Status = "fixed"
	UnderInvestigation Status = "under_investigation"
)

// Document is one OpenVEX document.
type Document struct {
	ID         string // its IRI
	Author     string
	Role       string
	Version    int       // the highest of those with the same ID counts
	Issued     time.Time // UTC
	Updated    time.Time // UTC; zero where it doesn't say
	Statements []Statement

	text []byte
}

// Statement says of a vulnerability whether it touches some products. It must not be changed.
type Statement struct {
	ID            string // its IRI, where it has one
	Document      string // IRI of the document
	Author        string // of the document
	Vulnerability string
	Aliases       []string
	Products      []Product
	Status        Status
	Justification string // one of the five of the specification; of not_affected
	Impact        string // in words, why it is not affected
	Action        string // what to do about it
	Notes         string
	Supplier      string
	Time          time.Time // when it was known to be true, or last updated; UTC
}

// Component names a piece of software.
type Component struct {
	ID    string   // an IRI, a package URL or the name of an application
	PURLs []string // the package URLs among its @id and identifiers

	purls []purl
}

// Product is what a statement is about; with subcomponents, about them as the product uses them.
type Product struct {
	Component
	Subcomponents []Component
}

// Silences says whether the finding needs no answer any more.
func (s Statement) Silences() bool { return s.Status == NotAffected }

// String is what is said of a finding the statement is about.
func (s Statement) String() string {
	var why []string
	for _, text := range [...]string{s.Justification, s.Impact, s.Action} {
		if text != "" {
			why = append(why, text)
		}
	}
	text := string(s.Status)
	if len(why) > 0 {
		text += ": " + strings.Join(why, ": ")
	}
	return fmt.Sprintf("%s (%s, %s, %s)", text, s.Author, s.Time.Format(time.DateOnly), s.Document)
}

// Subject is a finding as far as statements are about it.
type Subject struct {
	PURL        string   // of the package, with or without version; "" is pkg:pypi/ and Package
	Package     string   // its name, where there is no PURL
	Version     string   // as written; where it is empty, that of PURL
	IDs         []string // the vulnerability's records and all their aliases
	Application string
}

// Set are the documents that count together. It is immutable; nil is a set without documents.
type Set struct {
	documents []*Document
	byID      map[string][]stated // vulnerability, in lower case
	versions  map[string][]*Document
}

type stated struct {
	*Statement
	in *Document
}

// NewSet puts documents together; their order makes no difference.
func NewSet(documents ...*Document) *Set {
	s := &Set{documents: slices.Clone(documents), byID: map[string][]stated{}, versions: map[string][]*Document{}}
	for _, d := range documents {
		s.versions[d.ID] = append(s.versions[d.ID], d)
		for i := range d.Statements {
			st := stated{&d.Statements[i], d}
			ids := map[string]bool{}
			for _, id := range append([]string{st.Vulnerability}, st.Aliases...) {
				if id = strings.ToLower(id); !ids[id] {
					ids[id] = true
					s.byID[id] = append(s.byID[id], st)
				}
			}
		}
	}
	return s
}

// For is the statement about a finding that counts at a time, and whether it silences the finding, which only
// not_affected does; without any statement its Status is empty. The newest counts; of those of one moment the
// one that silences least: affected before under_investigation, fixed, not_affected. One of a later moment
// doesn't count yet, nor does one of a document that a later version of it has replaced by then.
func (s *Set) For(f Subject, now time.Time) (Statement, bool) {
	if s == nil {
		return Statement{}, false
	}
	release, known := f.release()
	var best *Statement
	for _, id := range f.IDs {
		for _, st := range s.byID[strings.ToLower(id)] {
			if st.Time.After(now) || s.replaced(st.in, now) || !st.about(release, known, f.Application) {
				continue
			}
			if best == nil || compare(st.Statement, best) < 0 {
				best = st.Statement
			}
		}
	}
	if best == nil {
		return Statement{}, false
	}
	return *best, best.Silences()
}

// release is the package release of the finding; not known where its package URL can't be read.
func (f Subject) release() (p purl, known bool) {
	text := f.PURL
	if text == "" {
		if f.Package == "" {
			return purl{}, false
		}
		text = "pkg:pypi/" + f.Package
	}
	p, err := parsePURL(text)
	p.version = cmp.Or(f.Version, p.version)
	return p, err == nil
}

// replaced says whether a later version of a document was there by then.
func (s *Set) replaced(d *Document, now time.Time) bool {
	return slices.ContainsFunc(s.versions[d.ID], func(other *Document) bool {
		return other.Version > d.Version && !other.Since().After(now)
	})
}

// Since is when this version of the document was there.
func (d *Document) Since() time.Time { return latest(d.Issued, time.Time{}, d.Updated) }

func (s *Statement) about(release purl, known bool, application string) bool {
	return slices.ContainsFunc(s.Products, func(p Product) bool {
		whole := p.isApplication(application)
		if len(p.Subcomponents) == 0 {
			return whole || known && p.isRelease(release)
		}
		// How another package uses the vulnerable one says nothing of how the application does.
		return whole && known && slices.ContainsFunc(p.Subcomponents, func(c Component) bool { return c.isRelease(release) })
	})
}

// isApplication says whether it is the application as a whole: by its name, or as pkg:generic/<name>. One
// with a version is not: which version the application has nobody knows here.
func (c Component) isApplication(name string) bool {
	if name == "" {
		return false
	}
	return c.ID == name || slices.ContainsFunc(c.purls, func(p purl) bool {
		return p.kind == "generic" && p.name == name && p.version == "" && len(p.qualifiers) == 0 && p.subpath == ""
	})
}

// isRelease says whether it is a package release. Where two of its package URLs name the package, both must
// cover the release: one may leave out the version the other has.
func (c Component) isRelease(release purl) bool {
	found := false
	for _, p := range c.purls {
		if p.sameName(release) {
			if !p.covers(release) {
				return false
			}
			found = true
		}
	}
	return found
}

// silence orders statuses by how little they silence.
var silence = map[Status]int{Affected: 0, UnderInvestigation: 1, Fixed: 2, NotAffected: 3}

// compare is negative where a counts before b. Beyond time and status it only makes the choice one.
func compare(a, b *Statement) int {
	return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(silence[a.Status], silence[b.Status]), strings.Compare(a.Document, b.Document), strings.Compare(a.ID, b.ID),
		strings.Compare(a.Vulnerability, b.Vulnerability), strings.Compare(a.Justification, b.Justification), strings.Compare(a.Impact, b.Impact),
		strings.Compare(a.Action, b.Action), strings.Compare(a.Notes, b.Notes), strings.Compare(a.Author, b.Author), strings.Compare(a.Supplier, b.Supplier))
}

// Next is the next moment after t at which a statement begins to count or a document is replaced; nil when
// none does.
func (s *Set) Next(t time.Time) *time.Time {
	var next *time.Time
	consider := func(at time.Time) {
		if at.After(t) && (next == nil || at.Before(*next)) {
			next = &at
		}
	}
	for _, d := range s.Documents() {
		consider(d.Since())
		for i := range d.Statements {
			consider(d.Statements[i].Time)
		}
	}
	return next
}

// Documents are the documents as they were given.
func (s *Set) Documents() []*Document {
	if s == nil {
		return nil
	}
	return slices.Clone(s.documents)
}

// Empty says whether there is no document at all.
func (s *Set) Empty() bool { return s == nil || len(s.documents) == 0 }

// Digest is the digest of the documents' digests, sorted, a line each; "" for a set without documents.
func (s *Set) Digest() string {
	if s.Empty() {
		return ""
	}
	var lines []string
	for _, d := range s.documents {
		lines = append(lines, d.Digest()+"\n")
	}
	slices.Sort(lines)
	return string(evidence.Of([]byte(strings.Join(lines, ""))))
}

// Text is the document as it was read; [Parse] of it gives an equal one. It is what is kept as evidence.
func (d *Document) Text() []byte { return slices.Clone(d.text) }

// Digest is the digest of [Document.Text].
func (d *Document) Digest() string { return string(evidence.Of(d.text)) }
