package scanner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/report"
)

// outdated asks the index for newer releases of what is exactly pinned. What the index does not answer is
// reported and marks this part only.
func (s *Service) outdated(ctx context.Context, url string, inv *inventory.Inventory) ([]report.Outdated, []inventory.Incomplete) {
	pins := distinctPins(inv)
	if len(pins) == 0 {
		return nil, nil
	}
	if s.deps.Index == nil {
		return nil, []inventory.Incomplete{{Reason: inventory.IndexUnreachable, Ecosystem: "PyPI", Detail: "no index is configured; newer releases are not known"}}
	}
	idx := s.deps.Index(url)
	rows := make([]*report.Outdated, len(pins))
	errs := make([]error, len(pins))
	var wg sync.WaitGroup
	slots := make(chan struct{}, outdatedAtOnce)
	for i, p := range pins {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if ctx.Err() != nil {
				errs[i] = ctx.Err()
				return
			}
			project, err := idx.Project(ctx, p.Package)
			if err != nil {
				errs[i] = err
				return
			}
			rows[i] = newest(p, project, inv.Python)
		})
	}
	wg.Wait()
	var out []report.Outdated
	var trouble []inventory.Incomplete
	unreachable := 0
	for i, err := range errs {
		switch {
		case errors.Is(err, index.ErrUnknownProject):
			trouble = append(trouble, inventory.Incomplete{Reason: inventory.IndexUnreachable, Source: pins[i].Source, Line: pins[i].Line, Ecosystem: "PyPI",
				Detail: pins[i].Package + " is not known to the index"})
		case err != nil:
			if unreachable++; unreachable == 1 {
				trouble = append(trouble, inventory.Incomplete{Reason: inventory.IndexUnreachable, Ecosystem: "PyPI",
					Detail: cleanText(fmt.Sprintf("newer releases are not known: %v", err))})
			}
		case rows[i] != nil:
			out = append(out, *rows[i])
		}
	}
	return out, trouble
}

// distinctPins are the (package, version) pairs to ask about, by name.
func distinctPins(inv *inventory.Inventory) []inventory.Package {
	var out []inventory.Package
	seen := map[[2]string]bool{}
	for _, p := range inv.Packages {
		key := [2]string{p.Package, p.Version}
		if p.Pin == inventory.Exact && p.Ecosystem == "PyPI" && !seen[key] {
			seen[key] = true
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b inventory.Package) int { return cmp.Compare(a.Package, b.Package) })
	return out
}

// newest finds the newest release and the newest of the same major version that the interpreter can run;
// neither is yanked or a pre-release. nil: the pin is the newest, or its version can't be compared.
func newest(p inventory.Package, project *index.Project, python string) *report.Outdated {
	current, err := pep440.Parse(p.Version)
	if err != nil {
		return nil
	}
	row := report.Outdated{Package: p.Package, Ecosystem: p.Ecosystem, Current: p.Version}
	latest, compatible := current, current
	for _, r := range project.Releases {
		v, err := pep440.Parse(r.Version)
		if err != nil || r.Yanked || len(r.Files) == 0 || v.IsPrerelease() {
			continue
		}
		if v.Compare(latest) > 0 {
			latest, row.Latest, row.Released = v, r.Version, r.Released
		}
		if v.Compare(compatible) > 0 && pep440.Step(current, v) != pep440.Major && runs(r.RequiresPython, python) {
			compatible, row.LatestCompatible = v, r.Version
		}
	}
	if row.Latest == "" {
		return nil
	}
	return &row
}

// runs reports whether requires allows the interpreter; an unknown interpreter is held against nothing.
func runs(requires, python string) bool {
	if requires == "" || python == "" {
		return true
	}
	set, err := pep440.ParseSpecifiers(requires)
	v, e := pep440.Parse(python)
	if err != nil || e != nil {
		return true
	}
	return set.Contains(v, true)
}
