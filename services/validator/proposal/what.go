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
	us := d.updates
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
	d.writeReasons(b)
}

// writeCarried says what the commit holds beside this change's own updates.
func (d *draft) writeCarried(b *strings.Builder) {
	on := md("")
	if phases := d.Validation.Earlier; len(phases) > 0 {
		on = " of " + plural(len(phases), "phase ", "phases ") + list(phases, d.Names, name) + " of the same plan, on which it stands"
	}
	b.WriteString("\n")
	writeItem(b, "**The commit carries ", md(count(len(d.carried), "more update", "more updates")), "**", on, ": ", list(d.carried, d.Names, move), ".")
}

func known(s string) md {
	if s == "" {
		return notKnown
	}
	return name(s)
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
		return "through " + list(u.Through, 3, name)
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
		return name(u.Fixes[0])
	}
	return md(count(len(u.Fixes), "vulnerability", "vulnerabilities"))
}

// writeReasons says why it is these versions, each reason once.
func (d *draft) writeReasons(b *strings.Builder) {
	var reasons []string
	moved := map[string][]report.Update{}
	for _, u := range d.moves {
		if u.Reason == "" {
			continue
		}
		if moved[u.Reason] == nil {
			reasons = append(reasons, u.Reason)
		}
		moved[u.Reason] = append(moved[u.Reason], u)
	}
	if len(reasons) == 0 {
		return
	}
	b.WriteString("\nWhy these versions:\n\n")
	for _, r := range reasons[:min(len(reasons), d.Reasons)] {
		writeItem(b, "**", list(moved[r], d.Names, release), "**: ", sentence(r))
	}
	d.writeMore(b, len(reasons)-d.Reasons, "reason", "reasons")
}

// release is what an update moves to: "flask 2.2.5".
func release(u report.Update) md { return name(u.Package) + " " + name(u.To) }

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
	left := len(d.moves)
	for _, step := range []string{"major", "minor", "patch"} {
		n := 0
		for _, u := range d.moves {
			if u.Step == step && u.From != "" {
				n++
			}
		}
		if left -= n; n > 0 {
			parts = append(parts, md(count(n, step+" step", step+" steps")))
		}
	}
	added := 0
	for _, u := range d.moves {
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
	return list(parts, 5, asIs)
}
