package planner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/services/planner/resolution"
)

// task is one environment to plan for: with what the world says, everything its answer depends on.
type task struct {
	Pins     []taskPin                     `json:"pins"`
	Floating []pep508.Requirement          `json:"-"`
	Floats   []string                      `json:"floating,omitempty"`
	Bounds   map[string][]resolution.Bound `json:"bounds,omitempty"` // of packages that are not pinned
	Hashed   bool                          `json:"hashed,omitempty"`
	Wants    []want                        `json:"wants"` // by class, then by package
	Routine  time.Duration                 `json:"routine"`
	Holds    []hold                        `json:"holds,omitempty"`
	Updates  map[string]byStep             `json:"updates,omitempty"` // classes of updates that fix nothing known; with --full
	Wishes   wishes                        `json:"wishes"`
}

type taskPin struct {
	Package, Version string
	Extras           []string
	Allowed          []resolution.Bound
	Stays            string   `json:",omitempty"` // why it may not move
	Stated           []stated `json:",omitempty"` // hashes, by the line they stand on
}

// want is a package with findings that an update could fix.
type want struct {
	Package  string           `json:"package"`
	Class    policy.ClassName `json:"class"` // the most urgent among its findings
	Cooldown time.Duration    `json:"cooldown"`
	Rule     string           `json:"rule"` // the rule that set the cooldown
}

// byStep is the class of an update that fixes nothing known, by its step.
type byStep map[string]policy.ClassName

// fate is what becomes of a wanted package.
type fate struct {
	Kind        fateKind    `json:"kind"`
	Detail      string      `json:"detail,omitempty"`
	Chain       []string    `json:"chain,omitempty"`
	Until       *time.Time  `json:"until,omitempty"`       // of cooling; nil: no date is known
	Rejected    []rejection `json:"rejected,omitempty"`    // releases above the pin that may not be picked
	Unreachable bool        `json:"unreachable,omitempty"` // the index may answer later
}

type fateKind string

const (
	fateMoves   fateKind = "moves"
	fateBlocked fateKind = "blocked"
	fateCooling fateKind = "cooling"
	fateNothing fateKind = "nothing" // no release above the pin may be picked
	fateUnknown fateKind = "unknown" // the index does not know the package
	fateHeld    fateKind = "held"    // its requirements are unknown: it stays
	fateBuild   fateKind = "build"   // a build variant the index does not offer
	fateVersion fateKind = "version" // the pinned version can't be ordered
	fateFailed  fateKind = "failed"
)

// step is what moves in one class.
type step struct {
	Class policy.ClassName `json:"class"`
	Moves []move           `json:"moves"`
}

// move is a move with what is known of its release.
type move struct {
	resolution.Move
	Released *time.Time  `json:"released,omitempty"`
	Hashes   []string    `json:"hashes,omitempty"`
	Page     string      `json:"page,omitempty"`
	Requires string      `json:"requires,omitempty"` // Python
	Short    string      `json:"short,omitempty"`    // why it is younger than the routine cooldown asks
	Passed   []rejection `json:"passed,omitempty"`   // releases below it that may not be picked
	Skipped  int         `json:"skipped,omitempty"`  // releases below it that may be picked and don't fit the rest
	Newest   bool        `json:"newest,omitempty"`   // an update that fixes nothing known
	Kept     bool        `json:"kept,omitempty"`     // picked by the plan in force; the index does not answer now
}

// add puts a move in. A package that the same phase has moved before moves once, all the way.
func (st *step) add(m move) {
	i := slices.IndexFunc(st.Moves, func(o move) bool { return o.Package == m.Package })
	if i < 0 {
		st.Moves = append(st.Moves, m)
		return
	}
	first := st.Moves[i]
	m.From, m.Because, m.Newest = first.From, first.Because, first.Newest
	m.Skipped, m.Passed = first.Skipped+m.Skipped+1, append(first.Passed, m.Passed...)
	m.Step = ""
	if from, err := pep440.Parse(m.From); err == nil {
		if to, err := pep440.Parse(m.To); err == nil {
			m.Step = pep440.Step(from, to)
		}
	}
	st.Moves[i] = m
}

