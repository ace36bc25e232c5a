package proposal

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
)

// writeWhy lists the vulnerabilities that the change fixes, the worst first.
func (d *draft) writeWhy(b *strings.Builder) {
	b.WriteString("\n## Why\n")
	if len(d.flaws) == 0 {
		b.WriteString("\n" + string(d.noFlaw()) + "\n")
		return
	}
	var rows [][]md
	for _, f := range d.flaws[:min(len(d.flaws), d.Vulnerabilities)] {
		rows = append(rows, []md{d.link(f.Vulnerability, f.URL), severity(f), exploited(f), epss(f), found(f), d.fixedIn(f), headline(f)})
	}
	writeTable(b, []string{"vulnerability", "severity", "exploited", "EPSS", "found in", "fixed in", "what it is"}, rows)
	d.writeMore(b, len(d.flaws)-len(rows), "vulnerability", "vulnerabilities")
	d.writeUnknown(b)
}

func (d *draft) noFlaw() md {
	switch {
	case d.phase == nil && len(d.Change.Findings) > 0:
		return md(count(len(d.Change.Findings), "finding", "findings") + " of the scan; the plan that names them is not at hand.")
	case d.Change.Class == string(policy.Feature):
		return "It fixes no known vulnerability. It moves packages to newer releases, so that the next fix is a small step."
	}
	return "It fixes no known vulnerability."
}

func (d *draft) writeMore(b *strings.Builder, n int, one, many string) {
	if n > 0 {
		fmt.Fprintf(b, "\nand %s: `%s`\n", count(n, "more "+one, "more "+many), d.show())
	}
}

// show is the command that shows everything.
func (d *draft) show() md {
	return "drydock change show " + d.id() + " --format json"
}

// id is the change's, as commands take it.
func (d *draft) id() md { return cmp.Or(digest(d.Change.Change), "CHANGE") }

func severity(f flaw) md {
	s := name(f.Severity)
	switch {
	case f.Kind == events.KindMalicious:
		return "**malicious package**"
	case f.Severity == "" || f.Severity == "unknown":
		s = notKnown
	}
	if f.Score != nil {
		s += md(fmt.Sprintf(" (%.1f)", *f.Score))
	}
	if f.Severity == "critical" {
		return "**" + s + "**"
	}
	return s
}

func exploited(f flaw) md {
	switch {
	case f.KEV == nil:
		return notKnown
	case *f.KEV:
		return "**yes (KEV)**"
	}
	return "not listed"
}

func epss(f flaw) md {
	if f.EPSS == nil {
		return notKnown
	}
	return md(fmt.Sprintf("%.4f", *f.EPSS))
}

func found(f flaw) md {
	return name(f.Package) + " " + list(f.Versions, 3, name)
}

func (d *draft) fixedIn(f flaw) md {
	if len(f.FixedIn) == 0 {
		return notKnown
	}
	return list(f.FixedIn, 3, name)
}

func headline(f flaw) md {
	if !f.Known {
		return "the report of the scan does not name it"
	}
	return text(cmp.Or(f.Title, "the advisory has no title"), maxHeadline)
}

// writeUnknown says what the table's "not known" and "not listed" are: neither is a no.
func (d *draft) writeUnknown(b *strings.Builder) {
	var kev, epss, unlisted int
	for _, f := range d.flaws {
		switch {
		case f.KEV == nil:
			kev++
		case !*f.KEV:
			unlisted++
		}
		if f.EPSS == nil {
			epss++
		}
	}
	if kev+epss+unlisted == 0 {
		return
	}
	b.WriteString("\n")
	if kev > 0 {
		writeItem(b, "Exploited, not known: ", md(policy.KEVText(nil)), " when the scan ran. It does not mean that nobody exploits it.")
	}
	if unlisted > 0 {
		writeItem(b, "Exploited, not listed: it did not stand on CISA's list of those known to be exploited (KEV) when the scan ran.")
	}
	if epss > 0 {
		writeItem(b, "EPSS, not known: ", md(policy.EPSSText(nil)), " when the scan ran. It does not mean that exploitation is unlikely.")
	}
}

// worst is the worst of the vulnerabilities in words.
func (d *draft) worst() md {
	ids := d.ids()
	s := md("**" + count(len(ids), "vulnerability", "vulnerabilities") + "**")
	f := d.flaws[0]
	for _, g := range d.flaws { // what is exploited stands first, and need not be the most severe
		if g.Kind == events.KindMalicious || rank(g) < rank(f) && f.Kind != events.KindMalicious {
			f = g
		}
	}
	switch sev := severity(f); {
	case f.Kind == events.KindMalicious:
		s += ", a **malicious package** among them"
	case sev == notKnown:
		s += ", severity not known"
	case len(ids) == 1:
		s += ", " + sev
	default:
		s += ", the worst " + sev
	}
	exploited, unknown, unrated := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, g := range d.flaws {
		if g.exploited() {
			exploited[g.Vulnerability] = true
		} else if g.KEV == nil {
			unknown[g.Vulnerability] = true
		}
		if severity(g) == notKnown {
			unrated[g.Vulnerability] = true
		}
	}
	if n := len(unrated); n > 0 && severity(f) != notKnown {
		s += md(fmt.Sprintf(", %d of a severity not known", n))
	}
	switch {
	case len(exploited) > 0:
		s += md(fmt.Sprintf("; **%d known to be exploited**", len(exploited)))
	case len(unknown) > 0:
		s += "; whether exploited is not known"
	default:
		s += "; none on CISA's list of those known to be exploited"
	}
	return s
}

// move is an update in words: "flask 2.2.2 → 2.2.5".
func move(u report.Update) md {
	return name(u.Package) + " " + fromTo(u)
}

func fromTo(u report.Update) md {
	if u.From == "" {
		return "added at " + name(u.To)
	}
	return name(u.From) + " → " + name(u.To)
}
