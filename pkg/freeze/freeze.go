// Package freeze says when nothing moves to production, of which applications and classes, why and by whom.
//
// Freezes are read from one YAML file (docs/waivers.md) and judged by a function of them and the time.
package freeze

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/evidence"
)

// Schema is the `schema` of a file of freezes.
const Schema = "drydock.freezes/v1"

// Freeze holds changes of some applications for a time.
type Freeze struct {
	Name         string
	Reason       string
	Owner        string
	Applications []string // names, or how names begin and a star; empty is every application
	Classes      []string // those it holds; empty is every class
	From         time.Time
	Until        time.Time // the first moment at which it holds no more
}

// String is "year-end (books are closed; ana@bank.example) from … until …".
func (f Freeze) String() string {
	return fmt.Sprintf("%s (%s; %s) from %s until %s", f.Name, f.Reason, f.Owner, moment(f.From), moment(f.Until))
}

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// holds says whether it is meant for changes of a class of an application, whatever the time.
func (f *Freeze) holds(app, class string) bool {
	return f.concerns(app) && (len(f.Classes) == 0 || slices.Contains(f.Classes, class))
}

func (f *Freeze) concerns(app string) bool {
	return len(f.Applications) == 0 || slices.ContainsFunc(f.Applications, func(p string) bool { return application.Pattern(p).Covers(app) })
}

// List is what a file of freezes says. It is immutable; nil is a list without freezes.
type List struct {
	all  []Freeze // by From, then name
	text []byte
}

// At is the freeze that holds changes of a class of an application at a time: of several the one that ends
// last, of those the first by name.
func (l *List) At(app, class string, t time.Time) (Freeze, bool) {
	var best *Freeze
	for _, f := range l.freezes() {
		if !f.holds(app, class) || f.From.After(t) || !f.Until.After(t) {
			continue
		}
		if best == nil || cmp.Or(best.Until.Compare(f.Until), strings.Compare(f.Name, best.Name)) < 0 {
			best = &f
		}
	}
	if best == nil {
		return Freeze{}, false
	}
	return best.copy(), true
}

// Covering are the freezes that hold changes of a class of an application at some moment from the one time
// until before the other (or at the one, where both are the same), by beginning, then name.
func (l *List) Covering(app, class string, from, until time.Time) []Freeze {
	var out []Freeze
	for _, f := range l.freezes() {
		begins := f.From.Before(until) || f.From.Equal(from)
		if f.holds(app, class) && !until.Before(from) && begins && f.Until.After(from) {
			out = append(out, f.copy())
		}
	}
	return out
}

// Free is the first moment from t on at which no freeze holds changes of a class of an application: t itself
// outside a freeze, else the end of the freezes that follow one another without a gap.
func (l *List) Free(app, class string, t time.Time) time.Time {
	for {
		f, held := l.At(app, class, t)
		if !held {
			return t
		}
		t = f.Until
	}
}

// Since is the last moment up to t before which no freeze holds changes of a class of an application: t itself
// where none does, else the beginning of the freezes that follow one another without a gap.
func (l *List) Since(app, class string, t time.Time) time.Time {
	for {
		first := t
		for _, f := range l.freezes() {
			if f.holds(app, class) && f.From.Before(first) && !f.Until.Before(t) {
				first = f.From
			}
		}
		if first.Equal(t) {
			return t
		}
		t = first
	}
}

// Next is the next moment after t at which a freeze of the application begins or ends; nil when none does.
func (l *List) Next(app string, t time.Time) *time.Time {
	var next *time.Time
	for _, f := range l.freezes() {
		if !f.concerns(app) {
			continue
		}
		for _, at := range [...]time.Time{f.From, f.Until} {
			if at.After(t) && (next == nil || at.Before(*next)) {
				next = &at
			}
		}
	}
	return next
}

// All are the freezes, by beginning, then name.
func (l *List) All() []Freeze {
	var out []Freeze
	for _, f := range l.freezes() {
		out = append(out, f.copy())
	}
	return out
}

func (l *List) freezes() []Freeze {
	if l == nil {
		return nil
	}
	return l.all
}

func (f *Freeze) copy() Freeze {
	out := *f
	out.Applications, out.Classes = slices.Clone(f.Applications), slices.Clone(f.Classes)
	return out
}

// Empty says whether there is no freeze at all, past ones counted.
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
