package planner

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/coremeta"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/services/planner/resolution"
)

// book keeps the judged pages of one environment: a page is read and judged once, whatever the phases.
type book struct {
	world  outside
	pins   map[string]string             // as the manifests have them
	bounds map[string][]resolution.Bound // of packages that are not pinned
	hashed bool
	holds  []hold
	wishes wishes
	now    time.Time

	mu     sync.Mutex
	pages  map[string]*judgedPage
	away   bool // the index does not answer
	patchy bool // it answers with what is no page
}

type judgedPage struct {
	once sync.Once
	j    *judged
	err  error
}

// judged reads and judges the page of a package.
func (b *book) judged(ctx context.Context, name string) (*judged, error) {
	b.mu.Lock()
	p := b.pages[name]
	if p == nil {
		p = &judgedPage{}
		b.pages[name] = p
	}
	b.mu.Unlock()
	p.once.Do(func() {
		var project *index.Project
		if project, p.err = b.world.Project(ctx, name); p.err != nil {
			b.miss(p.err, !errors.Is(p.err, index.ErrUnknownProject))
			return
		}
		match := func(v string) ([]advisory.Hit, error) { return b.world.Match(pypi, name, v) }
		if p.j, p.err = judgePage(asked{Package: name, Version: b.pins[name], Hashed: b.hashed}, project, match, b.wishes); p.err != nil {
			return
		}
		b.lookIntoSources(ctx, p.j)
	})
	return p.j, p.err
}

// miss notes that a question was left without an answer.
func (b *book) miss(err error, patchy bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = b.away || errors.Is(err, index.ErrUnreachable)
	b.patchy = b.patchy || patchy
}

// missed reports whether the index left a question without an answer (away), or answered with what is none.
func (b *book) missed() (away, patchy bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.away, b.patchy || b.away
}

// metadata is metadataOf, with what is missing noted.
func (b *book) metadata(ctx context.Context, p *index.Project, r *index.Release) ([]byte, error) {
	text, err := metadataOf(ctx, b.world, p, r, b.wishes.Target)
	if errors.Is(err, index.ErrUnreachable) {
		b.miss(err, true)
	}
	return text, err
}

// lookIntoSources judges the candidates that only a source distribution offers: the lowest few whose metadata
// says that building can't change it may be picked, the others not.
func (b *book) lookIntoSources(ctx context.Context, j *judged) {
	looked := 0
	for i := range j.candidates {
		c := &j.candidates[i]
		if !c.source || len(c.Whys) > 0 {
			continue
		}
		if looked++; looked > maxSources {
			c.add(whySource)
			continue
		}
		if _, err := b.metadata(ctx, j.project, &c.release); err != nil {
			c.add(whySource)
		}
	}
}

// release finds a version of a package, pinned or not.
func (j *judged) find(version string) *index.Release {
	if j.current != nil && sameVersion(j.current.Version, version) {
		return j.current
	}
	for i := range j.candidates {
		if sameVersion(j.candidates[i].Version, version) {
			return &j.candidates[i].release
		}
	}
	return nil
}

// view is a book as one phase sees it: pins as earlier phases left them, and a cooldown for each package.
type view struct {
	*book
	at       map[string]string // package → version, where earlier phases moved it
	cooldown func(name string) time.Duration
	now      time.Time         // of the plan, or the moment that is thought of
	only     map[string]string // packages that may move to one version and no other
	lifted   bool              // rejections do not count

	mu    sync.Mutex
	looks map[string]looked
}

// looked is what a view offers of a package.
type looked struct {
	fine     []candidate
	withheld []rejection
}

func newView(b *book, at map[string]string, cooldown func(string) time.Duration) *view {
	return &view{book: b, at: at, cooldown: cooldown, now: b.now, looks: map[string]looked{}}
}

var _ resolution.Offer = (*view)(nil)

