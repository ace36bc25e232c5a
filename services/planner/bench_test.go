package planner

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/index"
)

// benchWorld is an application of 30 pins that all move, each over 100 releases of 20 files, just scanned.
func benchWorld(b *testing.B, dir string) (*world, events.Event) {
	b.Helper()
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
	w := newWorld(b, Config{Python: "3.11", Answers: dir}, db, releases)
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
	return w, w.scan(map[string]string{"requirements.txt": text.String()})
}

// BenchmarkPlan plans it from a scan that is at hand to the events: what the planner itself adds to a request.
func BenchmarkPlan(b *testing.B) {
	w, e := benchWorld(b, "")
	b.ReportAllocs()
	for b.Loop() {
		w.service.answers = newAnswers("")
		if evs, err := w.service.handle(b.Context(), e, w.facts(e.ID())); err != nil || len(evs) != 2 {
			b.Fatal(len(evs), err)
		}
	}
}

// BenchmarkRemembered plans it again: new is as by a program that has just started, same is with the plan in
// force, as by one that runs on.
func BenchmarkRemembered(b *testing.B) {
	for _, name := range []string{"new", "same"} {
		b.Run(name, func(b *testing.B) {
			w, e := benchWorld(b, b.TempDir())
			evs, err := w.service.handle(b.Context(), e, w.facts(e.ID()))
			if err != nil {
				b.Fatal(err)
			}
			if name == "same" {
				w.append(evs...)
			}
			runs := w.uv.runs
			b.ReportAllocs()
			for b.Loop() {
				if name == "new" {
					w.service.answers = newAnswers(w.service.answers.dir)
				}
				if _, err := w.service.handle(b.Context(), e, w.facts(e.ID())); err != nil {
					b.Fatal(err)
				}
			}
			if w.uv.runs != runs {
				b.Errorf("the resolver ran %d times", w.uv.runs-runs)
			}
		})
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

// Digest is asked first, as of the real one.
func (w warm) Digest(_ context.Context, name string) (string, bool) {
	return w.pages[name].Digest, true
}
