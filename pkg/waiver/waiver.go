// Package waiver says which risks are accepted: by whom, why, what holds them down meanwhile, who else
// agreed, and until when (design §2 I5, "accepted-until").
//
// Waivers are read from one YAML file (docs/waivers.md) and judged by a function of them, the finding and
// the time. A waiver ends by itself; nothing has to be done for the finding to come back.
package waiver

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/pep440"
)

// Schema is the `schema` of a file of waivers.
const Schema = "drydock.waivers/v1"

// Waiver accepts the risk of one vulnerability in one package for a time.
type Waiver struct {
	ID            string
	Application   string // a name, or how names begin and a star
	Ecosystem     string // OSV's name of it, "PyPI" by default
	Package       string // normalised as its ecosystem asks
	Version       string // specifier (PEP 440; elsewhere "==" and a version); "" is every version
	Vulnerability string // any id of it: CVE, GHSA, the ecosystem's own
	Owner         string // who answers for the risk
	Justification string
	Control       string // the compensating control
	ApprovedBy    string // a second person
	Malicious     bool   // says explicitly that even a malicious package is accepted

	Granted time.Time // counts from then on
	Expires time.Time // counts before it

	versions pep440.Specifiers
}

// String is what is said of a finding the waiver accepts.
func (w Waiver) String() string {
	return fmt.Sprintf("waiver %s of %s, approved by %s: %s; control: %s", w.ID, w.Owner, w.ApprovedBy, w.Justification, w.Control)
}

// List is what a file of waivers says. It is immutable; nil is a list without waivers.
type List struct {
	all       []*Waiver
	byPackage map[string][]*Waiver
	text      []byte
}

// Subject is a finding as far as waivers look at it.
type Subject struct {
	Package   string   // normalised or not
	Ecosystem string   // "" is PyPI
	Version   string   // as written; "" where none is known, to which only waivers of every version apply
	Kind      string   // vulnerability | malicious; anything else is judged as malicious
	IDs       []string // the vulnerability's records and all their aliases
}

// Answer is what the waivers say of a finding. At most one of the two is there.
type Answer struct {
	Waiver  *Waiver // in force: the one that ends last
	Expired *Waiver // none is in force: the one that ended last
}

// For says whether a risk is accepted at a time. Of several waivers in force the one that ends last counts,
// of those the first by id: the order in the file makes no difference.
func (l *List) For(app string, f Subject, now time.Time) Answer {
	var best, past *Waiver
	if l != nil {
		for _, w := range l.byPackage[key(f.Ecosystem, f.Package)] {
			switch {
			case w.Granted.After(now) || !w.covers(app, f):
			case w.Expires.After(now):
				best = later(best, w)
			default:
				past = later(past, w)
			}
		}
	}
	switch {
	case best != nil:
		w := *best
		return Answer{Waiver: &w}
	case past != nil:
		w := *past
		return Answer{Expired: &w}
	}
	return Answer{}
}

// covers says whether the waiver speaks of the finding at all, whatever the time.
func (w *Waiver) covers(app string, f Subject) bool {
	if !application.Pattern(w.Application).Covers(app) || f.Kind != "vulnerability" && !w.Malicious {
		return false
	}
	same := func(id string) bool { return strings.EqualFold(id, w.Vulnerability) }
	return slices.ContainsFunc(f.IDs, same) && w.holds(f.Version)
}

// holds says whether the version is one of the waiver's. One that is not known, or that can't be compared,
// is not.
func (w *Waiver) holds(version string) bool {
	if w.Version == "" {
		return true
	}
	if w.Ecosystem != pypi {
		return w.Version == "=="+version
	}
	v, err := pep440.Parse(version)
	return err == nil && w.versions.Contains(v, true)
}

func later(a, b *Waiver) *Waiver {
	if a == nil || cmp.Or(a.Expires.Compare(b.Expires), strings.Compare(b.ID, a.ID)) < 0 {
		return b
	}
	return a
}

// Next is the next moment after t at which a waiver for the application begins or ends; nil when none does.
func (l *List) Next(app string, t time.Time) *time.Time {
	var next *time.Time
	for _, w := range l.All() {
		if !application.Pattern(w.Application).Covers(app) {
			continue
		}
		for _, at := range [...]time.Time{w.Granted, w.Expires} {
			if at.After(t) && (next == nil || at.Before(*next)) {
				next = &at
			}
		}
	}
	return next
}

// All are the waivers, by id.
func (l *List) All() []Waiver {
	if l == nil {
		return nil
	}
	out := make([]Waiver, len(l.all))
	for i, w := range l.all {
		out[i] = *w
	}
	return out
}

// Empty says whether there is no waiver at all.
func (l *List) Empty() bool { return l == nil || len(l.all) == 0 }

// Text is the file as it was read; [Parse] of it gives an equal list. It is what is kept as evidence.
func (l *List) Text() []byte {
	if l == nil {
		return nil
	}
	return slices.Clone(l.text)
}

// Digest is the digest of [List.Text]; "" for a nil list.
func (l *List) Digest() string {
	if l == nil {
		return ""
	}
	return string(evidence.Of(l.text))
}

// pypi is the ecosystem meant where none is named.
const pypi = "PyPI"

func key(ecosystem, name string) string {
	if ecosystem == "" || ecosystem == pypi {
		return pypi + "/" + pep440.Normalize(name)
	}
	return ecosystem + "/" + name
}
