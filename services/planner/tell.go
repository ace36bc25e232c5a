package planner

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
)

// tell says in words why a release, or several for the same reasons, was not picked.
func (r rejection) tell(t pep508.Environment, several bool) string {
	is, need, has, pre := "is", "requires", "has", "a pre-release"
	if several {
		is, need, has, pre = "are", "require", "have", "pre-releases"
	}
	var parts []string
	for _, w := range r.Whys {
		switch w {
		case whyHit:
			parts = append(parts, is+" hit by "+hitNames(r.Hits))
		case whyMalicious:
			parts = append(parts, is+" malicious ("+hitNames(r.Hits)+")")
		case whyYanked:
			parts = append(parts, is+" yanked"+inBrackets(r.Yanked))
		case whyPrerelease:
			parts = append(parts, is+" "+pre)
		case whyPython:
			parts = append(parts, fmt.Sprintf("%s Python %s, target is %s", need, printable(r.Requires), t.Python))
		case whyNewer:
			parts = append(parts, is+" published after the time allowed")
		case whyUndated:
			parts = append(parts, is+" without a date of publication")
		case whyUnhashed:
			parts = append(parts, is+" without sha256 on the index")
		case whyRange:
			parts = append(parts, is+" outside what the requirement allows")
		case whyUnjudged:
			parts = append(parts, is+" not judged by the advisory database")
		case whyWheel:
			parts = append(parts, has+" no wheel for the target")
		case whySource:
			parts = append(parts, has+" no wheel for the target, and requirements that only building would tell")
		case whyYoung:
			parts = append(parts, is+" too young"+ripeText(r, several))
		case whyRejected:
			parts = append(parts, r.Held.tell(r.Version, is))
		}
	}
	for i := 1; i < len(parts); i++ {
		parts[i] = strings.TrimPrefix(parts[i], is+" ")
	}
	return strings.Join(parts, " and ")
}

// ripeText says until when; several releases of one sentence have no one moment.
func ripeText(r rejection, several bool) string {
	switch {
	case several:
		return ""
	case r.Ripe == nil:
		return " (no date of publication is known)"
	}
	return " until " + minute(*r.Ripe)
}

// tellAll tells of several releases, neighbours with the same reasons together.
func tellAll(rs []rejection, pkg string, t pep508.Environment) string {
	var parts []string
	for i := 0; i < len(rs); {
		n := 1
		for i+n < len(rs) && rs[i+n].tell(t, true) == rs[i].tell(t, true) {
			n++
		}
		if len(parts) == maxTold {
			parts = append(parts, fmt.Sprintf("and %d more", len(rs)-i))
			break
		}
		span := rs[i].Version
		switch {
		case n == 2:
			span += " and " + rs[i+1].Version
		case n > 2:
			span += " to " + rs[i+n-1].Version
		}
		parts = append(parts, pkg+" "+span+" "+rs[i].tell(t, n > 1))
		i += n
	}
	return strings.Join(parts, "; ")
}

func inBrackets(s string) string {
	if s = printable(s); s == "" {
		return ""
	}
	return " (" + s + ")"
}

func hitNames(hits []advisory.Hit) string {
	var ids []string
	for _, h := range hits {
		ids = append(ids, h.ID)
	}
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) > maxTold {
		ids = append(ids[:maxTold:maxTold], fmt.Sprintf("%d more", len(ids)-maxTold))
	}
	return strings.Join(ids, ", ")
}

// span writes a cooldown as policies do: 7d, 24h, 90m.
func span(d time.Duration) string {
	switch day := 24 * time.Hour; {
	case d == 0:
		return "0"
	case d%day == 0 && d > day:
		return fmt.Sprintf("%dd", d/day)
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return d.String()
}

func joined(words []string) string { return strings.Join(words, ",") }

// below orders versions as written; one that can't be read is below nothing.
func below(a, b string) bool {
	va, erra := pep440.Parse(a)
	vb, errb := pep440.Parse(b)
	return erra == nil && errb == nil && va.Compare(vb) < 0
}
