package planner

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
)

// randomWorld is a small application on a small index, with requirements, ages and traits of every kind.
type randomWorld struct {
	*world
	pins  map[string]string
	files map[string]string
	lines map[string][]string // package and version → words
}

func drawWorld(t *testing.T, rt *rapid.T) *randomWorld {
	packages := rapid.IntRange(1, 6).Draw(rt, "packages")
	name := func(i int) string { return fmt.Sprintf("p%d", i) }
	db, releases := advisories{}, map[string][]string{}
	r := &randomWorld{pins: map[string]string{}, lines: map[string][]string{}}
	for i := range packages {
		for v := range rapid.SampledFrom([]int{1, 3, 4, 5, 6, 7}).Draw(rt, "releases") {
			words := []string{fmt.Sprintf("1.%d", v)}
			if rapid.IntRange(0, 9).Draw(rt, "pre") == 0 {
				words[0] += "rc1"
			}
			if trait := rapid.SampledFrom([]string{"", "", "", "", "", "", "", "", "", "", "", "", "yanked", "py>=3.12", "undated", "sdist", "static", "foreign"}).Draw(rt, "trait"); trait != "" {
				words = append(words, trait)
			}
			if at := rapid.SampledFrom([]string{"", "", "", "", "", "at=2026-11-22", "at=2026-11-21", "at=2026-11-18", "at=2026-11-18", "at=2026-12-01"}).Draw(rt, "age"); at != "" && !slices.Contains(words, "undated") {
				words = append(words, at)
			}
			for range rapid.SampledFrom([]int{0, 1, 1, 2}).Draw(rt, "needs") {
				on := rapid.IntRange(0, packages).Draw(rt, "on") // the last is nowhere pinned
				if on != i {
					words = append(words, fmt.Sprintf("needs=%s%s1.%d", name(on), rapid.SampledFrom([]string{">=", ">=", ">=", ">=", "<", "==", "<=", "!="}).Draw(rt, "how"), rapid.IntRange(0, v+2).Draw(rt, "bound")))
				}
			}
			releases[name(i)] = append(releases[name(i)], strings.Join(words, " "))
			r.lines[name(i)+" "+words[0]] = words
		}
		for j := range rapid.SampledFrom([]int{0, 1, 1, 2}).Draw(rt, "advisories") {
			low := rapid.SampledFrom([]int{0, 0, 0, 1, 3}).Draw(rt, "introduced")
			db[name(i)] = append(db[name(i)], fmt.Sprintf("CVE-%d-%d >=1.%d,<1.%d %s", i, j, low, low+rapid.IntRange(1, 2).Draw(rt, "width"),
				rapid.SampledFrom([]string{"low", "high", "high kev", "critical", "malicious"}).Draw(rt, "severity")))
		}
	}
	if rapid.Bool().Draw(rt, "something not pinned") {
		releases[name(packages)] = []string{"1.0", "1.3"}
		r.lines[name(packages)+" 1.0"], r.lines[name(packages)+" 1.3"] = []string{"1.0"}, []string{"1.3"}
	}
	text := ""
	for i := range packages {
		version := strings.Fields(releases[name(i)][rapid.SampledFrom([]int{0, 0, 0, 0, 0, 0, len(releases[name(i)]) - 1}).Draw(rt, "pin")])[0]
		r.pins[name(i)] = version
		if rapid.IntRange(0, 3).Draw(rt, "hashes") == 0 {
			text += hashed(name(i), version)
		} else {
			text += name(i) + "==" + version + "\n"
		}
	}
	r.files = map[string]string{"requirements.txt": text}
	r.world = newWorld(t, Config{Python: "3.11"}, db, releases)
	r.options.Full = rapid.IntRange(0, 3).Draw(rt, "full") == 0
	return r
}

