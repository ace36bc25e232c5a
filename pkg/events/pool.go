package events

import (
	"slices"
	"sync"
	"time"
)

// pool keeps one copy of what many findings say alike: ten thousand applications that have a vulnerability
// hold its title, ids and scores once. It changes nothing that can be seen, except the memory it saves.
type pool struct {
	mu      sync.Mutex
	texts   map[string]string
	lists   map[string][]string
	numbers map[float64]*float64
	times   map[time.Time]*time.Time
	key     []byte
}

// poolLimit is the size at which a table starts anew, so that the pool itself stays small. What it gave out
// stays valid.
const poolLimit = 1 << 16

var alike = pool{texts: map[string]string{}, lists: map[string][]string{}, numbers: map[float64]*float64{}, times: map[time.Time]*time.Time{}}

var no, yes = false, true

// share replaces the parts of f by the pool's.
func (p *pool) share(f *FindingOpened) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range []*string{&f.Scope, &f.Package, &f.Ecosystem, &f.Version, &f.Source, &f.Kind, &f.Vulnerability, &f.Title} {
		*s = pooled(p.texts, *s, *s)
	}
	f.IDs, f.FixedIn = p.list(f.IDs), p.list(f.FixedIn)
	if f.Published != nil && f.Published.Location() == time.UTC {
		f.Published = pooled(p.times, *f.Published, f.Published)
	}
	p.urgency(&f.Urgency)
}

// shareUrgency is share for an urgency alone.
func (p *pool) shareUrgency(u *Urgency) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.urgency(u)
}

func (p *pool) urgency(u *Urgency) {
	for _, s := range []*string{&u.Severity, &u.Vector, &u.SeverityFrom} {
		*s = pooled(p.texts, *s, *s)
	}
	for _, n := range []**float64{&u.Score, &u.EPSS} {
		if *n != nil {
			*n = pooled(p.numbers, **n, *n)
		}
	}
	if u.KEV != nil {
		if *u.KEV {
			u.KEV = &yes
		} else {
			u.KEV = &no
		}
	}
}

func (p *pool) list(l []string) []string {
	if len(l) == 0 {
		return l
	}
	p.key = p.key[:0]
	for _, s := range l {
		p.key = append(append(p.key, s...), 0)
	}
	have, ok := p.lists[string(p.key)] // spelled so, the lookup allocates nothing
	switch {
	case !ok:
		return pooled(p.lists, string(p.key), slices.Clip(l))
	case !slices.Equal(have, l): // a text that holds the separator
		return l
	}
	return have
}

// pooled returns m[k], which is v if it was not there.
func pooled[K comparable, V any](m map[K]V, k K, v V) V {
	if have, ok := m[k]; ok {
		return have
	}
	if len(m) >= poolLimit {
		clear(m)
	}
	m[k] = v
	return v
}