// solved is the answer for an environment.
type solved struct {
	Steps   []step            `json:"steps"`
	Fates   map[string]fate   `json:"fates"`
	Broken  []string          `json:"broken,omitempty"`  // what the pins contradict before any change
	Bare    []string          `json:"bare,omitempty"`    // what is required without a pin and only releases meet that may not be picked
	Foreign []string          `json:"foreign,omitempty"` // pins that stay with hashes the index does not have
	Unknown []string          `json:"unknown,omitempty"` // pins whose requirements nobody can tell
	Open    []string          `json:"open,omitempty"`    // updates that fix nothing known and could not be looked for
	Away    bool              `json:"away,omitempty"`    // the index left a question without an answer, which it may give later
	Patchy  bool              `json:"patchy,omitempty"`  // so may others, or it is no answer of the index at all
	Runs    int               `json:"runs"`              // of uv
	Args    []string          `json:"args,omitempty"`    // of uv, which are the same for each run but for its files
	Made    time.Time         `json:"made"`              // by this clock
	Ripe    *time.Time        `json:"ripe,omitempty"`    // until then the clock makes no difference
	Pages   map[string]string `json:"pages"`             // digests of the index pages it rests on
}

// solver plans one environment, class after class: each phase starts from what the ones before it left.
type solver struct {
	task     task
	book     *book
	engine   func(ctx context.Context) (resolution.Engine, error)
	verdicts *resolution.Verdicts // what uv said before; nil: it is asked everything
	limit    time.Duration
	now      time.Time

	at   map[string]string // where earlier phases moved packages to
	bare []resolution.Bare // of all resolutions
	out  solved
}

func (s *solver) solve(ctx context.Context) solved {
	s.at = map[string]string{}
	s.out = solved{Steps: []step{}, Fates: map[string]fate{}, Pages: map[string]string{}}
	s.prefetch(ctx)
	for _, class := range policy.Names {
		st := step{Class: class}
		s.secure(ctx, &st)
		if s.task.Wishes.Full {
			s.renew(ctx, &st)
		}
		if len(st.Moves) > 0 {
			s.out.Steps = append(s.out.Steps, st)
		}
	}
	for _, b := range s.bare { // what moved requires something else now
		if s.at[b.By] == "" && !slices.Contains(s.out.Bare, b.Text) {
			s.out.Bare = append(s.out.Bare, b.Text)
		}
	}
	s.compareHashes(ctx)
	s.out.Away, s.out.Patchy = s.book.missed()
	s.doubt()
	s.out.Ripe = s.book.ripens(func(string) time.Duration { return s.task.Routine })
	s.out.Ripe = earlier(s.out.Ripe, s.book.ripens(func(string) time.Duration { return 0 })) // published at last
	for _, w := range s.task.Wants {
		s.out.Ripe = earlier(s.out.Ripe, s.book.ripens(func(string) time.Duration { return w.Cooldown }))
	}
	return s.out
}

// doubt takes an index that knows none of several packages with findings for the wrong one, or one that is away behind
// something that answers for it: what it does not know says nothing about them.
func (s *solver) doubt() {
	if len(s.out.Fates) < 2 || !s.out.nobodyKnown() {
		return
	}
	s.out.Away = true
	for name := range s.out.Fates {
		s.out.Fates[name] = fate{Kind: fateFailed, Unreachable: true,
			Detail: fmt.Sprintf("the index knows none of the %d packages with findings; check its address", len(s.out.Fates))}
	}
}

// inParallel calls do for each of all, a few at a time.
func inParallel[T any](all []T, do func(T)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for _, x := range all {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			do(x)
		})
	}
	wg.Wait()
}

func earlier(a, b *time.Time) *time.Time {
	if a == nil || b != nil && b.Before(*a) {
		return b
	}
	return a
}

