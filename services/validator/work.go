package validator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/artifact"
	"github.com/drydock-dev/drydock/pkg/check"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/forge"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/isolation/dock"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/preflight"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/wheelhouse"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// work is one validation on its way.
type work struct {
	s      *Service
	facts  worker.Facts
	change events.Change
	app    application.Application
	plan   *report.Plan
	phases []report.Phase // up to that of the change
	v      *report.Validation

	dir string // everything temporary, locked while this lives

	repo   forge.Forge
	base   forge.Base
	tree   *forge.Tree
	eff    application.Effective
	dock   dock.Dock
	python artifact.Interpreter
	target pep508.Environment

	room    string                    // beside the artifacts: what is being built; empty once it is sealed
	main    *trial                    // the changed application
	before  *inventory.Inventory      // of the base
	updates []report.Update           // all that were applied
	plain   *trial                    // the unchanged application, where it was built
	known   map[string][]check.Result // runs of checks of the unchanged application, by name
	second  map[string]*check.Result  // of those: runs that are known from before, and were not asked for yet
	tools   []wheelhouse.Wanted       // what source distributions are built with; none: nothing needs them
	unmet   []quarrel                 // requirements that are not met without the change
	failed  error                     // of the installer, about the change
	asked   bool                      // unmet is known
	blamed  culprit                   // whether a variant fails as this change did
	until   time.Time                 // validator.limit ends
	doing   Progress                  // the step that is being done

	checkedHealth preflight.Result
	backupLog     string
}

// step is one thing to do: fn may set the step's status and detail; an error ends the validation.
type step struct {
	name string
	fn   func(*work, context.Context, *report.Step) error
}

// steps are those of a validation, in their order.
var steps = []step{
	{report.StepHealth, (*work).health},
	{report.StepBackup, (*work).backup},
	{report.StepCheckout, (*work).checkout},
	{report.StepRead, (*work).readBase},
	{report.StepManifests, (*work).manifests},
	{report.StepFetch, (*work).fetch},
	{report.StepInstall, (*work).install},
	{report.StepPipCheck, (*work).pipCheck},
	{report.StepSeal, (*work).seal},
	{report.StepRescan, (*work).rescan},
	{report.StepBaseline, (*work).baseline},
	{report.StepTests, (*work).tests},
	{report.StepSecurity, (*work).security},
	{report.StepSmoke, (*work).smoke},
	{report.StepVerify, (*work).verify},
}

// run validates a change and says what became of it. An error is a trouble that may go away by itself: nothing
// was decided, and nothing is left.
func (s *Service) run(ctx context.Context, f worker.Facts, c events.Change, a application.Application) (out []said, err error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	plan, _, err := planOf(ctx, f, c)
	if err != nil {
		return nil, err
	}
	w := &work{s: s, facts: f, change: c, app: a, plan: plan, known: map[string][]check.Result{}, second: map[string]*check.Result{}}
	w.v = &report.Validation{Schema: report.SchemaValidation, Tool: s.deps.Tool, Application: f.App.App, Change: c.Change, Plan: c.Plan, Phase: c.Phase,
		Started: s.now().UTC(), Updates: []report.Update{}, Earlier: []string{}, Manifests: []report.Manifest{}, Steps: []report.Step{}, Path: a.Path, Remote: s.deps.Remote(a)}
	at := slices.IndexFunc(plan.Phases, func(p report.Phase) bool { return p.Phase == c.Phase })
	if at < 0 {
		return nil, worker.Permanent(fmt.Errorf("change %s: its plan has no phase %s", c.Change, c.Phase))
	}
	w.phases = plan.Phases[:at+1]
	for _, p := range plan.Phases[:at] {
		w.v.Earlier = append(w.v.Earlier, p.Phase)
	}
	leave, err := w.enter()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, leave()) }()
	defer s.progress(ctx, f.App.App, c.Change, nil)
	w.until = time.Now().Add(s.cfg.Limit)
	limited, cancel := s.deps.Limited(ctx, s.cfg.Limit, errLimit)
	defer cancel()
	end, err := w.carryOut(limited)
	if err != nil {
		return nil, err
	}
	return w.conclude(ctx, end)
}

