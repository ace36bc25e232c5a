package artifact

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"time"
)

// Use is one reason for which somebody may still want an artifact.
type Use struct {
	Artifact    string    // digest
	Application string    // whose it is; "" where nobody says
	Why         string    // one of the reasons below
	At          time.Time // since when: of Validated and Lies what their age counts from
}

// The reasons. One that is not listed keeps an artifact: what is not understood is not removed.
const (
	Runs      = "runs"          // in an environment, or is being rolled out there
	Soaks     = "soaks"         // is being watched after it was rolled out
	Verified  = "last verified" // what a rollback of an environment goes to
	Open      = "open"          // belongs to a change that has not ended
	Validated = "validated"     // was validated at At
	Lies      = "lies"          // in the store since At; of Store.Uses
)

// Rule says what is kept besides what is in use.
type Rule struct {
	// LastValidated is how many of an application's newest validated artifacts stay; 0: 2, the last one and the one
	// to compare it with. Less than 0: none.
	LastValidated int
	// MinAge is for how long an artifact stays that nobody has a use for: somebody may be looking at it. 0: 24h.
	MinAge time.Duration
}

// The defaults of a Rule.
const (
	defaultLastValidated = 2
	defaultMinAge        = 24 * time.Hour
)

// Keep says which artifacts stay, each with why ("runs (payments)"). It is pure. Whatever the rule, what runs,
// soaks, is the last verified of an environment or belongs to a change that has not ended stays. Of the rest the
// last validated of each application stay, and what is younger than MinAge. An artifact not among uses does not
// stay: let [Store.Uses] be among them, or a new one is removed before anybody can name a use for it.
func Keep(uses []Use, now time.Time, rule Rule) map[string]string {
	rule.LastValidated, rule.MinAge = cmp.Or(rule.LastValidated, defaultLastValidated), cmp.Or(rule.MinAge, defaultMinAge)
	why, rank := map[string]string{}, map[string]int{}
	keep := func(u Use, reason string, r int) {
		if u.Application != "" {
			reason += " (" + u.Application + ")"
		}
		if was, ok := rank[u.Artifact]; u.Artifact != "" && (!ok || r < was || r == was && reason < why[u.Artifact]) {
			why[u.Artifact], rank[u.Artifact] = reason, r
		}
	}
	validated := map[string][]Use{}
	for _, u := range uses {
		place := slices.Index([]string{Runs, Soaks, Verified, Open}, u.Why)
		switch {
		case place >= 0:
			keep(u, u.Why, place)
		case u.Why == Validated || u.Why == Lies:
			if now.Sub(u.At) < rule.MinAge {
				keep(u, "younger than "+hours(rule.MinAge), 6)
			}
			if u.Why == Validated {
				validated[u.Application] = append(validated[u.Application], u)
			}
		default:
			keep(u, cmp.Or(u.Why, "in use"), 4)
		}
	}
	for _, list := range validated {
		slices.SortFunc(list, func(a, b Use) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Artifact, b.Artifact)) })
		seen := map[string]bool{}
		for _, u := range list {
			if !seen[u.Artifact] && len(seen) < rule.LastValidated {
				keep(u, "last validated", 5)
			}
			seen[u.Artifact] = true
		}
	}
	return why
}

// hours is 24h0m0s as people write it.
func hours(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return d.String()
}

// Unused removes what Keep does not keep of these uses, of what lies here, and of what was put in meanwhile.
// kept says of the others why they stay.
func (s *Store) Unused(uses []Use, now time.Time, rule Rule) (removed []string, kept map[string]string, err error) {
	lying, err := s.Uses()
	if err != nil {
		return nil, nil, err
	}
	kept = Keep(slices.Concat(uses, lying), now, rule)
	removed, err = s.Collect(func(digest string) bool {
		_, stays := kept[digest]
		if info, err := os.Stat(s.place(digest)); !stays && err == nil { // put in since, perhaps once more
			stays = len(Keep([]Use{{Artifact: digest, Why: Lies, At: info.ModTime()}}, now, rule)) > 0
		}
		return stays
	}, now)
	for digest := range kept { // a use for what is not here keeps nothing
		if !slices.ContainsFunc(lying, func(u Use) bool { return u.Artifact == digest }) {
			delete(kept, digest)
		}
	}
	return removed, kept, err
}

// Uses are the artifacts that lie in the store, each since it was put in last.
func (s *Store) Uses() ([]Use, error) {
	digests, err := s.List()
	if err != nil {
		return nil, err
	}
	var out []Use
	for _, d := range digests {
		if info, err := os.Stat(s.place(d)); err == nil { // gone meanwhile
			out = append(out, Use{Artifact: d, Why: Lies, At: info.ModTime()})
		}
	}
	return out, nil
}
