package validator

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/check"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/forge"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// A new plan takes the place of all changes of the old one, of those too that it says nothing new of: a finding in
// another package is enough. Who reviews a branch must not lose what they did for that. So a change that carries another
// on unchanged keeps its commit, and what the checks said of the very same artifact a short while ago counts for it, too.

// forerunner is the change whose commit the branch of another shows, because that one carries it on; false: there is
// none that was ever proposed.
func forerunner(st *events.State, c events.Change) (events.Change, bool) {
	for id := c.Change; ; {
		var before events.Change
		for _, o := range st.Changes {
			if o.SupersededBy == id && o.Branch == c.Branch && o.Sequence > before.Sequence && o.Sequence < c.Sequence {
				before = o
			}
		}
		if before.Change == "" || before.Proposed != nil {
			return before, before.Change != ""
		}
		id, c.Sequence = before.Change, before.Sequence
	}
}

// origin is the change that a commit was made for, of those that were proposed with it one after the other.
func origin(st *events.State, c events.Change) (events.Change, bool) {
	o, ok := forerunner(st, c)
	for before, more := o, ok; more; before, more = forerunner(st, o) {
		if before.Proposed.Commit != o.Proposed.Commit {
			break
		}
		o = before
	}
	return o, ok
}

// carriedOn reports whether a change carries on another, whatever lies between them.
func carriedOn(st *events.State, from, c string) bool {
	for n := 0; from != "" && n <= len(st.Changes); n++ {
		if from = st.Changes[from].SupersededBy; from == c {
			return true
		}
	}
	return false
}

// covers reports whether a proposed change moves all that another one moves: what arrives with it is all of that.
func covers(o, c events.Change) bool {
	return o.Phase == c.Phase && len(c.Updates) > 0 && !slices.ContainsFunc(c.Updates, func(u events.Update) bool { return !slices.Contains(o.Updates, u) })
}

// sameToReaders reports whether a reviewer would be told the same of two changes: the same files on the same commit, for
// the same reasons, until the same day, proved in the same way. Times and ids may differ, and what the change leaves alone.
func sameToReaders(a, b events.ChangeOpened, before, after *report.Validation) bool {
	steps := func(v *report.Validation) (out []string) {
		for _, st := range v.Steps {
			out = append(out, st.Name+" "+st.Status+" "+st.Command)
			if t := st.Tests; t != nil && st.Status != report.StepPassed {
				out = append(out, t.Before...)
			}
			out = append(out, chances(st.Flaky)...)
		}
		return out
	}
	complete := func(v *report.Validation) bool { return v.Rescan != nil && v.Rescan.Complete }
	return a.Phase == b.Phase && a.Class == b.Class && a.Branch == b.Branch && a.Deadline.Equal(b.Deadline) && a.DeadlineRule == b.DeadlineRule &&
		slices.Equal(a.Updates, b.Updates) && slices.Equal(a.Findings, b.Findings) &&
		before.Branch == after.Branch && before.Base == after.Base && before.Artifact == after.Artifact && before.Isolation == after.Isolation &&
		before.Merge == after.Merge && before.Approvals == after.Approvals && before.Phase == after.Phase && slices.Equal(before.NotRun, after.NotRun) &&
		slices.Equal(before.Manifests, after.Manifests) && slices.Equal(steps(before), steps(after)) && complete(before) == complete(after)
}

// standing is the change whose commit stays on the branch of another that carries it on unchanged; false: that one is to
// be proposed with a commit of its own.
func (s *Service) standing(ctx context.Context, f worker.Facts, c events.Change, repo forge.Forge) (events.Change, bool, error) {
	o, ok := origin(f.App, c)
	if !ok || c.Validated == nil || o.Proposed.Base != c.Validated.Base || o.Proposed.Artifact != c.Validated.Artifact {
		return o, false, nil
	}
	before, after := &report.Validation{}, &report.Validation{}
	if err := read(ctx, f.Evidence, o.Proposed.Validation, before); err != nil {
		return o, false, err
	}
	if err := read(ctx, f.Evidence, c.Validated.Validation, after); err != nil {
		return o, false, err
	}
	if !sameToReaders(o.ChangeOpened, c.ChangeOpened, before, after) {
		return o, false, nil
	}
	found, err := repo.Find(ctx, c.Branch, leaseOn(f.App.Branches[c.Branch], o.Proposed.Commit))
	return o, err == nil && found.State == forge.Ours && found.Tip == o.Proposed.Commit, err
}

