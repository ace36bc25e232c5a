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
// its neighbour in lockstep, and every tenth is wanted.
func large(n int) (*world, Problem) {
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
		if i%10 == 1 {
			p.Wants = append(p.Wants, name)
		}
	}
	return w, p
}

func BenchmarkSolve(b *testing.B) {
	for _, n := range []int{30, 200} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w, p := large(n)
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
