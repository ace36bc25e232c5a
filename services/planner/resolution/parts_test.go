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
	"github.com/drydock-dev/drydock/pkg/uv"
	"pgregory.net/rapid"
)

// drawLoose makes an index of packages that hang together in places, and pins of most of them.
func drawLoose(t *rapid.T) (*world, Problem) {
	names := []string{"a", "b", "c", "d", "e", "f", "g"}
	w := &world{rel: map[string][]published{}, pins: map[string]string{}, down: map[string]error{}}
	p := Problem{Complete: true, Env: linux}
	for i, name := range names {
		for _, v := range []string{"1.0", "1.1", "2.0"} {
			r := published{version: v}
			for range rapid.SampledFrom([]int{0, 0, 1, 1, 2}).Draw(t, "requires") {
				q := names[(i+rapid.IntRange(1, 3).Draw(t, "of"))%len(names)] +
					rapid.SampledFrom([]string{"", "", "", "[x]"}).Draw(t, "with") +
					rapid.SampledFrom([]string{"", ">=1.0", ">=1.1", "<2", ">=1.1,<3", "==1.0"}).Draw(t, "range") +
					rapid.SampledFrom([]string{"", "", "; extra == 'x'", "; python_version < '3.8'", "; sys_platform == 'linux'", "; platform_release == '6'"}).Draw(t, "marker")
				r.requires = append(r.requires, q)
			}
			w.rel[name] = append(w.rel[name], r)
		}
		if rapid.IntRange(0, 5).Draw(t, "pinned") == 0 {
			continue
		}
		pin := Pin{Package: name, Version: rapid.SampledFrom([]string{"1.0", "1.0", "1.1"}).Draw(t, "pin")}
		if rapid.IntRange(0, 5).Draw(t, "extra") == 0 {
			pin.Extras = []string{"x"}
		}
		if rapid.IntRange(0, 9).Draw(t, "held") == 0 {
			pin.Held = "it has no wheel"
		}
		w.pins[name] = pin.Version
		p.Pins = append(p.Pins, pin)
	}
	return w, p
}

// drawChoice moves some packages, whether or not that holds.
func drawChoice(t *rapid.T, b *book, w *world) choice {
	c := choice{}
	for _, name := range slices.Sorted(maps.Keys(w.rel)) {
		p := b.pack(name)
		if p.held != "" || rapid.IntRange(0, 2).Draw(t, "moves") > 0 {
			continue
		}
		b.load(p)
		if len(p.cands) == 0 {
			continue
		}
		r := rapid.SampledFrom(p.cands).Draw(t, "to")
		if b.fetch(r); r.err == nil {
			c[p] = r
		}
	}
	return (&state{b: b}).needed(c)
}

// other reads requirements in its own way: without the markers that it leaves out.
type other struct {
	leave []string
	runs  int
}

func (o *other) Identity() string { return strings.Join(o.leave, "|") }

func (o *other) Compile(ctx context.Context, p uv.Problem) (uv.Answer, error) {
	o.runs++
	p.Offer = rewritten{p.Offer, o.leave}
	a, err := (&fake{}).Compile(ctx, p)
	if err != nil {
		return a, err
	}
	a.Via, err = via(ctx, p, a.Pins)
	return a, err
}

// via says for each package which others require it, as uv does.
func via(ctx context.Context, p uv.Problem, pins map[string]string) (map[string][]string, error) {
	extras, out := map[string][]string{}, map[string][]string{}
	var asked []pep508.Requirement
	for _, text := range p.Requirements {
		r, err := pep508.Parse(text)
		if err != nil {
			return nil, err
		}
		asked = append(asked, r)
	}
	for again := true; again; {
		again = false
		for _, r := range asked {
			for _, x := range r.Extras {
				if !slices.Contains(extras[r.Name], x) {
					extras[r.Name], again = append(extras[r.Name], x), true
				}
			}
		}
		clear(out)
		for _, name := range slices.Sorted(maps.Keys(pins)) {
			m, err := meta(ctx, p.Offer, name, pins[name])
			if err != nil {
				return nil, err
			}
			certain, _ := m.Needs(p.Env, extras[name])
			asked = append(asked, certain...)
			for _, r := range certain {
				out[r.Name] = append(out[r.Name], name)
			}
		}
	}
	return out, nil
}

type rewritten struct {
	uv.Offer
	leave []string
}

func (r rewritten) Metadata(ctx context.Context, name, version string) ([]byte, error) {
	raw, err := r.Offer.Metadata(ctx, name, version)
	text := string(raw)
	for _, marker := range r.leave {
		text = strings.ReplaceAll(text, marker, "")
	}
	return []byte(text), err
}