// look tells the candidates above the pin from those that may not be picked.
func (v *view) look(ctx context.Context, name string) (fine []candidate, withheld []rejection, err error) {
	v.mu.Lock()
	known, ok := v.looks[name]
	v.mu.Unlock()
	if ok {
		return known.fine, known.withheld, nil
	}
	j, err := v.judged(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	from := j.from
	if moved, ok := v.at[name]; ok {
		if from, err = pep440.Parse(moved); err != nil {
			return nil, nil, err
		}
	}
	for _, c := range j.candidates {
		if (j.pinned || v.at[name] != "") && c.version.Compare(from) <= 0 {
			continue
		}
		r := c.seen(v.cooldown(name), v.now)
		if !permitted(v.bounds[name], c.version) {
			r.add(whyRange)
		}
		if h := over(v.holds, name, c.version); h != nil && !v.lifted {
			r.Held = h
			r.add(whyRejected) // the last, as its reason is a sentence of its own
		}
		switch only, limited := v.only[name]; {
		case len(r.Whys) > 0:
			withheld = append(withheld, r)
		case limited && only != c.Version:
		default:
			fine = append(fine, c)
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.looks[name] = looked{fine, withheld}
	return fine, withheld, nil
}

// needs are the packages a pin certainly requires on the target, by name.
func (v *view) needs(ctx context.Context, p taskPin) []string {
	text, err := v.Metadata(ctx, p.Package, cmp.Or(v.at[p.Package], p.Version))
	if err != nil {
		return nil
	}
	m, err := coremeta.Parse(text)
	if err != nil {
		return nil
	}
	certain, _ := m.Needs(v.wishes.Target, p.Extras)
	var out []string
	for _, r := range certain {
		out = append(out, r.Name)
	}
	return out
}

// names are the packages looked at so far, sorted.
func (b *book) names() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.pages))
}

func (v *view) Candidates(ctx context.Context, name string) ([]resolution.Candidate, error) {
	fine, _, err := v.look(ctx, name)
	if err != nil {
		return nil, err
	}
	out := make([]resolution.Candidate, len(fine))
	for i, c := range fine {
		out[i] = resolution.Candidate{Version: c.Version, RequiresPython: c.Requires}
	}
	return out, nil
}

func (v *view) Withheld(ctx context.Context, name string) ([]resolution.Withheld, error) {
	_, withheld, err := v.look(ctx, name)
	if err != nil {
		return nil, err
	}
	out := make([]resolution.Withheld, len(withheld))
	for i, r := range withheld {
		out[i] = resolution.Withheld{Version: r.Version, Reason: r.tell(v.wishes.Target, false)}
	}
	return out, nil
}

// Metadata reads the requirements of a pinned or offered version.
func (v *view) Metadata(ctx context.Context, name, version string) ([]byte, error) {
	j, err := v.judged(ctx, name)
	if errors.Is(err, index.ErrUnknownProject) {
		return nil, untold("the index does not know it")
	}
	if errors.Is(err, pep440.ErrVersion) {
		return nil, untold("its version can't be ordered (PEP 440)")
	}
	if err != nil {
		return nil, err
	}
	r := j.find(version)
	if r == nil {
		return nil, untold("the index does not offer " + printable(version))
	}
	text, err := v.metadata(ctx, j.project, r)
	if err != nil && !errors.Is(err, index.ErrUnreachable) && ctx.Err() == nil {
		return nil, untold(err.Error())
	}
	return text, err
}

// untold is why the requirements of a release are unknown: a resolution.ErrNoMetadata in words of its own.
type untold string

func (u untold) Error() string { return string(u) }
func (untold) Unwrap() error   { return resolution.ErrNoMetadata }

// ripens is the next moment at which a release that is too young now may be picked; nil: none is known.
func (b *book) ripens(cooldown func(string) time.Duration) *time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	var next *time.Time
	for name, p := range b.pages {
		if p.j == nil {
			continue
		}
		for _, c := range p.j.candidates {
			if r := c.seen(cooldown(name), b.now); r.Ripe != nil && (next == nil || r.Ripe.Before(*next)) {
				next = r.Ripe
			}
		}
	}
	return next
}

// reasons are why nothing above the pin may be picked, as this phase sees it.
func onlyYoung(rs []rejection) []rejection {
	return slices.DeleteFunc(slices.Clone(rs), func(r rejection) bool { return len(r.Whys) != 1 || r.Whys[0] != whyYoung })
}
