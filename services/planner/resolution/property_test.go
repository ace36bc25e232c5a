package resolution

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/pep508"
	"pgregory.net/rapid"
)

// drawWorld makes an index of a few packages that require one another, often in conflict.
func drawWorld(t *rapid.T, complete bool) (*world, Problem) {
	n := rapid.SampledFrom([]int{2, 3, 4, 4, 5, 5, 6}).Draw(t, "packages")
	names := []string{"a", "b", "c", "d", "e", "f"}[:n]
	versions := []string{"1.0", "1.0.1", "1.1", "1.2", "2.0b1", "2.0", "3.0"}
	most := map[int]int{2: 7, 3: 7, 4: 6, 5: 5, 6: 4}[n]
	if !complete {
		most = min(most, 4)
	}
	w := &world{rel: map[string][]published{}, pins: map[string]string{}, down: map[string]error{}}
	p := Problem{Complete: complete, Env: linux}
	for _, name := range names {
		count := rapid.IntRange(2, most).Draw(t, "releases")
		picked := rapid.Permutation(versions).Draw(t, "versions")[:count]
		slices.SortFunc(picked, func(a, b string) int { return parsed(a).Compare(parsed(b)) })
		for _, v := range picked {
			w.rel[name] = append(w.rel[name], drawRelease(t, name, v, names))
		}
	}
	for _, name := range names {
		if rapid.IntRange(0, 4).Draw(t, "pinned") == 0 && name != "a" {
			continue
		}
		rs := w.rel[name]
		i := rapid.IntRange(0, len(rs)-1).Draw(t, "pin") / 3
		pin := Pin{Package: name, Version: rs[i].version}
		if rapid.IntRange(0, 5).Draw(t, "extra") == 0 {
			pin.Extras = []string{"x"}
		}
		if rapid.IntRange(0, 5).Draw(t, "bound") == 0 {
			pin.Allowed = []Bound{{Specifier: rapid.SampledFrom([]string{"<2", "<3", "!=1.1", ">=1"}).Draw(t, "bound"), By: "requirements.in:1"}}
		}
		if rapid.IntRange(0, 15).Draw(t, "held") == 0 {
			pin.Held = "it has no wheel"
		}
		rs[i].withheld = ""
		w.pins[name] = pin.Version
		p.Pins = append(p.Pins, pin)
		if rapid.IntRange(0, 2).Draw(t, "wanted") == 0 && pin.Held == "" {
			p.Wants = append(p.Wants, name)
		}
	}
	if !complete && rapid.Bool().Draw(t, "floating") {
		r, err := pep508.Parse(rapid.SampledFrom([]string{"b>=1", "c", "c<2", "b>1.0"}).Draw(t, "float"))
		if _, pinned := w.pins[r.Name]; err == nil && !pinned && w.rel[r.Name] != nil {
			p.Floating = append(p.Floating, r)
		}
	}
	return w, p
}

func drawRelease(t *rapid.T, name, version string, names []string) published {
	r := published{version: version}
	switch rapid.IntRange(0, 19).Draw(t, "fate") {
	case 0:
		r.withheld = "is yanked"
	case 1:
		r.withheld = "is hit by CVE-2024-1"
	case 2:
		r.python = rapid.SampledFrom([]string{">=3.8", ">=3.12"}).Draw(t, "python")
	}
	for range rapid.SampledFrom([]int{0, 1, 1, 2, 2, 3}).Draw(t, "requires") {
		q := rapid.SampledFrom(names).Draw(t, "requires") +
			rapid.SampledFrom([]string{"", "", "", "[x]"}).Draw(t, "with") +
			drawRange(t, version) +
			rapid.SampledFrom([]string{"", "", "", "", "; extra == 'x'", "; python_version < '3.8'", "; sys_platform == 'linux'"}).Draw(t, "marker")
		if !strings.HasPrefix(q, name) {
			r.requires = append(r.requires, q)
		}
	}
	return r
}

// drawRange draws what a release asks of another: mostly one of its own age, as releases do.
func drawRange(t *rapid.T, version string) string {
	all := []string{"", ">=1.1", ">=2", "<2", "==1.0", "~=1.0", "!=2.0", ">1.0", "<3,>=1.0.1"}
	old := []string{"", "<2", "<1.2", "<3", ">=1.0", "~=1.0"}
	late := []string{">=1.0", ">=1.1", ">=2", ">=2,<3", ">1.0", "==2.0"}
	switch {
	case rapid.IntRange(0, 2).Draw(t, "any") == 0:
		return rapid.SampledFrom(all).Draw(t, "range")
	case version < "1.1":
		return rapid.SampledFrom(old).Draw(t, "range")
	}
	return rapid.SampledFrom(late).Draw(t, "range")
}