// TestPartsAreTheWhole: what is judged in parts, and remembered, is what would be judged of the whole; also by an
// engine that reads markers otherwise than we do. Only what it has against parts in which nothing moves is left out.
func TestPartsAreTheWhole(t *testing.T) {
	mind := NewVerdicts()
	engines := []*other{{}, {leave: []string{"; extra == 'x'"}}, {leave: []string{"; python_version < '3.8'", "; platform_release == '6'"}}, {leave: []string{"; sys_platform == 'linux'", "; extra == 'x'"}}}
	var split, entangled, conflicts, remembered, inParts int
	rapid.Check(t, func(t *rapid.T) {
		w, p := drawLoose(t)
		e := rapid.SampledFrom(engines).Draw(t, "engine")
		r := &run{ctx: t.Context(), searching: t.Context(), p: p, e: e, sol: Solution{Blocked: map[string]Block{}}}
		b, err := read(p, w, usual)
		if err != nil {
			t.Fatal(err)
		}
		r.b = b
		r.b.ctx = t.Context()
		b.open()
		c := drawChoice(t, b, w)
		back := c.put()
		whole := r.judgeWhole()
		back()
		told := fmt.Sprintf("%s%+v\nengine %q, moved %v\nwhole: %v", w.draw(), p, e.leave, c, whole)
		got := r.judge(c)
		if got != nil && !errors.Is(got, ErrDisagree) && !errors.As(got, new(*uv.Conflict)) {
			t.Fatalf("%v\n%s", got, told)
		}
		r.p.Verdicts = mind
		runs := e.runs
		again := r.judge(c)
		if (again == nil) != (got == nil) {
			t.Fatalf("with what is remembered: %v, without: %v\n%s", again, got, told)
		}
		if e.runs == runs {
			remembered++
		}
		switch {
		case whole == nil && got != nil, whole != nil && got == nil && !foul(r):
			t.Fatalf("in parts: %v\n%s", got, told)
		case whole != nil:
			conflicts++
		}
		defer c.put()()
		if d, ok := r.parts(); ok && len(d.parts) > 1 {
			split++
			switch err := r.judgeParts(d); {
			case errors.Is(err, errEntangled):
				entangled++
			case err == nil:
				inParts++
			}
		}
	})
	t.Logf("%d in parts: %d found to hold, %d then asked as a whole; %d answers remembered; %d conflicts", split, inParts, entangled, remembered, conflicts)
	if inParts == 0 || entangled == 0 || remembered == 0 || conflicts == 0 {
		t.Error("not everything was drawn")
	}
}

// foul says whether the engine has something against the pins before any change.
func foul(r *run) bool {
	all := map[*pack]bool{}
	for _, p := range (&state{b: r.b}).reach() {
		all[p] = true
	}
	_, _, err := r.judgeTogether([]part{{packs: all}}, division{present: all})
	return err != nil
}

// linked is an engine that sees more than the metadata say.
type linked struct {
	known
	via  map[string][]string
	asks string // another package that it wants to see
	all  bool   // as many as there may be, and more
}

func (l *linked) Compile(ctx context.Context, p uv.Problem) (uv.Answer, error) {
	a, err := l.known.Compile(ctx, p)
	for i := range maxNeighbours + 1 {
		if l.all {
			_, _ = p.Offer.Versions(ctx, fmt.Sprintf("more-%d", i))
		}
	}
	if l.asks != "" {
		_, _ = p.Offer.Versions(ctx, l.asks)
	}
	a.Via = l.via
	for name := range l.via { // what it leads to is part of the answer
		if offered, err := p.Offer.Versions(ctx, name); err == nil && a.Pins != nil && len(offered) == 1 {
			a.Pins[name] = offered[0].Version
		}
	}
	return a, err
}

