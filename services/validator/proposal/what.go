package proposal

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/report"
)

// writeWhat lists the updates, those first that fix the worst.
func (d *draft) writeWhat(b *strings.Builder) {
	b.WriteString("\n## What\n")
	us := d.lead()
	shown := us[:min(len(us), d.Updates)]
	var rows [][]md
	for _, u := range shown {
		rows = append(rows, []md{d.link(u.Package, u.Page), fromTo(u), known(u.Step), d.day(u.Released), askedFor(u), text(u.Source, maxPath), d.fixes(u)})
	}
	if len(rows) == 0 {
		b.WriteString("\nNo update.\n")
	} else {
		writeTable(b, []string{"package", "from → to", "step", "released", "asked for", "file", "fixes"}, rows)
	}
	d.writeMore(b, len(us)-len(rows), "update", "updates")
	if len(d.carried) > 0 {
		d.writeCarried(b)
	}
	d.writeReasons(b, us)
}

// writeCarried says what the commit holds beside this change's own updates.
func (d *draft) writeCarried(b *strings.Builder) {
	var phases, us []md
	for _, p := range d.Validation.Earlier {
		phases = append(phases, text(p, maxName))
	}
	for _, u := range d.carried {
		us = append(us, move(u))
	}
	on := md("")
	if len(phases) > 0 {
		on = " of phase " + list(phases, d.Names) + " of the same plan, on which it stands"
	}
	b.WriteString("\n")
	writeItem(b, "**The commit carries ", md(count(len(us), "more update", "more updates")), "**", on, ": ", list(us, d.Names), ".")
}

func known(s string) md {
	if s == "" {
		return notKnown
	}
	return text(s, maxName)
}

func (d *draft) day(t *time.Time) md {
	if t == nil {
		return notKnown
	}
	return md(t.UTC().Format(time.DateOnly))
}

// askedFor says who wants a package: the manifest itself, or those that require it.
func askedFor(u report.Update) md {
	switch {
	case len(u.Through) > 0 && !u.Direct:
		var by []md
		for _, p := range u.Through {
			by = append(by, text(p, maxName))
		}
		return "through " + list(by, 3)
	case u.Direct:
		return "directly"
	}
	return notKnown
}

func (d *draft) fixes(u report.Update) md {
	switch {
	case d.phase == nil:
		return notKnown
	case len(u.Fixes) == 0:
		return "-"
	case len(u.Fixes) == 1:
		return text(u.Fixes[0], maxName)
	}
	return md(count(len(u.Fixes), "vulnerability", "vulnerabilities"))
}

// writeReasons says why it is these versions, each reason once.
func (d *draft) writeReasons(b *strings.Builder, us []report.Update) {
	var reasons []string
	moved := map[string][]md{}
	for _, u := range us {
		if u.Reason == "" {
			continue
		}
		if moved[u.Reason] == nil {
			reasons = append(reasons, u.Reason)
		}
		if what := text(u.Package, maxName) + " " + text(u.To, maxName); !slices.Contains(moved[u.Reason], what) {
			moved[u.Reason] = append(moved[u.Reason], what)
		}
	}
	if len(reasons) == 0 {
		return
	}
	b.WriteString("\nWhy these versions:\n\n")
	for _, r := range reasons[:min(len(reasons), d.Reasons)] {
		writeItem(b, "**", list(moved[r], d.Names), "**: ", sentence(r))
	}
	d.writeMore(b, len(reasons)-d.Reasons, "reason", "reasons")
}

// youngest is the update whose release is youngest; false where nobody says when any was published.
func (d *draft) youngest() (report.Update, bool) {
	var known []report.Update
	for _, u := range d.updates {
		if u.Released != nil {
			known = append(known, u)
		}
	}
	if len(known) == 0 {
		return report.Update{}, false
	}
	return slices.MaxFunc(known, func(a, b report.Update) int {
		return cmp.Or(a.Released.Compare(*b.Released), strings.Compare(b.Package, a.Package))
	}), true
}

// steps counts the updates by the size of their step, the largest first.
func (d *draft) steps() md {
	var parts []md
	left := len(d.moves())
	for _, step := range []string{"major", "minor", "patch"} {
		n := 0
		for _, u := range d.moves() {
			if u.Step == step && u.From != "" {
				n++
			}
		}
		if left -= n; n > 0 {
			parts = append(parts, md(count(n, step+" step", step+" steps")))
		}
	}
	added := 0
	for _, u := range d.moves() {
		if u.From == "" {
			added++
		}
	}
	if left -= added; added > 0 {
		parts = append(parts, md(count(added, "package added", "packages added")))
	}
	if left > 0 {
		parts = append(parts, md(count(left, "step", "steps")+" of a size not known"))
	}
	return list(parts, 5)
}