// draw writes a world down, for a failing case.
func (w *world) draw() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(w.rel)) {
		for _, r := range w.rel[name] {
			fmt.Fprintf(&b, "%s %s", name, r.version)
			if r.python != "" {
				b.WriteString(" py" + r.python)
			}
			if r.withheld != "" {
				b.WriteString(" !" + r.withheld)
			}
			for _, q := range r.requires {
				b.WriteString(" | " + q)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// tester is what a test and a property have in common.
type tester interface {
	Context() context.Context
	Fatalf(format string, args ...any)
}

// compare holds a solution against all sets there are.
func compare(t tester, w *world, p Problem, e Engine) {
	o := newOracle(w, p)
	if !p.Complete && len(o.excused) > 0 {
		return // there is a shape for what floats and is broken already
	}
	s, err := Solve(t.Context(), p, w, e)
	if err != nil {
		t.Fatalf("%v\n%s%+v", err, w.draw(), p)
	}
	got, best := o.accept()
	var had []string
	for _, name := range p.Wants {
		b, blocked := s.Blocked[name]
		if !blocked {
			had = append(had, name)
		}
		if b.Err != nil {
			t.Fatalf("%s: %v\n%s%+v\n%+v", name, b.Err, w.draw(), p, s)
		}
	}
	if !slices.Equal(got, had) {
		t.Fatalf("can be had: %v, had: %v\n%s%+v\n%+v", got, had, w.draw(), p, s)
	}
	if len(got) == 0 {
		return
	}
	told(t, w, p, s)
	if !s.Exhaustive {
		t.Fatalf("not exhaustive\n%s%+v\n%+v", w.draw(), p, s)
	}
	at := o.start()
	for _, m := range s.Moves {
		at[m.Package] = m.To
	}
	if !p.Complete {
		for name := range o.values {
			if _, pinned := o.pins[name]; !pinned {
				best[name] = ""
			}
		}
	}
	for _, name := range o.names {
		if at[name] != best[name] {
			t.Fatalf("%s is %q, should be %q: cost %v, should be %v\n%s%+v\n%+v", name, at[name], best[name], o.cost(at), o.cost(best), w.draw(), p, s)
		}
	}
}

// told looks up what the moves say of themselves.
func told(t tester, w *world, p Problem, s Solution) {
	at := maps.Clone(w.pins)
	for _, m := range s.Moves {
		at[m.Package] = m.To
	}
	for _, m := range s.Moves {
		wanted := slices.Contains(p.Wants, m.Package)
		if wanted != (m.Because == "") || !wanted && !holds(t, w, p, m.Because) {
			t.Fatalf("%s: because %q\n%s%+v\n%+v", m.Package, m.Because, w.draw(), p, s)
		}
		if (m.From == "") != (m.Step == "") || m.From != w.pins[m.Package] || !slices.IsSorted(m.Via) {
			t.Fatalf("%+v", m)
		}
		for _, q := range m.Via {
			if !w.mentions(q, at[q], m.Package) {
				t.Fatalf("%s is not required by %s\n%s%+v\n%+v", m.Package, q, w.draw(), p, s)
			}
		}
	}
}

func TestSmallest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, p := drawWorld(t, true)
		compare(t, w, p, &fake{})
	})
}

// TestGivenUp: where the search is given up early, uv's answer is made irreducible.
func TestGivenUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, p := drawWorld(t, true)
		givenUp(t, w, p, &fake{}, limits{reads: maxReads, nodes: rapid.IntRange(1, 8).Draw(t, "nodes"), better: rapid.IntRange(0, 8).Draw(t, "better")})
	})
}

func givenUp(t tester, w *world, p Problem, e Engine, l limits) {
	o := newOracle(w, p)
	s, err := solve(t.Context(), p, w, e, l)
	if err != nil {
		t.Fatalf("%v", err)
	}
	at := o.start()
	for _, m := range s.Moves {
		at[m.Package] = m.To
	}
	var had []string
	for _, name := range p.Wants {
		if b, blocked := s.Blocked[name]; !blocked {
			had = append(had, name)
		} else if errors.Is(b.Err, ErrDisagree) {
			t.Fatalf("%v\n%s%+v", b.Err, w.draw(), p)
		}
	}
	if len(s.Moves) > 0 {
		irreducible(t, o, at, had, fmt.Sprintf("%s%+v\n%+v", w.draw(), p, s))
	}
}

// irreducible says that a set holds, and that nothing of it can be taken back or made smaller by itself.
func irreducible(t tester, o *oracle, at map[string]string, had []string, world string) {
	if ok, _, bad := o.check(at, o.excused); !ok {
		t.Fatalf("does not hold: %v\n%s", bad, world)
	}
	for name, was := range at {
		pin, pinned := o.pins[name]
		if was == pin.Version {
			continue
		}
		for _, v := range o.values[name] {
			if v == was || v == "" || !pinned && parsed(v).Compare(parsed(was)) < 0 {
				continue
			}
			if pinned && (parsed(v).Compare(parsed(was)) > 0 || v == pin.Version && slices.Contains(had, name)) {
				continue
			}
			at[name] = v
			if ok, _, _ := o.check(at, o.excused); ok {
				t.Fatalf("%s %s could be %s\n%s", name, was, v, world)
			}
		}
		at[name] = was
	}
}

func TestSmallestFloating(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, p := drawWorld(t, false)
		compare(t, w, p, &fake{})
	})
}

// TestSmallestUV has the real uv judge. The draws are rapid's own examples, a few dozen: each costs a run.
func TestSmallestUV(t *testing.T) {
	e := realUV(t)
	for _, complete := range []bool{true, false} {
		gen := rapid.Custom(func(t *rapid.T) drawn {
			w, p := drawWorld(t, complete)
			return drawn{w, p}
		})
		for seed, asked := 1, 0; asked < 20; seed++ {
			d := gen.Example(seed)
			if s, err := Solve(t.Context(), d.p, d.w, &fake{}); err != nil || s.Runs == 0 {
				continue // nothing to judge
			}
			asked++
			compare(t, d.w, d.p, e)
			if complete && asked%4 == 0 {
				givenUp(t, d.w, d.p, e, limits{reads: maxReads, nodes: asked % 3, better: 1})
			}
		}
	}
}

type drawn struct {
	w *world
	p Problem
}
