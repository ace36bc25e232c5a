package planner

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/index"
)

// BenchmarkPlan plans an application of 30 pins that all move, each over 100 releases of 20 files, from a
// scan that is at hand to the events: what the planner itself adds to a request.
func BenchmarkPlan(b *testing.B) {
	db, releases := advisories{}, map[string][]string{}
	var text strings.Builder
	for i := range 30 {
		name := fmt.Sprintf("package-%d", i)
		db[name] = []string{fmt.Sprintf("CVE-2026-%d <1.50 high", i)}
		for v := range 100 {
			releases[name] = append(releases[name], fmt.Sprintf("1.%d py>=3.8", v))
		}
		fmt.Fprintf(&text, "%s==1.40\n", name)
	}
	w := newWorld(b, Config{Python: "3.11"}, db, releases)
	pages := map[string]*index.Project{}
	for name := range releases {
		p, err := w.shelf.Project(b.Context(), name)
		if err != nil {
			b.Fatal(err)
		}
		for i := range p.Releases {
			for len(p.Releases[i].Files) < 20 {
				p.Releases[i].Files = append(p.Releases[i].Files, p.Releases[i].Files[0])
			}
		}
		pages[name] = p
	}
	w.service.deps.Index = func(string) index.Source { return warm{w.shelf, pages} }
	e := w.scan(map[string]string{"requirements.txt": text.String()})
	b.ReportAllocs()
	for b.Loop() {
		evs, err := w.service.handle(b.Context(), e, w.facts(e.ID()))
		if err != nil || len(evs) != 2 {
			b.Fatal(len(evs), err)
		}
	}
}

// warm is an index whose pages are all in memory.
type warm struct {
	*shelf
	pages map[string]*index.Project
}

func (w warm) Project(_ context.Context, name string) (*index.Project, error) {
	return w.pages[name], nil
}