// Whatever the world: nothing is picked that may not be, each phase leaves what installed before installing, every
// finding has one outcome, and made again the plan is the same.
func TestRandomWorlds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := drawWorld(t, rt)
		e := r.scan(r.files)
		evs, err := r.service.handle(t.Context(), e, r.facts(e.ID()))
		if err != nil {
			rt.Fatal(err)
		}
		r.service.answers = newAnswers("")
		again, err := r.service.handle(t.Context(), e, r.facts(e.ID()))
		if err != nil || len(again) != len(evs) {
			rt.Fatalf("handled twice: %d events, then %d (%v)", len(evs), len(again), err)
		}
		for i := range evs {
			if !bytes.Equal(evs[i].Data(), again[i].Data()) {
				rt.Fatalf("handled twice %s differs:\n%s\n%s", evs[i].Type(), evs[i].Data(), again[i].Data())
			}
		}
		r.append(evs...)
		p := r.document()
		r.standsPhaseByPhase(rt, p)
		r.answersEverything(rt, p)
		if _, err := Recompute(t.Context(), r.store, r.state.Plan.Document, r.offline(), report.Tool{Name: "drydock", Version: "test"}); err != nil {
			rt.Fatal(err)
		}
	})
}

// Whatever of a plan is turned down, the next one does not move to it nor above, holds in every other way, and says of
// each finding what becomes of it; when the rejections are forgotten the first plan comes back.
func TestRandomRejections(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := drawWorld(t, rt)
		r.plan(r.scan(r.files))
		first := r.state.Plan.Plan
		for n := range rapid.IntRange(1, 3).Draw(rt, "rejections") {
			r.turnsDown(rt, n)
		}
		r.plan(r.scan(r.files))
		p := r.document()
		r.movesNothingRejected(rt, p)
		r.standsPhaseByPhase(rt, p)
		r.answersEverything(rt, p)
		for _, o := range p.Outcomes {
			if told := strings.Join(o.Chain, "; "); strings.Contains(told, "was rejected: ") && (o.Outcome != report.Blocked || o.Until == nil || !strings.HasSuffix(told, "drydock update payments tries it again")) {
				rt.Fatalf("%+v", o)
			}
		}
		if _, err := Recompute(t.Context(), r.store, r.state.Plan.Document, r.offline(), report.Tool{Name: "drydock", Version: "test"}); err != nil {
			rt.Fatal(err)
		}
		r.say("update", fmt.Sprint(r.seq), events.ScanRequested{Application: "payments", Target: "/src/payments", PlanOptions: events.PlanOptions{Again: true}})
		r.plan(r.scan(r.files))
		if r.state.Plan.Plan != first {
			rt.Fatalf("after they were forgotten: %s", moves(r.document()))
		}
		for _, ref := range r.state.Plan.Phases {
			if c := r.state.Changes[ref.Change]; c.Terminal != "" {
				rt.Fatalf("%s has no open change: %s is %s", ref.Phase, ref.Change, c.Terminal)
			}
		}
	})
}

func (r *randomWorld) standsPhaseByPhase(rt *rapid.T, p *report.Plan) {
	at := map[string]string{}
	for name, v := range r.pins {
		at[name] = v
	}
	for _, ph := range p.Phases {
		seen := map[string]bool{}
		for _, u := range ph.Updates {
			if seen[u.Package] || at[u.Package] != u.From || u.From != "" && version(u.To).Compare(version(u.From)) <= 0 {
				rt.Fatalf("%s: %s moves from %q to %s where %q stands", ph.Phase, u.Package, u.From, u.To, at[u.Package])
			}
			seen[u.Package] = true
			r.mayBePicked(rt, ph, u)
		}
		for _, u := range ph.Updates {
			at[u.Package] = u.To
		}
		r.installs(rt, ph.Phase, at)
	}
	for _, o := range p.Outcomes {
		if hits, _ := r.advisories.Match(pypi, o.Package, at[o.Package]); o.Outcome == report.Planned && len(hits) > 0 {
			rt.Fatalf("%s %s is hit when all is done", o.Package, at[o.Package])
		}
	}
}