// TestBeside: where uv sees a part lead to others, its answer counts beside the same; where it looks beyond the set only
// its answer to the whole counts.
func TestBeside(t *testing.T) {
	both := asking{world: shared, pins: "flask==2.2.0 werkzeug==2.2.0 idna==3.6 six==1.15 redis==4.0 async-timeout==4.0", change: func(p *Problem) { p.Wants = []string{"flask", "idna"} }}
	for name, c := range map[string]struct {
		via  map[string][]string
		asks string
	}{
		"linked":        {via: map[string][]string{"werkzeug": {"flask"}, "six": {"idna", "werkzeug"}}},
		"asks for more": {asks: "six"},
	} {
		v, e := NewVerdicts(), &linked{known: known{name: "uv"}, via: c.via, asks: c.asks}
		for i, other := range []struct {
			old, with string
			runs      int
		}{{"", "", 1}, {"", "", 1}, {" redis==4.0", "", 1}, {"six==1.15", "six==1.16", 2}, {"six==1.15", "six==1.16", 2}, {"", "", 3}} {
			one := both
			one.pins = strings.Replace(one.pins, other.old, other.with, 1)
			if s := one.solve(t, v, e); len(s.Moves) != 3 || e.runs != other.runs || v.order.Len() != 2 {
				t.Errorf("%s, %d: %d runs, %d remembered\n%s", name, i, e.runs, v.order.Len(), show(s))
			}
		}
	}
	v, e := NewVerdicts(), &linked{known: known{name: "uv"}, asks: "nowhere"}
	for i := range 2 {
		if s := both.solve(t, v, e); len(s.Moves) != 3 || e.runs != 2*i+2 || v.order.Len() != 0 || !strings.Contains(e.said[1], "six==1.15") {
			t.Errorf("beyond the set: %q, %d remembered\n%s", e.said, v.order.Len(), show(s))
		}
	}
	v, e = NewVerdicts(), &linked{known: known{name: "uv"}, all: true}
	for i := range maxNeighbours + 1 {
		both.world += fmt.Sprintf("more-%d 1.0\n", i)
		both.pins += fmt.Sprintf(" more-%d==1.0", i)
	}
	if s := both.solve(t, v, e); len(s.Moves) != 3 || e.runs != 1 || v.order.Len() != 0 {
		t.Errorf("too many: %d runs, %d remembered\n%s", e.runs, v.order.Len(), show(s))
	}
}

// TestPartsByUV has the real uv judge in parts, with a memory, and as a whole.
func TestPartsByUV(t *testing.T) {
	v, e := NewVerdicts(), realUV(t)
	one := asking{world: shared, pins: "flask==2.2.0 werkzeug==2.2.0 idna==3.6 six==1.15"}
	s := one.solve(t, v, e)
	if show(s) != moved || s.Runs != 1 || len(s.Args) == 0 {
		t.Errorf("%d runs, %q\n%s", s.Runs, s.Args, show(s))
	}
	args := s.Args
	one.pins = "flask==2.2.0 werkzeug==2.2.0 redis==4.0 async-timeout==4.0"
	if s := one.solve(t, v, e); show(s) != moved || s.Runs != 0 || !slices.Equal(s.Args, args) {
		t.Errorf("%d runs, %q\n%s", s.Runs, s.Args, show(s))
	}
	one.change = func(p *Problem) { p.Wants = append(p.Wants, "six") }
	one.pins += " six==1.15"
	if s := one.solve(t, v, e); len(s.Moves) != 3 || s.Runs != 1 {
		t.Errorf("%d runs\n%s", s.Runs, show(s))
	}
}

// TestPartsWhereUVReadsOtherwise: uv takes "python_full_version <= '3.11.0a6'" to hold on 3.11, so it is told what that
// means of final releases. A lock that was written on 3.11 has no tomli for it, and coverage moves. What uv still reads
// in its own way keeps back what it concerns, and nothing that has nothing to do with it.
func TestPartsWhereUVReadsOtherwise(t *testing.T) {
	const lock = `coverage 7.4.0 | tomli; python_full_version <= '3.11.0a6' and extra == 'toml'
		coverage 7.4.1 | tomli; python_full_version <= '3.11.0a6' and extra == 'toml'
		odd 1.0 | tomli; python_full_version == '3.11.0a6'
		odd 1.1 | tomli; python_full_version == '3.11.0a6'
		tomli 2.0
		idna 3.6
		idna 3.7`
	e := realUV(t)
	for _, c := range []struct{ pins, wants, want string }{
		{"coverage[toml]==7.4.0 idna==3.6", "idna", "idna 3.6 → 3.7\n"},
		{"coverage[toml]==7.4.0 idna==3.6", "coverage", "coverage 7.4.0 → 7.4.1\n"},
		{"odd==1.0 idna==3.6", "idna", "idna 3.6 → 3.7\n"},
		{"odd==1.0 idna==3.6", "odd", "odd error: uv and the metadata disagree: uv adds tomli, which nothing requires by the metadata\n"},
		{"coverage[toml]==7.4.0 idna==3.6 tomli==2.0", "coverage", "coverage 7.4.0 → 7.4.1\n"},
	} {
		w := newWorld(t, lock)
		s, err := Solve(t.Context(), Problem{Pins: w.pin(c.pins), Wants: []string{c.wants}, Complete: true, Env: linux}, w, e)
		if err != nil || show(s) != c.want {
			t.Errorf("%s of %s: %v\n%s", c.wants, c.pins, err, show(s))
		}
	}
}
