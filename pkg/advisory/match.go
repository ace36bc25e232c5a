package advisory

import (
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/events"
)

// query is one package version being judged.
type query struct {
	scheme    scheme
	text      string
	version   *version
	public    *version // without its local label
	readable  bool
	kev, epss *list
}

// covers says whether a record covers the version: by any of its ranges or by name.
func (q *query) covers(en *entry) bool {
	if q.readable {
		for i := range en.ranges {
			if en.ranges[i].covers(q.scheme, q.public) {
				return true
			}
		}
	}
	return q.listed(en.versions)
}

func (q *query) listed(versions []string) bool {
	for _, text := range versions {
		if text == q.text {
			return true
		}
		if !q.readable {
			continue
		}
		if v, err := q.scheme.parse(text); err == nil && (q.scheme.compare(&v, q.version) == 0 || q.scheme.compare(&v, q.public) == 0) {
			return true
		}
	}
	return false
}

// judge makes the hit when any record of the group covers the version.
func (q *query) judge(v *vulnerability) (Hit, bool) {
	var own rating
	var ownFrom, level, levelFrom string
	hit := false
	for i := range v.entries {
		en := &v.entries[i]
		if !q.covers(en) {
			continue
		}
		hit = true
		if w := worse(own, en.rating); w != own {
			own, ownFrom = w, en.id
		}
		if en.level != "" && (level == "" || rank(en.level) < rank(level)) {
			level, levelFrom = en.level, en.id
		}
	}
	if !hit {
		return Hit{}, false
	}
	h := Hit{
		ID: v.id, IDs: slices.Clone(v.ids), Kind: events.KindVulnerability, Title: v.title, URL: v.url,
		Severity: Unknown, Published: timeOf(v.published), Modified: timeOf(v.modified), FixedIn: q.fixedIn(v),
	}
	if v.malicious {
		h.Kind = events.KindMalicious
	}
	// The covering records' vector, then an alias's, then what the databases say in words.
	switch {
	case own.known():
		h.rate(own, ownFrom)
	case v.rating.known():
		h.rate(v.rating, v.from)
	case level != "":
		h.Severity, h.SeverityFrom = level, levelFrom
	case v.level != "":
		h.Severity, h.SeverityFrom = v.level, v.levelFrom
	}
	q.join(&h)
	return h, true
}

func (h *Hit) rate(r rating, from string) {
	score := r.score
	h.Severity, h.Score, h.Vector, h.SeverityFrom = r.level, &score, r.vector, from
}

// join looks the group's CVEs up in the lists. Without a list nothing is known: the field stays nil.
func (q *query) join(h *Hit) {
	for _, id := range h.IDs {
		if !strings.HasPrefix(id, "CVE-") {
			continue
		}
		if q.kev != nil {
			_, listed := q.kev.find(id)
			if h.KEV == nil || listed {
				h.KEV = &listed
			}
		}
		if q.epss != nil {
			if score, ok := q.epss.find(id); ok && (h.EPSS == nil || score > *h.EPSS) {
				h.EPSS = &score
			}
		}
	}
}

// fixedIn lists the fixed versions above this one, ascending, over all ranges of the group: without those
// that another range or record of the group still covers.
func (q *query) fixedIn(group *vulnerability) []string {
	if !q.readable {
		return nil
	}
	var above []*event
	for i := range group.entries {
		for j := range group.entries[i].ranges {
			evs := group.entries[i].ranges[j].events
			for k := range evs {
				e := &evs[k]
				if e.kind == fixed && e.compare(q.scheme, q.public) < 0 {
					above = append(above, e)
				}
			}
		}
	}
	slices.SortStableFunc(above, func(a, b *event) int { return a.order(q.scheme, b) })
	var texts []string
	var at, public version
	there := query{scheme: q.scheme, version: &at, public: &public, readable: true}
	for i, e := range above {
		if i > 0 && above[i-1].order(q.scheme, e) == 0 {
			continue
		}
		v, err := q.scheme.parse(e.text)
		if err != nil {
			continue // add has read it before
		}
		there.text, at, public = e.text, v, v.public()
		if !there.coversAny(group.entries) {
			texts = append(texts, e.text)
		}
	}
	return texts
}

func (q *query) coversAny(entries []entry) bool {
	for i := range entries {
		if q.covers(&entries[i]) {
			return true
		}
	}
	return false
}
