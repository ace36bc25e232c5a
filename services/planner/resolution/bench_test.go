package resolution

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/uv"
)

// nods is an engine that agrees: what is measured is the solver.
type nods struct{}

func (nods) Compile(_ context.Context, p uv.Problem) (uv.Answer, error) {
	a := uv.Answer{Pins: map[string]string{}}
	for _, r := range p.Requirements {
		name, version, _ := strings.Cut(r, "==")
		a.Pins[name] = version
	}
	for name, version := range p.Preferences {
		a.Pins[name] = version
	}
	return a, nil
}

// large is an index of n packages with 40 releases each; every package requires three others, every seventh follows
// its neighbour in lockstep, and one in so many is wanted.
func large(n, wanted int) (*world, Problem) {
	w := &world{rel: map[string][]published{}, pins: map[string]string{}, down: map[string]error{}}
	p := Problem{Complete: true, Env: linux}
	for i := range n {
		name := fmt.Sprintf("p%03d", i)
		for v := range 40 {
			r := published{version: fmt.Sprintf("%d.%d.%d", 1+v/20, v/5%4, v%5)}
			for k := 1; k <= 3; k++ {
				if other := i + k*k; other < n {
					q := fmt.Sprintf("p%03d>=1.0", other)
					if k == 1 && i%7 == 0 {
						q = fmt.Sprintf("p%03d==%s", other, r.version)
					}
					r.requires = append(r.requires, q+"; python_version >= '3.8'")
				}
			}
			w.rel[name] = append(w.rel[name], r)
		}
		w.pins[name] = "1.0.1"
		p.Pins = append(p.Pins, Pin{Package: name, Version: "1.0.1"})
		if i%wanted == 1 {
			p.Wants = append(p.Wants, name)
		}
	}
	return w, p
}

func BenchmarkSolve(b *testing.B) {
	for _, c := range []struct{ pins, wanted int }{{30, 10}, {200, 10}, {200, 2}} {
		b.Run(fmt.Sprintf("%d-pins/one-in-%d", c.pins, c.wanted), func(b *testing.B) {
			w, p := large(c.pins, c.wanted)
			b.ReportAllocs()
			for b.Loop() {
				s, err := Solve(b.Context(), p, w, nods{})
				if err != nil || len(s.Blocked) > 0 || len(s.Moves) < len(p.Wants) {
					b.Fatalf("%v %+v", err, s)
				}
				b.ReportMetric(float64(len(s.Moves)), "moves")
				b.ReportMetric(map[bool]float64{true: 1}[s.Exhaustive], "exhaustive")
			}
		})
	}
}

// hub is an index in which n wanted packages have a partner each in lockstep, and all partners ask for one package.
func hub(n int) (*world, Problem) {
	w := &world{rel: map[string][]published{}, pins: map[string]string{}, down: map[string]error{}}
	p := Problem{Complete: true, Env: linux}
	add := func(name string, requires func(v int, version string) []string) {
		for v := range 40 {
			version := fmt.Sprintf("%d.%d.%d", 1+v/20, v/5%4, v%5)
			w.rel[name] = append(w.rel[name], published{version: version, requires: requires(v, version)})
		}
		w.pins[name] = "1.0.1"
		p.Pins = append(p.Pins, Pin{Package: name, Version: "1.0.1"})
	}
	add("hub", func(int, string) []string { return nil })
	for i := range n {
		a, b := fmt.Sprintf("a%02d", i), fmt.Sprintf("b%02d", i)
		add(a, func(_ int, version string) []string { return []string{b + "==" + version} })
		add(b, func(v int, _ string) []string {
			if v < 2 {
				return []string{"hub"}
			}
			return []string{fmt.Sprintf("hub>=1.0.%d,<2.1", 2+(v+i)%3)}
		})
		p.Wants = append(p.Wants, a)
	}
	return w, p
}

// BenchmarkHub: what hangs together through one package has to be searched together.
func BenchmarkHub(b *testing.B) {
	for _, n := range []int{2, 5, 20} {
		b.Run(fmt.Sprintf("%d-moves", 2*n+1), func(b *testing.B) {
			w, p := hub(n)
			b.ReportAllocs()
			for b.Loop() {
				s, err := Solve(b.Context(), p, w, nods{})
				if err != nil || len(s.Moves) != 2*n+1 {
					b.Fatalf("%v\n%s", err, show(s))
				}
				b.ReportMetric(map[bool]float64{true: 1}[s.Exhaustive], "exhaustive")
			}
		})
	}
}
