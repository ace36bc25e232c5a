package coremeta

import (
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
)

// asking finds which requirements count, extra by extra: each is looked at when it comes to be wanted, and only what
// its markers can change. A release may name itself in thousands of extras, each of which adds the next.
type asking struct {
	m      *Metadata
	env    pep508.Environment
	truths []pep508.Truth          // of the requirements: the best over the extras
	wanted map[string]pep508.Truth // an extra that is asked for only perhaps makes what it adds needed perhaps
	queue  []string                // extras to look at
	named  map[string][]int        // the requirements whose markers speak of an extra
	loose  []int                   // those that may depend on any
	beyond bool                    // more extras than are followed
}

// truths says of each requirement whether it counts.
func (m *Metadata) truths(env pep508.Environment, extras []string) []pep508.Truth {
	a := asking{m: m, env: env, truths: make([]pep508.Truth, len(m.Requires)), wanted: map[string]pep508.Truth{"": pep508.Certain}, named: map[string][]int{}}
	for i, r := range m.Requires {
		a.truths[i] = pep508.Untrue
		names, all := r.Marker.Extras()
		if all {
			a.loose = append(a.loose, i)
			continue
		}
		for _, name := range names {
			if at := a.named[name]; len(at) == 0 || at[len(at)-1] != i {
				a.named[name] = append(at, i)
			}
		}
	}
	for i := range m.Requires {
		a.raise(i, "")
	}
	for _, extra := range extras {
		a.want(pep440.Normalize(extra), pep508.Certain)
	}
	for ; len(a.queue) > 0; a.queue = a.queue[1:] {
		for _, at := range [][]int{a.named[a.queue[0]], a.loose} {
			for _, i := range at {
				a.raise(i, a.queue[0])
			}
		}
	}
	for i, r := range m.Requires {
		if a.beyond && a.truths[i] == pep508.Untrue && r.Marker.MentionsExtra() {
			a.truths[i] = pep508.Unknown
		}
	}
	return a.truths
}

// raise judges a requirement for an extra. One of the release on itself has what it asks for wanted.
func (a *asking) raise(i int, extra string) {
	r := a.m.Requires[i]
	if t := min(a.wanted[extra], r.Marker.Holds(a.env, extra)); t > a.truths[i] {
		a.truths[i] = t
		if a.m.itself(r) {
			for _, e := range r.Extras {
				a.want(e, t)
			}
		}
	}
}

func (a *asking) want(extra string, t pep508.Truth) {
	was, known := a.wanted[extra]
	switch {
	case t == pep508.Untrue || known && was >= t:
	case !known && len(a.wanted) > maxWanted:
		a.beyond = true
	default:
		a.wanted[extra] = t
		a.queue = append(a.queue, extra)
	}
}
