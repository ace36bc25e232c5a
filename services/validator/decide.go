package validator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"
	"time"

	"github.com/drydock-dev/drydock/pkg/artifact"
	"github.com/drydock-dev/drydock/pkg/bisect"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/forge"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/isolation/dock"
	"github.com/drydock-dev/drydock/pkg/pybuild"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/uv"
)

// halt ends a validation: the change is rejected or parked.
type halt struct {
	result string // report.Rejected | report.Parked
	kind   string // of the event
	reason string
	do     string // of a parked change
	log    []byte
	asks   bool // only a person can mend it: it is not tried again by itself
	step   string
	blame  culprit // whether a variant fails in the same way; nil: as it is installed
	vague  string  // why no update can be told from another; empty: they can
	cause  error
}

// culprit says whether a variant fails as the change does.
type culprit func(context.Context, *trial) (bisect.Outcome, error)

func (h *halt) Error() string { return h.reason }
func (h *halt) Unwrap() error { return h.cause }

func parked(kind, do, format string, args ...any) *halt {
	return &halt{result: report.Parked, kind: kind, do: do, reason: fmt.Sprintf(format, args...)}
}

func rejected(kind, format string, args ...any) *halt {
	return &halt{result: report.Rejected, kind: kind, reason: fmt.Sprintf(format, args...)}
}

// judge turns the error of a step into what becomes of the change; nil: it may go away by itself, and the step is
// tried again. What nobody foresaw is transient, and parks the change after some tries.
func judge(err error) *halt {
	var h *halt
	var level *dock.LevelError
	var box *dock.Error
	var python *pybuild.MissingError
	var moved *forge.Error
	var build *pybuild.Error
	switch {
	case errors.As(err, &h):
		return h
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, forge.ErrDisk):
		return &halt{result: report.Parked, kind: events.ParkedRoom, reason: "no room is left on the disk: " + err.Error(), do: "make room where the dock works (validator.dir)", cause: err}
	case errors.As(err, &level):
		return &halt{result: report.Parked, kind: events.ParkedSetup, reason: level.Error(), asks: true, cause: err,
			do: "give this host that isolation (drydock isolation says how), or ask for less (isolation: in applications.yaml, or of the policy)"}
	case errors.As(err, &python):
		return &halt{result: report.Parked, kind: events.ParkedSetup, reason: python.Error(), asks: true, cause: err,
			do: "install that Python, or name one under validator.pythons"}
	case errors.Is(err, uv.ErrMissing), errors.Is(err, uv.ErrVersion):
		return &halt{result: report.Parked, kind: events.ParkedSetup, reason: err.Error(), do: "let the index answer, or name uv under uv.path", cause: err}
	case errors.As(err, &moved):
		return judgeForge(moved)
	case errors.Is(err, index.ErrMismatch), errors.Is(err, index.ErrUnverified):
		return &halt{result: report.Parked, kind: events.ParkedSetup, reason: err.Error(), do: "find out who changed the file on the index before anything else; then drydock update", asks: true, cause: err}
	case errors.Is(err, index.ErrGone), errors.Is(err, index.ErrUnknownProject):
		return &halt{result: report.Parked, kind: events.ParkedStale, reason: err.Error(), do: "drydock update plans anew with what the index has now", cause: err}
	case errors.As(err, &box):
		return judgeBox(box)
	case errors.As(err, &build):
		return judgeBuild(build)
	}
	return nil
}

// ended is how one of the checks of a change, or the look at what was sealed after them, came to its end: without
// either it did well.
type ended struct {
	step string
	halt *halt
	err  error // a trouble that may go away by itself
}

// weigh finds the one that decides. All are carried out, whatever the others say, and the order in which they ended
// makes no difference: that something changed what was sealed makes worthless what the rest says; then what rejects the
// change, since no other result could save it; then what parks it; then a trouble for which all is tried again; and of
// those that weigh the same the first in the order of the steps.
func weigh(all []ended) ended {
	if len(all) == 0 {
		return ended{}
	}
	rank := func(e ended) int {
		switch {
		case e.halt == nil && e.err == nil:
			return 4
		case e.halt == nil:
			return 3
		case e.halt.kind == events.RejectedChanged:
			return 0
		case e.halt.result == report.Rejected:
			return 1
		}
		return 2
	}
	return slices.MinFunc(all, func(a, b ended) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(placeOf(a.step), placeOf(b.step)))
	})
}