// carryOut does all steps. What comes before the checks ends it at once where it can't be done; of the checks, and
// the look at what was sealed after them, all are done: who mends the one wants to know of the others.
func (w *work) carryOut(ctx context.Context) (*halt, error) {
	checks := placeOf(report.StepBaseline)
	for i := range checks {
		if end, err := w.take(ctx, i); err != nil || end != nil {
			return end, err
		}
	}
	w.abreast(ctx)
	var all []ended
	for i := checks; i < len(steps); i++ {
		if ctx.Err() != nil && weigh(all).halt != nil && w.asideOf(steps[i].name) == nil {
			continue // it is decided, and nothing that is not begun yet is begun any more
		}
		e := ended{step: steps[i].name}
		if e.halt, e.err = w.take(ctx, i); e.err != nil && ctx.Err() != nil {
			return nil, e.err
		}
		all = append(all, e)
	}
	first := weigh(all)
	return first.halt, first.err
}

// placeOf is where a step stands among all.
func placeOf(name string) int {
	at := -1
	for i := range steps {
		if steps[i].name == name {
			at = i
		}
	}
	return at
}

var errLimit = errors.New("the validation took longer than validator.limit")

// take does one step. What the step can't do is decided by judge; what nobody foresaw is tried again some times.
func (w *work) take(ctx context.Context, i int) (*halt, error) {
	st := report.Step{Name: steps[i].name, Status: report.StepPassed, Started: w.s.now().UTC()}
	w.doing = Progress{Step: st.Name, N: i + 1, Of: len(steps), Since: st.Started, Worker: w.s.holder}
	w.s.progress(ctx, w.v.Application, w.v.Change, &w.doing)
	began := time.Now()
	err := steps[i].fn(w, ctx, &st)
	took := time.Since(began)
	if a := w.asideOf(st.Name); a != nil {
		st.Started, took = a.started, took+a.took
	}
	st.Seconds = seconds(took)
	w.crossed(st.Name)
	if err == nil {
		w.v.Steps = append(w.v.Steps, st)
		return nil, nil
	}
	h := judge(err)
	switch {
	case h != nil:
	case errors.Is(context.Cause(ctx), errLimit):
		if h, err = w.late(ctx, &st, err); err != nil {
			return nil, err
		}
	case ctx.Err() != nil:
		return nil, fmt.Errorf("validate change %s: %s: %w", w.v.Change, st.Name, context.Cause(ctx))
	case w.facts.Attempt < giveUp:
		return nil, fmt.Errorf("validate change %s: %s: %w", w.v.Change, st.Name, err)
	default:
		h = parked(events.ParkedFailed, "look at the reason; drydock update tries it again", "%s failed %d times: %s", st.Name, w.facts.Attempt, clean(err.Error()))
	}
	if st.Status == report.StepPassed {
		st.Status = report.StepStopped
		if h.result == report.Rejected {
			st.Status = report.StepFailed
		}
	}
	h.step = st.Name
	st.Detail = cmp.Or(st.Detail, clean(h.reason))
	w.v.Steps = append(w.v.Steps, st)
	return h, nil
}

// late is what becomes of a step that validator.limit ended. What it printed until then is kept: it says where it hung.
func (w *work) late(ctx context.Context, st *report.Step, err error) (*halt, error) {
	h := parked(events.ParkedFailed, "raise validator.limit, or make the checks faster", "%s was not done when validator.limit (%s) was over", st.Name, w.s.cfg.Limit)
	h.asks = true // others wait for their turn
	var c *cut
	if errors.As(err, &c) && st.Log == "" {
		if err := w.log(ctx, st, c.log); err != nil {
			return nil, err
		}
		h.reason += "; the last it printed: " + lastLine(c.log)
	}
	return h, nil
}

func (w *work) crossed(step string) {
	if w.s.deps.Crossed != nil {
		w.s.deps.Crossed(w.v.Change, step)
	}
}