// prefetch asks for all pages at once, and for the metadata of what is pinned.
func (s *solver) prefetch(ctx context.Context) {
	if len(s.task.Wants) == 0 && !s.task.Wishes.Full {
		return
	}
	v := s.updating()
	inParallel(s.task.Pins, func(p taskPin) {
		_, _ = v.Metadata(ctx, p.Package, p.Version) // what it answers is kept; who needs it sees the error
	})
}

// secure is the phase of one class: what of it can be fixed, and why the rest can't.
func (s *solver) secure(ctx context.Context, st *step) {
	var open []want
	for _, w := range s.task.Wants {
		if w.Class != st.Class {
			continue
		}
		if s.at[w.Package] != "" { // an earlier phase moved it on the way
			s.settle(w, fate{Kind: fateMoves})
			continue
		}
		if f, ok := s.foregone(ctx, w); ok {
			s.settle(w, f)
			continue
		}
		open = append(open, w)
	}
	if len(open) == 0 {
		return
	}
	blocked := s.attempt(ctx, st, open, s.fixing(), "")
	s.hurry(ctx, st, blocked)
	for _, w := range byPackage(blocked) {
		s.settle(w, s.held(ctx, w, blocked[w]))
	}
}

func (s *solver) settle(w want, f fate) { s.out.Fates[w.Package] = f }

// foregone is the fate of a package that no resolution can change.
func (s *solver) foregone(ctx context.Context, w want) (fate, bool) {
	j, err := s.book.judged(ctx, w.Package)
	switch {
	case errors.Is(err, index.ErrUnknownProject):
		return fate{Kind: fateUnknown}, true
	case err != nil && isVersionError(err):
		return fate{Kind: fateVersion}, true
	case err != nil:
		return fate{Kind: fateFailed, Detail: err.Error(), Unreachable: errors.Is(err, index.ErrUnreachable)}, true
	case j.labelled:
		return fate{Kind: fateBuild}, true
	}
	fine, withheld, err := s.fixing().look(ctx, w.Package)
	if err != nil {
		return fate{Kind: fateFailed, Detail: err.Error()}, true
	}
	if len(fine) > 0 {
		if _, err := s.updating().Metadata(ctx, w.Package, s.version(w.Package)); errors.Is(err, resolution.ErrNoMetadata) {
			return fate{Kind: fateHeld, Detail: err.Error()}, true
		}
		return fate{}, false
	}
	if young := onlyYoung(withheld); len(young) > 0 {
		return fate{Kind: fateCooling, Until: firstRipe(young), Rejected: withheld,
			Detail: fmt.Sprintf("%s %s fixes it and is younger than the %s that %s asks for", w.Package, young[0].Version, span(w.Cooldown), w.Rule)}, true
	}
	return fate{Kind: fateNothing, Rejected: withheld}, true
}

func firstRipe(rs []rejection) *time.Time {
	var at *time.Time
	for _, r := range rs {
		if r.Ripe != nil {
			at = earlier(at, r.Ripe)
		}
	}
	return at
}

func (s *solver) version(name string) string {
	if v := s.at[name]; v != "" {
		return v
	}
	for _, p := range s.task.Pins {
		if p.Package == name {
			return p.Version
		}
	}
	return ""
}

// attempt resolves and takes what moves; what is left comes back.
func (s *solver) attempt(ctx context.Context, st *step, wants []want, v *view, short string) map[want]resolution.Block {
	sol, err := s.resolve(ctx, wants, v)
	left := map[want]resolution.Block{}
	for _, w := range wants {
		if err != nil {
			left[w] = resolution.Block{Err: err}
		} else if b, ok := sol.Blocked[w.Package]; ok {
			left[w] = b
		}
	}
	if err != nil {
		return left
	}
	s.take(ctx, st, sol, v, short)
	for _, w := range wants {
		if _, ok := left[w]; !ok {
			s.settle(w, fate{Kind: fateMoves})
		}
	}
	return left
}

