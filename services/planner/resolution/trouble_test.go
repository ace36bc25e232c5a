package resolution

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/uv"
	"pgregory.net/rapid"
)

const pair = `
	flask 2.2.0 | werkzeug>=2.2
	flask 2.3.0 | werkzeug>=2.3
	werkzeug 2.2.0
	werkzeug 2.3.0
	idna 3.6
	idna 3.7`

func pairProblem(t testing.TB) (*world, Problem) {
	w := newWorld(t, pair)
	return w, Problem{Pins: w.pin("flask==2.2.0 werkzeug==2.2.0 idna==3.6"), Wants: []string{"flask", "idna"}, Complete: true, Env: linux}
}

// TestIndexDown: what needs the package that the index does not answer for is an error; the rest goes on.
func TestIndexDown(t *testing.T) {
	down := fmt.Errorf("werkzeug: %w", index.ErrUnreachable)
	for _, at := range []string{"werkzeug", "werkzeug 2.3.0", "flask 2.3.0", "flask"} {
		t.Run(at, func(t *testing.T) {
			w, p := pairProblem(t)
			w.down[at] = down
			s, err := Solve(t.Context(), p, w, &fake{})
			if err != nil {
				t.Fatal(err)
			}
			if got := show(s); !strings.HasPrefix(got, "idna 3.6 → 3.7\nflask error: ") || !errors.Is(s.Blocked["flask"].Err, index.ErrUnreachable) {
				t.Error(got)
			}
		})
	}
}

// TestPinUnread: a pin whose metadata the index does not give now stays, and is told.
func TestPinUnread(t *testing.T) {
	w, p := pairProblem(t)
	w.down["werkzeug 2.2.0"] = index.ErrUnreachable
	s, err := Solve(t.Context(), p, w, &fake{})
	if err != nil {
		t.Fatal(err)
	}
	if got := show(s); !strings.HasPrefix(got, "idna 3.6 → 3.7\nflask error: ") || !strings.Contains(got, "unknown: werkzeug 2.2.0: ") {
		t.Error(got)
	}
}

// TestEngineErrors: without uv's verdict nothing is planned.
func TestEngineErrors(t *testing.T) {
	for _, e := range []error{uv.ErrTimeout, uv.ErrDied, uv.ErrMissing, fmt.Errorf("%w: %w", uv.ErrOffer, index.ErrUnreachable), &uv.Conflict{Text: "because"}} {
		w, p := pairProblem(t)
		s, err := Solve(t.Context(), p, w, &fake{err: e})
		if err != nil {
			t.Fatal(err)
		}
		var conflict *uv.Conflict
		for _, name := range p.Wants {
			got := s.Blocked[name].Err
			if errors.As(e, &conflict) && !errors.Is(got, ErrDisagree) || !errors.As(e, &conflict) && !errors.Is(got, e) {
				t.Errorf("%v: %s: %v", e, name, got)
			}
		}
		if len(s.Moves) > 0 {
			t.Errorf("%v: %s", e, show(s))
		}
	}
}

// liar resolves, and then has its own idea of flask.
type liar struct {
	fake
	change func(pins map[string]string)
}

func (l *liar) Compile(ctx context.Context, p uv.Problem) (uv.Answer, error) {
	a, err := l.fake.Compile(ctx, p)
	if a.Pins["flask"] == "2.3.0" {
		l.change(a.Pins)
	}
	return a, err
}

// TestDisagree: an answer of uv's that is not the set it was asked about is an error of what it is about, and of that
// only.
func TestDisagree(t *testing.T) {
	for name, change := range map[string]func(map[string]string){
		"another version": func(pins map[string]string) { pins["werkzeug"] = "2.2.0" },
		"one less":        func(pins map[string]string) { delete(pins, "werkzeug") },
		"one more":        func(pins map[string]string) { pins["more"] = "1.0" },
	} {
		w, p := pairProblem(t)
		s, err := Solve(t.Context(), p, w, &liar{change: change})
		if err != nil || !errors.Is(s.Blocked["flask"].Err, ErrDisagree) || !strings.HasPrefix(show(s), "idna 3.6 → 3.7\nflask error: ") || s.Exhaustive {
			t.Errorf("%s: %v\n%s", name, err, show(s))
		}
	}
}

// slow answers once its context ends.
type slow struct{ *world }

func (s slow) Candidates(ctx context.Context, name string) ([]Candidate, error) {
	if name == "werkzeug" {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.world.Candidates(ctx, name)
}

// TestTime: what hangs is an error, what does not need it is settled.
func TestTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where the time passes only while all wait, what is settled is settled in time
		w, p := pairProblem(t)
		p.Limit = time.Minute
		s, err := Solve(t.Context(), p, slow{w}, &fake{})
		if err != nil {
			t.Fatal(err)
		}
		if got := show(s); !errors.Is(s.Blocked["flask"].Err, ErrTime) || !strings.HasPrefix(got, "idna 3.6 → 3.7\n") {
			t.Error(got)
		}
	})
	w, p := pairProblem(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Solve(ctx, p, w, &fake{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who gave up is told %v", err)
	}
}

func TestBadProblems(t *testing.T) {
	w := newWorld(t, pair)
	for text, p := range map[string]Problem{
		"flask is pinned twice":               {Pins: []Pin{{Package: "flask", Version: "2.2.0"}, {Package: "Flask", Version: "2.3.0"}}},
		"read the pin of flask":               {Pins: []Pin{{Package: "flask", Version: "latest"}}},
		"read what setup.py:1 allows of idna": {Pins: []Pin{{Package: "idna", Version: "3.6", Allowed: []Bound{{"about 3", "setup.py:1"}}}}},
	} {
		if _, err := Solve(t.Context(), p, w, &fake{}); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, want %s", err, text)
		}
	}
}

// TestOddMetadata: a release whose metadata are of no use is passed over, and a pin's told.
func TestOddMetadata(t *testing.T) {
	w := newWorld(t, `
		app 1.0 | six@https://example.test/six.whl
		app 1.1 | six@https://example.test/six.whl
		app 1.2 | six>>1
		app 1.3 ?
		app 1.4
		six 1.16.0`)
	p := Problem{Pins: w.pin("app==1.0 six==1.16.0"), Wants: []string{"app"}, Complete: true, Env: linux}
	for _, e := range []Engine{&fake{}, realUV(t)} {
		for _, l := range []limits{usual, {reads: maxReads}} { // found by the search, and by uv
			s, err := solve(t.Context(), p, w, e, l)
			want := "app 1.0 → 1.4\nunknown: app 1.0: requires six from an address of its own\n"
			if got := show(s); err != nil || got != want {
				t.Errorf("%v\n%s", err, got)
			}
		}
	}
}

// TestOrder: the order of the pins and of the candidates changes nothing.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, p := drawWorld(t, rapid.Bool().Draw(t, "complete"))
		a, errA := Solve(t.Context(), p, w, &fake{})
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		rng.Shuffle(len(p.Pins), func(i, j int) { p.Pins[i], p.Pins[j] = p.Pins[j], p.Pins[i] })
		b, errB := Solve(t.Context(), p, w, &fake{})
		if errA != nil || errB != nil || !reflect.DeepEqual(a, b) {
			t.Fatalf("%v %v\n%+v\n%+v\n%s", errA, errB, a, b, w.draw())
		}
	})
}