func (r *randomWorld) mayBePicked(rt *rapid.T, ph report.Phase, u report.Update) {
	words := r.lines[u.Package+" "+u.To]
	if words == nil {
		rt.Fatalf("%s %s is not on the index", u.Package, u.To)
	}
	if hits, _ := r.advisories.Match(pypi, u.Package, u.To); len(hits) > 0 {
		rt.Fatalf("%s %s is picked and hit by %v", u.Package, u.To, hits)
	}
	for _, bad := range []string{"yanked", "py>=3.12", "sdist", "foreign"} {
		if slices.Contains(words, bad) {
			rt.Fatalf("%s %s is picked and %s", u.Package, u.To, bad)
		}
	}
	if current := r.lines[u.Package+" "+r.pins[u.Package]]; slices.Contains(words, "static") && !slices.ContainsFunc(current, func(w string) bool { return w == "static" || w == "sdist" || w == "foreign" }) {
		rt.Fatalf("%s %s has no wheel, and the pin has one", u.Package, u.To)
	}
	if version(u.To).IsPrerelease() && (u.From == "" || !version(r.pins[u.Package]).IsPrerelease()) {
		rt.Fatalf("%s %s is a pre-release", u.Package, u.To)
	}
	routine, shortest := r.policy.RoutineCooldown(), r.policy.RoutineCooldown()
	own := routine
	for name := range r.pins {
		hits, _ := r.advisories.Match(pypi, name, r.pins[name])
		for _, h := range hits {
			d, _ := r.policy.CooldownFor(policy.Facts{Package: name, Ecosystem: pypi, Finding: true, Kind: h.Kind, Severity: h.Severity, KEV: h.KEV})
			shortest = min(shortest, d)
			if name == u.Package {
				own = min(own, d)
			}
		}
	}
	if strings.Contains(u.Reason, "needs it: its own cooldown") {
		own = shortest
	}
	switch {
	case u.Released == nil && own > 0:
		rt.Fatalf("%s %s is picked, and nobody knows its age (%s)", u.Package, u.To, u.Reason)
	case u.Released != nil && u.Released.Add(own).After(r.now):
		rt.Fatalf("%s %s in %s of %s is too young for %s (%s)", u.Package, u.To, ph.Phase, u.Released, own.Round(time.Hour), u.Reason)
	}
}

// installs checks the requirements of the set: those of what moved hold, and those that held before.
func (r *randomWorld) installs(rt *rapid.T, phase string, at map[string]string) {
	for name, v := range at {
		words := r.lines[name+" "+v]
		if r.pins[name] == v && (slices.Contains(words, "sdist") || slices.Contains(words, "foreign")) {
			continue // nobody knows what it requires
		}
		for _, w := range words {
			text, ok := strings.CutPrefix(w, "needs=")
			if !ok {
				continue
			}
			need, err := pep508.Parse(text)
			if err != nil {
				rt.Fatal(err)
			}
			set, err := pep440.ParseSpecifiers(need.Specifier)
			if err != nil {
				rt.Fatal(err)
			}
			holds := at[need.Name] == "" || set.Contains(version(at[need.Name]), true)
			before := r.pins[name] == v && r.pins[need.Name] != "" && !set.Contains(version(r.pins[need.Name]), true)
			if !holds && !before {
				rt.Fatalf("after %s %s %s requires %s, and %s stands there", phase, name, v, text, at[need.Name])
			}
		}
	}
}

func (r *randomWorld) answersEverything(rt *rapid.T, p *report.Plan) {
	n := map[outcomeKey]int{}
	for _, o := range p.Outcomes {
		n[keyOf(o)]++
		if o.Outcome == report.OutcomeError {
			rt.Fatalf("%s: %s", o.Vulnerability, o.Detail)
		}
	}
	findings := 0
	for name, v := range r.pins {
		hits, _ := r.advisories.Match(pypi, name, v)
		for _, h := range hits {
			findings++
			if n[outcomeKey{name, v, "requirements.txt", h.ID}] != 1 {
				rt.Fatalf("%s of %s has %d outcomes", h.ID, name, n[outcomeKey{name, v, "requirements.txt", h.ID}])
			}
		}
	}
	if findings != len(p.Outcomes) {
		rt.Fatalf("%d outcomes of %d findings", len(p.Outcomes), findings)
	}
}
