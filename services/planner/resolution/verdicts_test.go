package resolution

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/uv"
)

// known is an engine that says who it is. first is done in its first run, before it answers.
type known struct {
	name  string
	first func(ctx context.Context) error

	mu   sync.Mutex
	runs int
	said []string // the requirements of each run
}

func (k *known) Identity() string { return k.name }

func (k *known) Compile(ctx context.Context, p uv.Problem) (uv.Answer, error) {
	k.mu.Lock()
	k.runs++
	k.said = append(k.said, strings.Join(p.Requirements, " "))
	first := k.first
	k.first = nil
	k.mu.Unlock()
	if first != nil {
		if err := first(ctx); err != nil {
			return uv.Answer{}, err
		}
	}
	a, err := (&fake{}).Compile(ctx, p)
	a.Args = []string{"as", k.name}
	return a, err
}

const shared = `flask 2.2.0 | werkzeug>=2.2
flask 2.3.0 | werkzeug>=2.3
werkzeug 2.2.0
werkzeug 2.3.0
idna 3.6
idna 3.7
redis 4.0 | async-timeout>=4
async-timeout 4.0
six 1.15
six 1.16
`

// asking is one Solve: a world, the pins, and what is changed about the rest.
type asking struct {
	world, pins string
	change      func(*Problem)
}

func (a asking) solve(t *testing.T, v *Verdicts, e Engine) Solution {
	t.Helper()
	w := newWorld(t, a.world)
	p := Problem{Pins: w.pin(a.pins), Wants: []string{"flask"}, Complete: true, Env: linux, Verdicts: v, Limit: time.Minute}
	if a.change != nil {
		a.change(&p)
	}
	s, err := Solve(t.Context(), p, w, e)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const moved = "flask 2.2.0 → 2.3.0\nwerkzeug 2.2.0 → 2.3.0: flask 2.3.0 requires werkzeug>=2.3\n"

// TestRemembered: the same question is asked once, whatever stands beside what it is about; any other is asked.
func TestRemembered(t *testing.T) {
	base := asking{world: shared, pins: "flask==2.2.0 werkzeug==2.2.0 idna==3.6 redis==4.0 async-timeout==4.0"}
	replace := func(old, with string) string {
		if !strings.Contains(shared, old) {
			t.Fatalf("%q is not there", old)
		}
		return strings.Replace(shared, old, with, 1)
	}
	for name, c := range map[string]struct {
		asking
		engine string
		runs   int
	}{
		"the same":                     {base, "uv", 0},
		"other packages beside it":     {asking{world: shared, pins: "six==1.15 idna==3.7 werkzeug==2.2.0 flask==2.2.0"}, "uv", 0},
		"candidates that are not used": {asking{world: shared + "werkzeug 3.0.0\n", pins: base.pins}, "uv", 0},
		"one more that moves": {asking{world: shared, pins: base.pins, change: func(p *Problem) {
			p.Wants = append(p.Wants, "idna")
		}}, "uv", 1},
		"another engine":                         {base, "uv'", 1},
		"no engine that says who it is":          {base, "", 1},
		"another pin beside it that it requires": {asking{world: replace("flask 2.3.0 | werkzeug>=2.3", "flask 2.3.0 | werkzeug>=2.3 | six"), pins: base.pins + " six==1.15"}, "uv", 1},
		"another version":                        {asking{world: replace("werkzeug 2.3.0", "werkzeug 2.3.1"), pins: base.pins}, "uv", 1},
		"another requirement":                    {asking{world: replace("werkzeug>=2.3", "werkzeug>=2.2.1"), pins: base.pins}, "uv", 1},
		"another marker":                         {asking{world: replace("werkzeug 2.3.0", "werkzeug 2.3.0 | six; sys_platform == 'win32'"), pins: base.pins}, "uv", 1},
		"another Python for a candidate":         {asking{world: replace("werkzeug 2.3.0", "werkzeug 2.3.0 py>=3.8"), pins: base.pins}, "uv", 1},
		"an extra":                               {asking{world: shared, pins: strings.Replace(base.pins, "flask", "flask[async]", 1)}, "uv", 1},
		"another machine":                        {asking{world: shared, pins: base.pins, change: func(p *Problem) { p.Env.Machine = "aarch64" }}, "uv", 1},
		"another Python":                         {asking{world: shared, pins: base.pins, change: func(p *Problem) { p.Env.Python = "3.12" }}, "uv", 1},
		"another platform":                       {asking{world: shared, pins: base.pins, change: func(p *Problem) { p.Env.Platform = "darwin" }}, "uv", 1},
		"pins that are no full lock":             {asking{world: shared, pins: base.pins, change: func(p *Problem) { p.Complete = false }}, "uv", 1},
		"something without a pin": {asking{world: shared, pins: base.pins, change: func(p *Problem) {
			p.Floating = []pep508.Requirement{{Name: "six"}}
		}}, "uv", 1},
	} {
		t.Run(name, func(t *testing.T) {
			v := NewVerdicts()
			first := &known{name: "uv"}
			s := base.solve(t, v, first)
			if first.runs != 1 || s.Runs != 1 || show(s) != moved || first.said[0] != "flask==2.3.0 werkzeug==2.3.0" {
				t.Fatalf("%d runs, %q\n%s", first.runs, first.said, show(s))
			}
			e := &known{name: c.engine}
			s = c.solve(t, v, e)
			if e.runs != c.runs || s.Runs != c.runs || !strings.Contains(show(s), "flask 2.2.0 → 2.3.0") {
				t.Errorf("%d runs, want %d: %q\n%s", e.runs, c.runs, e.said, show(s))
			}
			if c.runs == 0 && strings.Join(s.Args, " ") != "as uv" {
				t.Errorf("remembered as judged with %q", s.Args)
			}
		})
	}
}

// TestOnlyWhatIsNew: what is known is left out of the run for the rest.
func TestOnlyWhatIsNew(t *testing.T) {
	v, e := NewVerdicts(), &known{name: "uv"}
	one := asking{world: shared, pins: "flask==2.2.0 werkzeug==2.2.0 idna==3.6"}
	one.solve(t, v, e)
	one.change = func(p *Problem) { p.Wants = append(p.Wants, "idna") }
	one.solve(t, v, e)
	if e.runs != 2 || e.said[1] != "idna==3.7" {
		t.Errorf("%q", e.said)
	}
}

// TestNotRemembered: an engine that gave no answer, or the answer that it does not hold, is asked again.
func TestNotRemembered(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		runs int // of the first: a part that does not hold may hold as a part of the whole
	}{
		"took too long": {uv.ErrTimeout, 1},
		"died":          {uv.ErrDied, 1},
		"no offer":      {fmt.Errorf("%w: the index is away", uv.ErrOffer), 1},
		"conflict":      {&uv.Conflict{Text: "no"}, 2},
	} {
		v, e := NewVerdicts(), &known{name: "uv", first: func(context.Context) error { return c.err }}
		one := asking{world: shared, pins: "flask==2.2.0 werkzeug==2.2.0 idna==3.6"}
		s := one.solve(t, v, e)
		if e.runs != c.runs || v.order.Len() != 0 || len(v.running) != 0 || c.runs == 1 && s.Blocked["flask"].Err == nil {
			t.Errorf("%s: %d runs, %d remembered, %d running\n%s", name, e.runs, v.order.Len(), len(v.running), show(s))
		}
		if s := one.solve(t, v, e); e.runs != c.runs+1 || show(s) != moved {
			t.Errorf("%s: then %d runs\n%s", name, e.runs, show(s))
		}
	}
}

// TestNotRememberedAfterPanic: nobody waits for a run that will never end.
func TestNotRememberedAfterPanic(t *testing.T) {
	v := NewVerdicts()
	one := asking{world: shared, pins: "flask==2.2.0 werkzeug==2.2.0"}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		one.solve(t, v, &known{name: "uv", first: func(context.Context) error { panic("of the engine") }})
	}()
	if s := one.solve(t, v, &known{name: "uv"}); show(s) != moved {
		t.Error(show(s))
	}
}

// TestAtOnce: of many who have the same question at once one asks, and those who have another don't wait for it.
func TestAtOnce(t *testing.T) {
	v, begun, goOn := NewVerdicts(), make(chan struct{}), make(chan struct{})
	e := &known{name: "uv", first: func(context.Context) error { close(begun); <-goOn; return nil }}
	one := asking{world: shared, pins: "flask==2.2.0 werkzeug==2.2.0 idna==3.6"}
	var wg sync.WaitGroup
	wg.Go(func() { one.solve(t, v, e) })
	<-begun
	for range 8 {
		wg.Go(func() {
			if s := one.solve(t, v, e); show(s) != moved {
				t.Error(show(s))
			}
		})
	}
	other := one
	other.change = func(p *Problem) { p.Wants = []string{"idna"} }
	if s := other.solve(t, v, e); show(s) != "idna 3.6 → 3.7\n" { // while the first still runs
		t.Error(show(s))
	}
	close(goOn)
	wg.Wait()
	if e.runs != 2 {
		t.Errorf("%d runs: %q", e.runs, e.said)
	}
}

// TestAtOnceFailed: where the one who asks gets no answer, the next one asks.
func TestAtOnceFailed(t *testing.T) {
	v, begun, goOn := NewVerdicts(), make(chan struct{}), make(chan struct{})
	e := &known{name: "uv", first: func(context.Context) error { close(begun); <-goOn; return uv.ErrTimeout }}
	one := asking{world: shared, pins: "flask==2.2.0 werkzeug==2.2.0"}
	var wg sync.WaitGroup
	wg.Go(func() {
		if s := one.solve(t, v, e); !errors.Is(s.Blocked["flask"].Err, ErrTime) {
			t.Error(show(s))
		}
	})
	<-begun
	for range 4 {
		wg.Go(func() {
			if s := one.solve(t, v, e); show(s) != moved {
				t.Error(show(s))
			}
		})
	}
	close(goOn)
	wg.Wait()
	if e.runs != 2 {
		t.Errorf("%d runs", e.runs)
	}
}

// TestAwaited: who waits for another waits no longer than for an answer of its own.
func TestAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, begun, goOn := NewVerdicts(), make(chan struct{}), make(chan struct{})
		e := &known{name: "uv", first: func(context.Context) error { close(begun); <-goOn; return nil }}
		one := asking{world: shared, pins: "flask==2.2.0 werkzeug==2.2.0"}
		var wg sync.WaitGroup
		wg.Go(func() { one.solve(t, v, e) })
		<-begun
		hasty := one
		hasty.change = func(p *Problem) { p.Limit = 2 * minRun }
		if s := hasty.solve(t, v, e); !errors.Is(s.Blocked["flask"].Err, ErrTime) {
			t.Error(show(s))
		}
		close(goOn)
		wg.Wait()
	})
}

// TestBounded: what was used last stays.
func TestBounded(t *testing.T) {
	v, e := remembering(2), &known{name: "uv"}
	ask := func(python string) {
		asking{world: shared, pins: "flask==2.2.0 werkzeug==2.2.0", change: func(p *Problem) { p.Env.Python = python }}.solve(t, v, e)
	}
	for _, c := range []struct {
		python string
		runs   int
	}{{"3.9", 1}, {"3.10", 2}, {"3.9", 2}, {"3.11", 3}, {"3.9", 3}, {"3.10", 4}} {
		ask(c.python)
		if e.runs != c.runs || v.order.Len() > 2 || len(v.known) != v.order.Len() {
			t.Fatalf("3.%s: %d runs, want %d; %d remembered", c.python, e.runs, c.runs, v.order.Len())
		}
	}
}

// TestBoundedBelowNeed: a memory too small for one question's parts still ends.
func TestBoundedBelowNeed(t *testing.T) {
	v, e := remembering(1), &known{name: "uv"}
	s := asking{world: shared, pins: "flask==2.2.0 werkzeug==2.2.0 idna==3.6", change: func(p *Problem) { p.Wants = []string{"flask", "idna"} }}.solve(t, v, e)
	if len(s.Moves) != 3 || e.runs != 1 || v.order.Len() != 1 {
		t.Errorf("%d runs\n%s", e.runs, show(s))
	}
}