// conclude keeps the document and makes what is to be said. A rejection is bisected first.
func (w *work) conclude(ctx context.Context, end *halt) ([]said, error) {
	v := w.v
	v.Result = report.Validated
	if end != nil {
		v.Result, v.Kind, v.Reason, v.Do = end.result, end.kind, clean(end.reason), clean(end.do)
	}
	if v.Result == report.Rejected {
		if end.blame != nil {
			w.blamed = end.blame
		}
		if err := w.blame(ctx, end); err != nil {
			return nil, err
		}
		if len(end.log) > 0 {
			d, err := w.facts.Evidence.Put(ctx, end.log)
			if err != nil {
				return nil, err
			}
			v.Log = string(d)
		}
	}
	if v.Result == report.Validated {
		if err := w.attest(ctx); err != nil {
			return nil, err
		}
		w.merger()
	}
	v.Seconds = seconds(w.s.now().Sub(v.Started))
	digest, err := keep(ctx, w.facts.Evidence, v)
	if err != nil {
		return nil, fmt.Errorf("keep the validation of change %s: %w", v.Change, err)
	}
	w.crossed("concluded")
	return w.tell(digest, end), nil
}

// merger leaves to a person what nobody could prove: with merge: automatic nobody reads the change.
func (w *work) merger() {
	if w.v.Merge != string(application.MergeAutomatic) {
		return
	}
	why := ""
	for _, st := range w.v.Steps {
		if st.Status == report.StepWarned {
			why = st.Name + " is warned of"
		}
	}
	if w.v.Tested == "" {
		why = "nothing was tested"
	}
	if why != "" {
		w.v.Merge = string(application.MergePerson)
		w.v.Notes = append(w.v.Notes, "merge: automatic does not count for it, a person merges: "+why)
	}
}

// tell is what the validation says to the log.
func (w *work) tell(validation string, end *halt) []said {
	v, base := w.v, events.Base{Branch: w.base.Branch, Commit: w.base.Commit}
	var out []said
	if v.Artifact != "" {
		out = append(out, said{v.Artifact, events.ArtifactSealed{Change: v.Change, Artifact: v.Artifact, Base: base, Files: v.Files, Bytes: v.Bytes,
			Interpreter: w.python.Version, Isolation: v.Isolation, Bill: v.Bill}})
	}
	switch v.Result {
	case report.Validated:
		p := events.ChangeValidated{Change: v.Change, Plan: v.Plan, Artifact: v.Artifact, Base: base, Validation: validation, Tests: v.Tested, Isolation: v.Isolation, Merge: v.Merge}
		for _, st := range v.Steps {
			if st.Status == report.StepWarned && st.Name != report.StepBaseline && st.Name != report.StepConfirm { // what it fails with, the tests say
				p.Warned = append(p.Warned, st.Name+": "+st.Detail)
			}
		}
		out = append(out, said{v.Change, p})
	case report.Rejected:
		p := events.ChangeRejected{Change: v.Change, Kind: v.Kind, Reason: v.Reason, Proved: v.Proved, Log: v.Log, Validation: validation,
			Failing: []events.Update{}, Until: w.facts.Now.Add(w.s.cfg.Rejection).UTC().Truncate(time.Second)}
		for _, u := range v.Failing {
			p.Failing = append(p.Failing, events.Update{Package: u.Package, Ecosystem: u.Ecosystem, From: u.From, To: u.To, Source: u.Source})
		}
		out = append(out, said{v.Change, p})
	default:
		c := w.change
		out = append(out, said{v.Change, events.ChangeParked{Change: v.Change, Kind: v.Kind, Reason: v.Reason, Do: v.Do, Step: end.step,
			Retry: retryAt(c.Parked, c.ParkedAt, w.facts.Now, end.asks), Validation: validation}})
	}
	return out
}

// enter makes the folder of this validation, and returns what removes it and all else that it left. The folder is
// locked while this process lives, so that another one can tell what a crash left (collect.go).
func (w *work) enter() (leave func() error, err error) {
	mine, err := artifact.Claim(w.s.workDir(), w.v.Change+"-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for change %s: %w", w.v.Change, err)
	}
	w.dir = mine.Dir
	return func() error {
		return errors.Join(w.s.artifacts.Leave(w.room), mine.Leave())
	}, nil
}

// folder is a new folder for something temporary.
func (w *work) folder(name string) (string, error) {
	dir := filepath.Join(w.dir, name)
	if err := artifact.Remove(dir); err != nil && !missing(err) {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o755)
}

func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }
