package resolution

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/pep508"
)

// show writes a solution as the tables have it.
func show(s Solution) string {
	var b strings.Builder
	for _, m := range s.Moves {
		fmt.Fprintf(&b, "%s %s → %s", m.Package, m.From, m.To)
		if m.Because != "" {
			fmt.Fprintf(&b, ": %s", m.Because)
		}
		b.WriteString("\n")
	}
	for _, name := range slices.Sorted(maps.Keys(s.Blocked)) {
		bl := s.Blocked[name]
		if bl.Err != nil {
			fmt.Fprintf(&b, "%s error: %v\n", name, bl.Err)
			continue
		}
		fmt.Fprintf(&b, "%s blocked: %s", name, strings.Join(bl.Chain, "; "))
		if bl.Unblock != "" {
			fmt.Fprintf(&b, "; free with %s", bl.Unblock)
		}
		b.WriteString("\n")
	}
	for _, t := range s.Bare {
		fmt.Fprintf(&b, "bare: %s\n", t.Text)
	}
	for _, t := range s.Broken {
		fmt.Fprintf(&b, "broken: %s\n", t)
	}
	for _, t := range s.Unknown {
		fmt.Fprintf(&b, "unknown: %s\n", t)
	}
	return b.String()
}

// shape is a situation as it comes up.
type shape struct {
	name, index, pins, wants, floating string
	partial                            bool // the pins are no full lock
	bounds                             map[string]Bound
	held                               map[string]string
	machine                            string // "any": not known
	runs                               int
	want                               string
}

func (sh shape) problem(t testing.TB) (*world, Problem) {
	w := newWorld(t, sh.index)
	p := Problem{Pins: w.pin(sh.pins), Wants: strings.Fields(sh.wants), Complete: !sh.partial, Env: linux}
	if sh.machine != "" {
		p.Env.Machine = strings.TrimPrefix(sh.machine, "any")
	}
	for i, pin := range p.Pins {
		if b, ok := sh.bounds[pin.Package]; ok {
			p.Pins[i].Allowed = []Bound{b}
		}
		p.Pins[i].Held = sh.held[pin.Package]
	}
	for f := range strings.FieldsSeq(sh.floating) {
		r, err := pep508.Parse(f)
		if err != nil {
			t.Fatal(err)
		}
		p.Floating = append(p.Floating, r)
	}
	return w, p
}

func TestShapes(t *testing.T) {
	t.Run("fake", func(t *testing.T) { testShapes(t, &fake{}) })
	t.Run("uv", func(t *testing.T) { testShapes(t, realUV(t)) })
}

func testShapes(t *testing.T, e Engine) {
	for _, sh := range slices.Concat(moving, blocking) {
		t.Run(sh.name, func(t *testing.T) {
			w, p := sh.problem(t)
			s, err := Solve(t.Context(), p, w, e)
			if err != nil {
				t.Fatal(err)
			}
			var want strings.Builder
			for line := range strings.Lines(sh.want) {
				if line = strings.TrimSpace(line); line != "" {
					want.WriteString(line + "\n")
				}
			}
			if got := show(s); got != want.String() {
				t.Errorf("got\n%swant\n%s", got, want.String())
			}
			if s.Runs != sh.runs {
				t.Errorf("%d runs of the engine, want %d", s.Runs, sh.runs)
			}
			trueChains(t, w, p, s)
		})
	}
}
