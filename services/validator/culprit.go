package validator

import (
	"context"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/bisect"
	"github.com/drydock-dev/drydock/pkg/check"
)

// What follows says of a variant with some of the updates whether it fails as the change did.

// fails says whether a variant can't be installed, or does not go together, as the change. What fails otherwise, such as
// a package that the unchanged application can't install either, tells nothing.
func (w *work) fails(ctx context.Context, t *trial) (bisect.Outcome, error) {
	err := w.built(ctx, t)
	if err == nil {
		err = w.fits(ctx, t)
	}
	switch {
	case err == nil:
		return bisect.Passes, nil
	case alike(err, w.failed):
		return bisect.Fails, nil
	case installFailed(err):
		return bisect.Unresolved, nil
	}
	return outcome(err)
}

// failsAs says whether a check fails in a variant as it did in the change: one of the same tests fails, where single tests
// are told apart. Another one that fails is another matter, or chance.
func (w *work) failsAs(name string, c application.Check, steadily []string) culprit {
	return func(ctx context.Context, t *trial) (bisect.Outcome, error) {
		if err := w.built(ctx, t); err != nil {
			if installFailed(err) {
				return bisect.Unresolved, nil
			}
			return outcome(err)
		}
		r, err := w.check(ctx, t, name, c)
		if err != nil {
			return outcome(err)
		}
		return sameFault(w.known[name], r, steadily), nil
	}
}

// sameFault says whether a run fails as others did, of which these tests are known; none are: as a whole.
func sameFault(before []check.Result, r check.Result, tests []string) bisect.Outcome {
	all := true
	for _, name := range tests {
		fails, ran := check.Fails(r, name)
		if fails {
			return bisect.Fails
		}
		all = all && ran
	}
	switch v := check.JudgeAll(before, r).Status; {
	case v == check.VerdictPassed || v == check.VerdictWarned, len(tests) > 0 && all:
		return bisect.Passes
	case v == check.VerdictFailed && len(tests) == 0:
		return bisect.Fails
	}
	return bisect.Unresolved
}

// failsForTests says whether what the tests need can't be installed in a variant, as it could not in the change.
func (w *work) failsForTests(failed error) culprit {
	return func(ctx context.Context, t *trial) (bisect.Outcome, error) {
		err := w.built(ctx, t)
		if installFailed(err) {
			return bisect.Unresolved, nil
		}
		if err == nil {
			err = w.addTests(ctx, t)
		}
		switch {
		case err == nil:
			return bisect.Passes, nil
		case alike(err, failed):
			return bisect.Fails, nil
		case installFailed(err):
			return bisect.Unresolved, nil
		}
		return outcome(err)
	}
}
