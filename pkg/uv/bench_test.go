package uv

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// environment makes n packages of some releases each, of which each but the first few requires three others,
// as in applications: the pins of all, and floors that move one in ten.
func environment(n int) Problem {
	s := &shop{stock: map[string]map[string]string{}}
	p := Problem{Preferences: map[string]string{}, Env: linux311, Offer: s}
	for i := range n {
		name := fmt.Sprintf("package-%d", i)
		s.stock[name] = map[string]string{}
		for release := range 12 {
			var lines strings.Builder
			for _, other := range []int{i / 2, i / 3, i / 5} {
				if other < i {
					fmt.Fprintf(&lines, "Requires-Dist: package-%d>=1.%d,<3\n", other, release/2)
				}
			}
			s.stock[name][fmt.Sprintf("1.%d", release)] = lines.String()
		}
		p.Requirements = append(p.Requirements, name+">=1.6")
		p.Preferences[name] = "1.6"
		if i%10 == 0 {
			p.Constraints = append(p.Constraints, name+">=1.8")
		}
	}
	return p
}

func BenchmarkCompile(b *testing.B) {
	tool := realTool(b)
	for _, n := range []int{1, 30, 200} {
		b.Run(fmt.Sprintf("pins=%d", n), func(b *testing.B) {
			p := environment(n)
			var cpu time.Duration
			for b.Loop() {
				a, err := tool.Compile(b.Context(), p)
				if err != nil || len(a.Pins) != n || a.Pins["package-0"] != "1.8" {
					b.Fatalf("%d pins, %v", len(a.Pins), err)
				}
				cpu += a.CPU
			}
			b.ReportMetric(float64(cpu.Milliseconds())/float64(b.N), "child-cpu-ms/op")
		})
	}
}

// BenchmarkFind is what a run pays for knowing that the program is the one it should be.
func BenchmarkFind(b *testing.B) {
	path := realTool(b).Path
	l := Locator{Path: path, Dir: b.TempDir()}
	b.Run("remembered", func(b *testing.B) {
		if _, err := l.Find(b.Context()); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := l.Find(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("anew", func(b *testing.B) {
		for b.Loop() {
			if err := os.RemoveAll(l.record(path)); err != nil {
				b.Fatal(err)
			}
			if _, err := l.Find(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
