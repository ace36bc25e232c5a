package advisory

import (
	"fmt"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/events"
)

// maxListed bounds how many versions listed by name are told; some records name hundreds.
const maxListed = 10

// Affected is one vulnerability as far as it concerns one package, whatever its version.
type Affected struct {
	ID       string
	IDs      []string // records and all their aliases, sorted
	Kind     string   // events.KindVulnerability | events.KindMalicious
	Title    string
	Versions []string // what it covers: ">= 2.3.0, < 2.3.2", "every version", "1.0.1"
}

// Known lists what is known of a package, by id. An error is that of [DB.Match] but for the version.
func (db *DB) Known(eco, name string) ([]Affected, error) {
	eco = baseEcosystem(eco)
	e := db.find(eco)
	if e == nil {
		return nil, fmt.Errorf("%w for %s: get it with `drydock db update` or `drydock db import`", ErrNoDatabase, eco)
	}
	vulnerabilities, err := e.lookup(normalName(eco, name))
	if err != nil {
		return nil, err
	}
	out := make([]Affected, len(vulnerabilities))
	for i := range vulnerabilities {
		v := &vulnerabilities[i]
		out[i] = Affected{ID: v.id, IDs: slices.Clone(v.ids), Kind: events.KindVulnerability, Title: v.title, Versions: v.covered()}
		if v.malicious {
			out[i].Kind = events.KindMalicious
		}
	}
	slices.SortFunc(out, func(a, b Affected) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// covered says in words which versions the records of the group cover; versions that are listed by name only
// where there are no ranges.
func (v *vulnerability) covered() []string {
	var ranges, listed []string
	add := func(to *[]string, text string) {
		if !slices.Contains(*to, text) {
			*to = append(*to, text)
		}
	}
	for i := range v.entries {
		for j := range v.entries[i].ranges {
			for _, text := range v.entries[i].ranges[j].words() {
				add(&ranges, text)
			}
		}
		for _, text := range v.entries[i].versions {
			add(&listed, text)
		}
	}
	switch {
	case len(ranges) > 0:
		return ranges
	case len(listed) > maxListed:
		return append(listed[:maxListed:maxListed], fmt.Sprintf("%d more", len(listed)-maxListed))
	}
	return listed
}

// words are the intervals of a range.
func (r *versionRange) words() []string {
	var out []string
	from, open := "", false
	end := func(text string) {
		switch {
		case from == "" && text == "":
			text = "every version"
		case text == "":
			text = from
		case from != "":
			text = from + ", " + text
		}
		out, open = append(out, text), false
	}
	for i := range r.events {
		e := &r.events[i]
		switch {
		case e.kind == introduced && !open:
			from, open = "", true
			if !e.first {
				from = ">= " + e.text
			}
		case e.kind == fixed && open:
			end("< " + e.text)
		case e.kind == lastAffected && open:
			end("<= " + e.text)
		}
	}
	if open {
		below := ""
		for i := range r.limits {
			below = "< " + r.limits[i].text // the last is enough: several are not seen in practice
		}
		end(below)
	}
	return out
}