// leaseOn is the lease of a branch with a commit as the one that was pushed last.
func leaseOn(b events.Branch, commit string) forge.Lease {
	l := forge.Lease{Seen: b.Seen}
	for _, x := range b.Commits {
		if x != commit {
			l.Commits = append(l.Commits, x)
		}
	}
	l.Commits = append(l.Commits, commit)
	return l
}

// stays records that a branch shows what it is to show: the commit of a change that this one carries on.
func (s *Service) stays(ctx context.Context, f worker.Facts, c events.Change, a application.Application, o events.Change, repo forge.Forge, p events.EffectIntended, refuse refusal) ([]events.Event, error) {
	base, err := repo.Base(ctx)
	if err == nil && (events.Base{Branch: base.Branch, Commit: base.Commit}) != p.Base {
		err = &forge.Error{Kind: forge.ErrBaseMoved, Doing: "propose " + c.Branch, Commit: base.Commit, Detail: fmt.Sprintf("%s shows %s, not %s", base.Branch, base.Commit, p.Base.Commit)}
	}
	if err != nil {
		return s.unproposed(ctx, f, c, a, err, []said{refuse("%s", err)})
	}
	return s.took(f, p, []said{
		{p.Effect, events.EffectDone{Effect: p.Effect, Kind: p.Kind, Change: p.Change, Result: string(forge.Unchanged),
			Detail: "it shows the commit of change " + o.Change + ", which this one carries on unchanged: nothing was written"}},
		{p.Commit, inherited(c, o, p.Validation)},
	})
}

// inherited is the proposal of a change that keeps the commit and the text of another.
func inherited(c, o events.Change, validation string) events.ChangeProposed {
	p := *o.Proposed
	p.Change, p.Validation, p.Outcome = c.Change, validation, string(forge.Unchanged)
	return p
}

// came says what it means that the commit of a forerunner arrived in the base before the change that carries it on was
// proposed itself. Where all of its updates came with it, it was merged. Else it is its forerunner whose work is there,
// and what is left is for the plan that follows the merge.
func came(o, c events.Change, m forge.Merge) []said {
	if covers(o, c) {
		c.Proposed = new(inherited(c, o, o.Proposed.Validation))
		return []said{{o.Proposed.Commit, *c.Proposed}, arrived(c, m)}
	}
	if o.Merged == nil {
		return []said{arrived(o, m)}
	}
	return nil
}

// proof is a check that passed, as it is kept for a change that carries this one on.
type proof struct {
	kept
	Change string    `json:"change"`
	At     time.Time `json:"at"`
}

// proofKey names all that decides how a check of the sealed artifact ends; "": it is not known.
func (w *work) proofKey(name string, c application.Check) string {
	var files []string
	all := slices.Clone(w.main.tests)
	if slices.ContainsFunc(all, isSource) {
		all = append(all, w.tools...)
	}
	for _, x := range all {
		files = append(files, x.File.Name+" "+x.File.Hashes["sha256"])
	}
	slices.Sort(files)
	key, err := json.Marshal([]any{"proof/v1", w.v.Application, w.v.Remote, w.app.Path, w.v.Artifact, files, w.python, name, c, w.dock.Level(), w.v.Inputs.Installer, w.s.cfg.Memory})
	if err != nil || w.v.Artifact == "" {
		return ""
	}
	return strings.TrimPrefix(digestOf(key), "sha256:")
}

// proved has a check of the sealed artifact run; or takes over what it said, moments ago, of the same artifact for a
// change that this one carries on. Only what passed is taken over.
func (w *work) proved(ctx context.Context, st *report.Step, name string, c application.Check) (check.Result, error) {
	key := w.proofKey(name, c)
	if p, ok := w.proof(key); ok {
		w.main.results[name] = p.Result
		st.Cached, st.From = true, p.Change
		return p.Result, nil
	}
	r, err := w.check(ctx, w.main, name, c)
	if err == nil && key != "" && r.OK() {
		err = w.store(key, proof{kept{Result: r, Log: r.Log}, w.v.Change, w.s.now().UTC().Truncate(time.Second)})
	}
	return r, err
}

// proof is what a key stands for; false: there is nothing that could be taken over.
func (w *work) proof(key string) (p proof, ok bool) {
	data, err := os.ReadFile(filepath.Join(w.baselines(), key+".json"))
	now := w.s.now()
	if key == "" || err != nil || json.Unmarshal(data, &p) != nil || !p.Result.OK() || p.At.After(now) || !now.Before(p.At.Add(provedFor)) || !carriedOn(w.facts.App, p.Change, w.v.Change) {
		return p, false
	}
	p.Result.Log = p.Log
	return p, true
}