// judgeForge is judge for what a repository answers.
func judgeForge(e *forge.Error) *halt {
	if forge.Judge(e) == forge.Transient {
		return nil
	}
	bare := *e
	bare.Advice = "" // it stands in what is to be done
	h := &halt{result: report.Parked, kind: events.ParkedAccess, reason: bare.Error(), do: e.Advice, cause: e}
	switch e.Kind {
	case forge.ErrNoAccess, forge.ErrRefused, forge.ErrNotRepository:
	case forge.ErrBaseMoved, forge.ErrOvertaken:
		return nil // look again
	default:
		h.kind = events.ParkedSetup
	}
	if h.do == "" {
		h.do = "mend the repository or its address in applications.yaml, then drydock update"
	}
	return h
}

// judgeBox is judge for a box that did not run.
func judgeBox(e *dock.Error) *halt {
	switch e.Kind {
	case dock.Broken, dock.Unfinished, dock.Canceled:
		return nil
	}
	return &halt{result: report.Parked, kind: events.ParkedSetup, reason: e.Error(), do: "drydock isolation says what this host offers", cause: e}
}

// retryAt is when a parked change is tried again by itself: after a pause that doubles from time to time. What
// only a person can mend waits for one.
func retryAt(before *events.ChangeParked, parkedAt, now time.Time, asks bool) time.Time {
	if asks {
		return time.Time{}
	}
	pause := retryFirst
	if before != nil && !before.Retry.IsZero() {
		pause = min(max(retryFirst, 2*before.Retry.Sub(parkedAt)), retryMost)
	}
	return now.Add(pause).UTC().Truncate(time.Second)
}

// unforeseen are the findings of an installed environment that the change brings: those of releases it moved to.
// What else is left has its answer in the plan, or comes with the next scan.
func unforeseen(found []report.Finding, updates []report.Update) []report.Finding {
	var out []report.Finding
	for _, f := range found {
		if slices.ContainsFunc(updates, func(u report.Update) bool { return u.Package == f.Package && sameVersion(u.To, f.Version) }) {
			out = append(out, f)
		}
	}
	return out
}

// sealedError is an artifact that is not what was sealed.
func sealedError(err error) bool {
	return errors.Is(err, artifact.ErrChanged) || errors.Is(err, artifact.ErrManifest)
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// installFailed reports whether the environment itself is at fault: uv refuses it, or it lacks what it requires.
func installFailed(err error) bool {
	var e *pybuild.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Kind {
	case pybuild.Install, pybuild.Unmet, pybuild.Escapes, pybuild.BadWheel, pybuild.SourceBuild:
		return true
	}
	return false
}

// judgeBuild is judge for what kept an environment from being built.
func judgeBuild(e *pybuild.Error) *halt {
	switch {
	case installFailed(e):
		return &halt{result: report.Rejected, kind: events.RejectedInstall, reason: e.Error(), cause: e}
	case e.Kind == pybuild.Fetch:
		return nil // what it wraps was asked before
	case e.Kind == pybuild.Full:
		return &halt{result: report.Parked, kind: events.ParkedRoom, reason: e.Error(), do: "raise validator.disk", asks: true, cause: e}
	case e.Kind == pybuild.OutOfMemory:
		return &halt{result: report.Parked, kind: events.ParkedRoom, reason: e.Error(), do: "raise validator.memory", asks: true, cause: e}
	case e.Kind == pybuild.Box, e.Kind == pybuild.OutOfTime:
		return nil
	}
	return &halt{result: report.Parked, kind: events.ParkedSetup, reason: e.Error(), do: "look at the reason, then drydock update", asks: true, cause: e}
}
