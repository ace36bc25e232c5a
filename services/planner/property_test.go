package planner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/report"
)

// Against brute force: of all releases above the pin that nothing hits and everything allows, the lowest.
func TestChoiceIsTheLowestSafeRelease(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(t, "releases")
		var lines []string
		want := ""
		at := rapid.IntRange(0, 12).Draw(t, "current")
		var ranges []string
		for i := range rapid.IntRange(1, 3).Draw(t, "advisories") {
			low := rapid.IntRange(0, 12).Draw(t, "introduced")
			ranges = append(ranges, fmt.Sprintf("CVE-%d >=1.%d,<1.%d low", i, low, low+rapid.IntRange(1, 6).Draw(t, "width")))
		}
		db := advisories{"lib": ranges}
		for i := range n {
			traits := rapid.SampledFrom([]string{"", "", "", "yanked", "py>=3.12", "py>=3.8"}).Draw(t, "traits")
			version := fmt.Sprintf("1.%d", i)
			if rapid.IntRange(0, 5).Draw(t, "pre") == 0 {
				version += "rc1"
			}
			lines = append(lines, version+" "+traits)
			hits, _ := db.Match(pypi, "lib", version)
			v, _ := pep440.Parse(version)
			from, _ := pep440.Parse(fmt.Sprintf("1.%d", at))
			fine := len(hits) == 0 && traits != "yanked" && traits != "py>=3.12" && !v.IsPrerelease() && v.Compare(from) > 0
			if fine && want == "" {
				want = version
			}
		}
		shelf := &shelf{releases: map[string][]string{"lib": lines}}
		project, err := shelf.Project(context.Background(), "lib")
		if err != nil {
			t.Skip("no releases")
		}
		j, err := judgePage(asked{Package: "lib", Version: fmt.Sprintf("1.%d", at)}, project, func(v string) ([]advisory.Hit, error) { return db.Match(pypi, "lib", v) }, wishes{Target: pep508.Environment{Python: "3.11"}})
		if err != nil {
			t.Fatal(err)
		}
		to := ""
		for _, c := range j.candidates {
			if len(c.seen(0, start).Whys) == 0 {
				to = c.Version
				break
			}
		}
		if to != want {
			t.Fatalf("from 1.%d among %q with %q: chose %q, want %q", at, lines, ranges, to, want)
		}
	})
}

// Every finding has exactly one outcome, whatever there is (I5), and one handled twice gives the same answer.
func TestEveryFindingIsAnsweredOnceAndTheSameAgain(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		db, releases := advisories{}, map[string][]string{}
		text := ""
		for i := range rapid.IntRange(1, 5).Draw(rt, "packages") {
			name := fmt.Sprintf("p%d", i)
			for j := range rapid.IntRange(0, 3).Draw(rt, "advisories") {
				db[name] = append(db[name], fmt.Sprintf("CVE-%d-%d <1.%d %s", i, j, rapid.IntRange(1, 9).Draw(rt, "fixed"), rapid.SampledFrom([]string{"low", "high", "critical", "unknown", "malicious"}).Draw(rt, "severity")))
			}
			if rapid.Bool().Draw(rt, "known to the index") {
				for v := range rapid.IntRange(0, 9).Draw(rt, "releases") {
					releases[name] = append(releases[name], fmt.Sprintf("1.%d %s", v, rapid.SampledFrom([]string{"", "yanked", "py>=3.12"}).Draw(rt, "traits")))
				}
			}
			text += name + rapid.SampledFrom([]string{"==1.0", "==1.3", ">=1", "", "==1.0 ; python_version < '3'"}).Draw(rt, "pin") + "\n"
		}
		w := newWorld(t, Config{Python: "3.11"}, db, releases)
		w.shelf.down = rapid.IntRange(0, 4).Draw(rt, "down") == 0
		e := w.scan(map[string]string{"requirements.txt": text})
		first, err := w.service.handle(t.Context(), e, w.facts(e.ID()))
		if err != nil {
			rt.Fatal(err)
		}
		again, err := w.service.handle(t.Context(), e, w.facts(e.ID()))
		if err != nil || len(again) != len(first) {
			rt.Fatalf("handled again: %d events, were %d (%v)", len(again), len(first), err)
		}
		for i := range first {
			if first[i].ID() != again[i].ID() || !bytes.Equal(first[i].Data(), again[i].Data()) {
				rt.Fatalf("handled again %s differs", first[i].Type())
			}
		}
		w.append(first...)
		p := w.document()
		seen := map[outcomeKey]int{}
		for _, o := range p.Outcomes {
			seen[keyOf(o)]++
			if o.Outcome == "" || o.Detail == "" {
				rt.Fatalf("an outcome without a word: %+v", o)
			}
		}
		var rep report.Scan
		data, _ := w.store.Get(t.Context(), evidenceOf(w))
		if err := json.Unmarshal(data, &rep); err != nil {
			rt.Fatal(err)
		}
		for _, f := range rep.Findings {
			if seen[outcomeKey{f.Package, f.Version, f.Source, f.Vulnerability}] != 1 {
				rt.Fatalf("%s of %s has %d outcomes", f.Vulnerability, f.Package, seen[outcomeKey{f.Package, f.Version, f.Source, f.Vulnerability}])
			}
		}
		if len(seen) != len(rep.Findings) {
			rt.Fatalf("%d outcomes for %d findings", len(seen), len(rep.Findings))
		}
	})
}

func evidenceOf(w *world) evidence.Digest {
	return evidence.Digest(w.state.Scans["/src/payments"].Scan.Report)
}
