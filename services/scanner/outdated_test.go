package scanner

import (
	"context"
	"fmt"
	"testing"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

// shop is an index: a package without releases is unknown, a nil shop does not answer.
type shop map[string][]index.Release

func (s shop) Project(_ context.Context, name string) (*index.Project, error) {
	switch {
	case s == nil:
		return nil, fmt.Errorf("ask http://127.0.0.1:9/: %w", index.ErrUnreachable)
	case s[name] == nil:
		return nil, fmt.Errorf("%s: %w", name, index.ErrUnknownProject)
	}
	return &index.Project{Name: name, Releases: s[name]}, nil
}

func release(version string, change ...func(*index.Release)) index.Release {
	r := index.Release{Version: version, Files: []index.File{{Name: version}}, Released: ptr(epoch)}
	for _, c := range change {
		c(&r)
	}
	return r
}

func TestNewest(t *testing.T) {
	needs := func(python string) func(*index.Release) {
		return func(r *index.Release) { r.RequiresPython = python }
	}
	yanked := func(r *index.Release) { r.Yanked = true }
	empty := func(r *index.Release) { r.Files = nil }
	for _, c := range []struct {
		name, version, python, latest, compatible string
		releases                                  []index.Release
	}{
		{"newer major", "2.2.2", "3.11", "3.1.0", "2.3.3", []index.Release{release("2.2.2"), release("2.3.3"), release("3.1.0")}},
		{"newest already", "3.1.0", "3.11", "", "", []index.Release{release("2.3.3"), release("3.1.0")}},
		{"pre-releases, yanked and empty ones do not count", "1.0", "3.11", "1.1", "1.1", []index.Release{release("1.1"), release("1.2rc1"), release("1.3.dev1"), release("1.4", yanked), release("1.5", empty), release("not a version")}},
		{"interpreter too old", "1.0", "3.8", "1.2", "1.1", []index.Release{release("1.1", needs(">=3.8")), release("1.2", needs(">=3.9"))}},
		{"interpreter unknown", "1.0", "", "1.2", "1.2", []index.Release{release("1.2", needs(">=3.9"))}},
		{"no newer of this major", "1.0", "", "2.0", "", []index.Release{release("2.0")}},
		{"pin that can't be compared", "custom", "", "", "", []index.Release{release("2.0")}},
		{"pin with a local label", "1.0+cu1", "", "1.1", "1.1", []index.Release{release("1.1")}},
	} {
		row := newest(inventory.Package{Package: "x", Version: c.version}, &index.Project{Releases: c.releases}, c.python)
		if row == nil {
			row = &report.Outdated{}
		}
		if row.Latest != c.latest || row.LatestCompatible != c.compatible || (row.Released != nil) != (c.latest != "") {
			t.Errorf("%s: %+v", c.name, row)
		}
	}
}

func TestOutdatedMarksOnlyItself(t *testing.T) {
	dir := write(t, map[string]string{"requirements.txt": "flask==2.2.2\njinja2==3.0\nlocal @ https://x.test/l.whl\nx\n", ".python-version": "3.11"})
	full := shop{"flask": {release("2.3"), release("3.0")}, "jinja2": {release("3.0")}}
	for name, c := range map[string]struct {
		shop     index.Index
		rows     int
		troubles int
	}{"answers": {full, 1, 0}, "unknown package": {shop{"flask": full["flask"]}, 1, 1}, "does not answer": {shop(nil), 0, 1}, "none": {nil, 0, 1}} {
		t.Run(name, func(t *testing.T) {
			deps := Deps{}
			asked := ""
			if c.shop != nil {
				deps.Index = func(url string) index.Index { asked = url; return c.shop }
			}
			s := newService(t, Config{}, deps)
			r, _, err := s.Once(t.Context(), events.ScanRequested{Application: "a", Target: dir, Outdated: true, IndexURL: "http://127.0.0.1:9/simple"}, epoch)
			if err != nil {
				t.Fatal(err)
			}
			troubles := 0
			for _, i := range r.Incomplete {
				if i.Reason == inventory.IndexUnreachable {
					troubles++
				}
			}
			if len(r.Outdated) != c.rows || troubles != c.troubles || c.shop != nil && asked != "http://127.0.0.1:9/simple" {
				t.Errorf("%+v, %+v, asked %q", r.Outdated, r.Incomplete, asked)
			}
		})
	}
	w := newWorld(t, Config{})
	w.service.deps.Index = func(string) index.Index { return shop(nil) }
	out := w.handle(events.ScanRequested{Application: "app", Target: write(t, map[string]string{"requirements.txt": "x==1\n"}), Outdated: true}, "app")
	if done, r := w.completed(out); !done.Complete || r.ExitCode != 0 || len(r.Incomplete) != 1 {
		t.Errorf("an unreachable index marks more than outdated: %+v", r)
	}
}
