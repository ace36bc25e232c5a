package planner

import (
	"context"
	"errors"
	"fmt"

	declared "github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/strictyaml"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// tighten lays the policy block of the repository's own file over the policy: that of the newest scan of the declared
// repository, at the commit that was read. What can't be read, or would loosen, does not count and makes the plan
// incomplete; the validator stops at it and says the same.
func (in *situation) tighten(ctx context.Context, f worker.Facts) error {
	var newest events.Scanned
	for _, sc := range f.App.Scans {
		if sc.Scan.Repository && sc.Sequence > newest.Sequence {
			newest = sc
		}
	}
	if newest.Scan.Own == "" {
		return nil
	}
	text, err := f.Evidence.Get(ctx, evidence.Digest(newest.Scan.Own))
	if err != nil {
		return storeError(fmt.Errorf("read %s of the repository: %w", declared.RepositoryFile, err))
	}
	own, err := declared.ParseRepository(declared.RepositoryFile, text)
	var problems []declared.Problem
	if e := (*strictyaml.Errors)(nil); errors.As(err, &e) {
		problems = e.Problems
	} else {
		served := in.Policy
		if in.Policy, problems = own.Tighten(served); in.Policy != served {
			in.Served = served.Digest()
		}
	}
	for _, p := range problems {
		in.Incomplete = append(in.Incomplete, inventory.Incomplete{Reason: inventory.Unparsed, Source: p.File, Line: p.Line,
			Detail: "the repository's policy does not count, and the server's does: " + p.Path + ": " + p.Message})
	}
	return nil
}