func (s *solver) resolve(ctx context.Context, wants []want, v *view) (resolution.Solution, error) {
	engine, err := s.engine(ctx)
	if err != nil {
		return resolution.Solution{}, err
	}
	p := resolution.Problem{Floating: s.task.Floating, Env: s.task.Wishes.Target, Limit: s.left(ctx), Verdicts: s.verdicts}
	for _, t := range s.task.Pins {
		if _, err := pep440.Parse(t.Version); err != nil {
			s.unknown(fmt.Sprintf("%s %s: its version can't be ordered (PEP 440)", t.Package, printable(t.Version)))
			continue
		}
		pin := resolution.Pin{Package: t.Package, Version: cmp.Or(s.at[t.Package], t.Version), Extras: t.Extras, Allowed: t.Allowed, Held: t.Stays}
		if _, err := v.Metadata(ctx, t.Package, pin.Version); pin.Held == "" && errors.Is(err, resolution.ErrNoMetadata) {
			pin.Held = err.Error()
		}
		p.Pins = append(p.Pins, pin)
	}
	for _, name := range slices.Sorted(maps.Keys(s.at)) {
		if !slices.ContainsFunc(s.task.Pins, func(t taskPin) bool { return t.Package == name }) {
			p.Pins = append(p.Pins, resolution.Pin{Package: name, Version: s.at[name]}) // added by an earlier phase
		}
	}
	for _, w := range wants {
		p.Wants = append(p.Wants, w.Package)
	}
	p.Complete = s.complete(ctx, v)
	sol, err := resolution.Solve(ctx, p, v, engine)
	s.out.Runs += sol.Runs
	if len(sol.Args) > 0 {
		s.out.Args = sol.Args
	}
	for _, b := range sol.Broken {
		if !slices.Contains(s.out.Broken, b) {
			s.out.Broken = append(s.out.Broken, b)
		}
	}
	s.bare = append(s.bare, sol.Bare...)
	for _, u := range sol.Unknown {
		s.unknown(u)
	}
	return sol, err
}

// left is the time for the next resolution: however many of an application take all of theirs, some is left for those
// that follow and for the plan that says so.
func (s *solver) left(ctx context.Context) time.Duration {
	if end, ok := ctx.Deadline(); ok && s.limit > 0 {
		return max(min(s.limit, time.Until(end)/2), time.Millisecond)
	}
	return s.limit
}

// unknown notes what nobody can tell, once.
func (s *solver) unknown(what string) {
	if !slices.Contains(s.out.Unknown, what) {
		s.out.Unknown = append(s.out.Unknown, what)
	}
}

// complete reports whether the pins are a full lock: what each of them requires is pinned too. pip asks that
// of every file with hashes.
func (s *solver) complete(ctx context.Context, v *view) bool {
	if s.task.Hashed {
		return true
	}
	pinned := map[string]bool{}
	for _, p := range s.task.Pins {
		pinned[p.Package] = true
	}
	for name := range s.at { // what an earlier phase added is one of them
		pinned[name] = true
	}
	for _, p := range s.task.Pins {
		for _, need := range v.needs(ctx, p) {
			if !pinned[need] {
				return false
			}
		}
	}
	return true
}

// take puts the moves of a solution into the phase.
func (s *solver) take(ctx context.Context, st *step, sol resolution.Solution, v *view, short string) {
	own := s.fixing().cooldown
	for _, m := range sol.Moves {
		out := move{Move: m, Newest: v.only[m.Package] == m.To}
		j, err := s.book.judged(ctx, m.Package)
		if err == nil {
			fine, withheld, _ := v.look(ctx, m.Package) // read before, so it answers
			for _, c := range fine {
				switch {
				case c.Version == m.To:
					out.Released, out.Requires, out.Hashes, out.Page = c.Released, c.Requires, hashes(&c.release), j.project.Page
					if r := c.seen(own(m.Package), s.now); short != "" && r.is(whyYoung) {
						out.Short = short
					}
				case below(c.Version, m.To):
					out.Skipped++
				}
			}
			for _, r := range withheld {
				if below(r.Version, m.To) {
					out.Passed = append(out.Passed, r)
				}
			}
		}
		s.at[m.Package] = m.To
		st.add(out)
	}
}
