package validator

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/forge"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/services/validator/proposal"
)

// attend answers what is quick: a change that was validated is to be proposed, one that ended takes its branch
// away, a scan that was asked to try again takes up what is parked, and what is intended is done.
//
// An effect is intended by one event and carried out as the answer to it (design §5): between the two the facts are
// read again, so whatever came into the log before the intention stops it. Each method of a forge first looks
// whether its work is done, so a crash after it and before the answer is stored repeats nothing.
func (s *Service) attend(ctx context.Context, e events.Event, f worker.Facts) ([]events.Event, error) {
	row, _ := events.Lookup(e.Type())
	switch row.Name() {
	case "scan.completed":
		p, err := events.Decode[events.ScanCompleted](e)
		if err != nil || !p.PlanOptions.Again {
			return nil, permanent(err)
		}
		return s.resume(f)
	case "effect.intended":
		p, err := events.Decode[events.EffectIntended](e)
		if err != nil {
			return nil, permanent(err)
		}
		return s.act(ctx, f, p)
	}
	c, ok := f.App.Changes[events.Ext(e, events.ExtChange)]
	a, declared := s.application(f.App.App)
	switch {
	case !ok || !declared:
		return nil, nil
	case row.Name() == "change.validated":
		return s.intendProposal(ctx, f, c, a)
	}
	return s.intendClosing(f, c, a)
}

func permanent(err error) error {
	if err != nil {
		return worker.Permanent(err)
	}
	return nil
}

// resume takes up what is parked, because somebody asked, and what was opened when nobody could take it up: the
// application was not declared then. What is being validated just now is not disturbed by it (validate).
func (s *Service) resume(f worker.Facts) ([]events.Event, error) {
	if _, declared := s.application(f.App.App); !declared {
		return nil, nil
	}
	var out []events.Event
	for _, c := range f.App.OpenChanges() {
		stage := c.Stage()
		if stage == events.StageOpened && f.Now.Sub(c.Time) < settled {
			continue // its own event is on its way
		}
		if stage != events.StageOpened && stage != events.StageParked || c.Parked != nil && c.Parked.Kind == events.ParkedTouched {
			continue
		}
		e, err := f.New(c.Change, c.Change, events.ChangeResumed{Change: c.Change, Reason: "somebody asked for it"})
		if err != nil {
			return nil, worker.Permanent(err)
		}
		out = append(out, e)
	}
	return out, nil
}

// put is a proposal with what it is made from.
type put struct {
	repo forge.Forge
	p    forge.Proposal
	text string
	v    *report.Validation
}

// proposal makes the proposal of a validated change: a function of evidence, so that it is the same after a crash.
func (s *Service) proposal(ctx context.Context, f worker.Facts, c events.Change, a application.Application) (*put, error) {
	v := &report.Validation{}
	if err := read(ctx, f.Evidence, c.Validated.Validation, v); err != nil {
		return nil, err
	}
	plan, g, err := planOf(ctx, f, c)
	if err != nil {
		return nil, err
	}
	var scan report.Scan
	if err := read(ctx, f.Evidence, g.Scan, &scan); err != nil {
		return nil, err
	}
	facts := proposal.Facts{Change: c.ChangeOpened, Plan: plan, Findings: scan.Findings, Validation: v, Evidence: c.Validated.Validation, Approvals: v.Approvals, Merge: v.Merge}
	b := f.App.Branches[c.Branch]
	out := &put{v: v, text: proposal.Text(facts)}
	out.p = forge.Proposal{Branch: c.Branch, Base: v.Base, Message: proposal.Commit(facts), Author: s.author(), Date: proposal.Date(facts),
		Lease: forge.Lease{Commits: b.Commits, Seen: b.Seen}, Title: proposal.Title(facts), Text: out.text, Labels: []string{"drydock", c.Class}}
	for _, m := range v.Manifests {
		data, err := get(ctx, f.Evidence, m.After)
		if err != nil {
			return nil, err
		}
		out.p.Files = append(out.p.Files, forge.File{Path: m.Path, Data: data})
	}
	out.repo, err = s.deps.Forge(ctx, a)
	return out, err
}

func (s *Service) author() forge.Person { return forge.Person{Name: s.cfg.Author, Email: s.cfg.Email} }

// intendProposal says which commit the branch will show.
func (s *Service) intendProposal(ctx context.Context, f worker.Facts, c events.Change, a application.Application) ([]events.Event, error) {
	if c.Terminal != "" || c.Merged != nil || c.Validated == nil || c.Stage() == events.StageProposed {
		return nil, nil
	}
	made, err := s.proposal(ctx, f, c, a)
	var prepared forge.Prepared
	stands := false
	if err == nil {
		var o events.Change
		if o, stands, err = s.standing(ctx, f, c, made.repo); stands {
			prepared = forge.Prepared{Commit: o.Proposed.Commit, Changed: true}
		}
	}
	if err == nil && !stands {
		prepared, err = made.repo.Prepare(ctx, made.p)
	}
	switch {
	case err != nil:
		return s.unproposed(ctx, f, c, a, err, nil)
	case !prepared.Changed:
		return announce(f, c.Change, []said{s.park(f, c, parked(events.ParkedStale, "drydock update "+f.App.App+" scans and plans anew", "the base has the updates already"), "propose")})
	}
	n := s.proposing(c, a, prepared.Commit)
	if onItsWay(f.App, n.key, f.Now) {
		return nil, nil
	}
	return announce(f, c.Change, []said{n})
}

// proposing intends to have the branch of a change show a commit.
func (s *Service) proposing(c events.Change, a application.Application, commit string) said {
	id := events.EffectID(c.Change, events.EffectPropose, commit)
	return said{id, events.EffectIntended{Effect: id, Kind: events.EffectPropose, Change: c.Change, Target: s.deps.Remote(a), Branch: c.Branch,
		Commit: commit, Base: c.Validated.Base, Artifact: c.Validated.Artifact, Validation: c.Validated.Validation}}
}

// onItsWay says whether an effect is intended, and neither done nor refused yet.
func onItsWay(st *events.State, id string, now time.Time) bool {
	e := st.Effects[id]
	return e.Effect != "" && e.Outcome == "" && now.Before(e.Time.Add(rewake))
}

// park is a change.parked for something outside of a validation.
func (s *Service) park(f worker.Facts, c events.Change, h *halt, step string) said {
	p := events.ChangeParked{Change: c.Change, Kind: h.kind, Reason: clean(h.reason), Do: clean(h.do), Step: step, Retry: retryAt(c.Parked, c.ParkedAt, f.Now, h.asks)}
	if c.Validated != nil {
		p.Validation = c.Validated.Validation
	}
	return said{c.Change, p}
}

// intendClosing says that the branch of a change that ended is to go, unless a change that is still on its way uses
// it, somebody merged it, or it was never there.
func (s *Service) intendClosing(f worker.Facts, c events.Change, a application.Application) ([]events.Event, error) {
	b, ok := f.App.Branches[c.Branch]
	if !ok || !b.Seen || b.Closed || c.Terminal == "" || c.Rejected != nil && c.Rejected.Kind == events.RejectedDeleted {
		return nil, nil
	}
	for _, other := range f.App.Changes {
		if other.Branch == c.Branch && (other.Terminal == "" || other.Merged != nil) {
			return nil, nil
		}
	}
	tip := b.Commits[len(b.Commits)-1]
	id := events.EffectID(c.Change, events.EffectClose, tip)
	return announce(f, c.Change, []said{{id, events.EffectIntended{Effect: id, Kind: events.EffectClose, Change: c.Change, Target: s.deps.Remote(a), Branch: c.Branch,
		Commit: tip, Reason: clean(fmt.Sprintf("change %s was %s: %s", c.Change, c.Terminal, c.Reason))}}})
}

// act carries out what is intended, if the facts as they are now still say so.
func (s *Service) act(ctx context.Context, f worker.Facts, p events.EffectIntended) ([]events.Event, error) {
	known := f.App.Effects[p.Effect]
	if known.Outcome != "" {
		return nil, nil
	}
	// What took place stays so, whatever else came into the log before it could be said.
	if done, ok := s.seen.get(p.Effect); ok {
		return announceAll(f, append(slices.Clip(done), s.afterwards(f, p, done)...))
	}
	refuse := func(format string, args ...any) said {
		return said{p.Effect, events.EffectRefused{Effect: p.Effect, Kind: p.Kind, Change: p.Change, Reason: clean(fmt.Sprintf(format, args...))}}
	}
	c := f.App.Changes[p.Change]
	a, declared := s.application(f.App.App)
	if why := holds(c, p, declared && s.deps.Remote(a) == p.Target); why != "" {
		return s.unheld(ctx, f, c, a, p, declared, refuse("%s", why))
	}
	switch p.Kind {
	case events.EffectPropose:
		return s.propose(ctx, f, c, a, p, refuse)
	case events.EffectFastForward:
		return s.fastForward(ctx, f, c, a, p, refuse)
	case events.EffectClose:
		return s.closeBranch(ctx, f, a, p, known, refuse)
	}
	return announce(f, p.Change, []said{refuse("this Drydock does not know how to do %s", p.Kind)})
}

// took remembers what took place until it is in the log.
func (s *Service) took(f worker.Facts, p events.EffectIntended, done []said) ([]events.Event, error) {
	s.seen.put(p.Effect, done)
	return announce(f, p.Change, done)
}

// unheld says that an intention no longer holds; unless its deed was done by a process that died before it could say
// so: then that is what is recorded, and the branch goes again.
func (s *Service) unheld(ctx context.Context, f worker.Facts, c events.Change, a application.Application, p events.EffectIntended, declared bool, refused said) ([]events.Event, error) {
	if p.Kind == events.EffectClose || !declared || f.Attempt < 2 {
		return announce(f, p.Change, []said{refused})
	}
	repo, err := s.deps.Forge(ctx, a)
	if err != nil {
		return announce(f, p.Change, []said{refused})
	}
	if p.Kind == events.EffectFastForward {
		return s.unheldMerge(ctx, f, c, repo, p, refused)
	}
	b := f.App.Branches[p.Branch]
	found, err := repo.Find(ctx, p.Branch, forge.Lease{Commits: b.Commits, Seen: b.Seen})
	if err != nil && forge.Judge(err) == forge.Transient && f.Attempt < giveUp {
		return nil, fmt.Errorf("look whether %s was pushed: %w", p.Branch, err)
	}
	if err != nil || found.State != forge.Ours || found.Tip != p.Commit {
		return announce(f, p.Change, []said{refused})
	}
	out := []said{{p.Effect, events.EffectDone{Effect: p.Effect, Kind: p.Kind, Change: p.Change, Result: "unchanged", Detail: "it had been done when its process ended"}}}
	return announce(f, p.Change, append(out, goesAgain(f, c, p)...))
}

// unheldMerge is unheld for a merge of Drydock's own.
func (s *Service) unheldMerge(ctx context.Context, f worker.Facts, c events.Change, repo forge.Forge, p events.EffectIntended, refused said) ([]events.Event, error) {
	m, err := repo.Merged(ctx, p.Commit)
	if err != nil && forge.Judge(err) == forge.Transient && f.Attempt < giveUp {
		return nil, fmt.Errorf("look whether %s was merged: %w", p.Branch, err)
	}
	if err != nil || m.How != forge.Contained || m.By != p.Commit || c.Proposed == nil {
		return announce(f, p.Change, []said{refused})
	}
	done := []said{{p.Effect, events.EffectDone{Effect: p.Effect, Kind: p.Kind, Change: p.Change, Result: "merged", Detail: "it had been done when its process ended"}}, arrived(c, m)}
	return announceAll(f, append(done, s.afterwards(f, p, done)...))
}

// afterwards is what is to be said besides of an effect that took place, when its change had ended by the time this
// could be said: a branch that was pushed goes again; a merge is that of the change that carries it on, too.
func (s *Service) afterwards(f worker.Facts, p events.EffectIntended, done []said) []said {
	c := f.App.Changes[p.Change]
	out := goesAgain(f, c, p)
	for _, n := range done {
		m, ok := n.payload.(events.ChangeMerged)
		if !ok || c.Terminal == "" {
			continue
		}
		for _, o := range f.App.OpenChanges() {
			if o.Merged != nil || o.Proposed != nil && o.Proposed.Commit != m.Commit || o.Branch != c.Branch || !carriedOn(f.App, c.Change, o.Change) || !covers(c, o) {
				continue
			}
			if m.Change = o.Change; o.Proposed == nil {
				out = append(out, said{m.Commit + " " + o.Change, inherited(o, c, c.Proposed.Validation)})
			}
			out = append(out, said{m.Commit + " " + o.Change, m})
		}
	}
	return out
}

// goesAgain intends to take a branch away that was pushed for a change that had ended by the time this could be said:
// whoever told of the end knew of no branch then (intendClosing).
func goesAgain(f worker.Facts, c events.Change, p events.EffectIntended) []said {
	if p.Kind != events.EffectPropose || c.Terminal == "" {
		return nil
	}
	for _, other := range f.App.Changes {
		if other.Branch == p.Branch && (other.Terminal == "" || other.Merged != nil) {
			return nil
		}
	}
	id := events.EffectID(c.Change, events.EffectClose, p.Commit)
	return []said{{id, events.EffectIntended{Effect: id, Kind: events.EffectClose, Change: c.Change, Target: p.Target, Branch: p.Branch, Commit: p.Commit,
		Reason: clean(fmt.Sprintf("change %s was %s: %s", c.Change, c.Terminal, c.Reason))}}}
}

// holds says why an intention no longer holds; empty: it does.
func holds(c events.Change, p events.EffectIntended, sameTarget bool) string {
	switch {
	case !sameTarget:
		return "the application is no longer declared with that repository"
	case p.Kind == events.EffectClose && c.Terminal == "":
		return "the change has not ended"
	case p.Kind == events.EffectClose:
		return ""
	case c.Terminal != "":
		return "the change ended: it was " + c.Terminal
	case c.Merged != nil:
		return "it was merged"
	case c.Validated == nil || c.Validated.Artifact != p.Artifact:
		return "what was validated no longer counts"
	case p.Kind == events.EffectFastForward && c.Stage() != events.StageProposed:
		return "the change is not proposed as it is"
	}
	return ""
}

type refusal func(format string, args ...any) said

func (s *Service) propose(ctx context.Context, f worker.Facts, c events.Change, a application.Application, p events.EffectIntended, refuse refusal) ([]events.Event, error) {
	made, err := s.proposal(ctx, f, c, a)
	if err == nil {
		var o events.Change
		stands := false
		if o, stands, err = s.standing(ctx, f, c, made.repo); stands && o.Proposed.Commit == p.Commit {
			return s.stays(ctx, f, c, a, o, made.repo, p, refuse)
		}
	}
	if err == nil {
		var prepared forge.Prepared
		prepared, err = made.repo.Prepare(ctx, made.p)
		switch o, ok := origin(f.App, c); {
		case err != nil || prepared.Commit == p.Commit:
		case ok && o.Proposed.Commit == p.Commit: // it was to stay, and somebody did something to the branch
			return announce(f, c.Change, []said{refuse("%s no longer shows that commit", c.Branch), s.proposing(c, a, prepared.Commit)})
		default:
			return announce(f, c.Change, []said{refuse("the commit would be %s now, another than was intended", short(prepared.Commit)), s.park(f, c,
				parked(events.ParkedFailed, "it is tried again by itself", "the proposal changed between intention and deed: validator.author or the version of Drydock differs"), "propose")})
		}
	}
	var done forge.Proposed
	if err == nil {
		done, err = made.repo.Propose(ctx, made.p)
	}
	if err != nil {
		return s.unproposed(ctx, f, c, a, err, []said{refuse("%s", err)})
	}
	if done.Outcome == forge.Nothing {
		return announce(f, c.Change, []said{refuse("no file differs from the base"), s.park(f, c, parked(events.ParkedStale, "drydock update "+f.App.App, "the base has the updates already"), "propose")})
	}
	text, err := f.Evidence.Put(ctx, []byte(made.text))
	if err != nil {
		return nil, err
	}
	return s.took(f, p, []said{
		{p.Effect, events.EffectDone{Effect: p.Effect, Kind: p.Kind, Change: p.Change, Result: string(done.Outcome)}},
		{p.Commit, events.ChangeProposed{Change: c.Change, Branch: c.Branch, Commit: done.Commit, Base: p.Base, Artifact: p.Artifact, Validation: p.Validation,
			Text: string(text), Outcome: string(done.Outcome), URL: done.URL}},
	})
}

func (s *Service) fastForward(ctx context.Context, f worker.Facts, c events.Change, a application.Application, p events.EffectIntended, refuse refusal) ([]events.Event, error) {
	if a.Merge != application.MergeAutomatic || c.Validated.Merge != string(application.MergeAutomatic) {
		return announce(f, c.Change, []said{refuse("a person merges it now, says applications.yaml")})
	}
	repo, err := s.deps.Forge(ctx, a)
	var base forge.Base
	if err == nil {
		base, err = repo.Base(ctx)
	}
	if err == nil && base.Branch != p.Base.Branch {
		return announce(f, c.Change, []said{refuse("the base is %s now, and not %s", base.Branch, p.Base.Branch)})
	}
	var m forge.Merge
	if err == nil {
		m, err = repo.FastForward(ctx, p.Commit, p.Base.Commit)
	}
	if err != nil {
		return s.unproposed(ctx, f, c, a, err, []said{refuse("%s", err)})
	}
	return s.took(f, p, []said{
		{p.Effect, events.EffectDone{Effect: p.Effect, Kind: p.Kind, Change: p.Change, Result: "merged"}},
		arrived(c, m),
	})
}

func arrived(c events.Change, m forge.Merge) said {
	return said{c.Proposed.Commit, events.ChangeMerged{Change: c.Change, Commit: c.Proposed.Commit, Base: events.Base{Branch: c.Proposed.Base.Branch, Commit: m.Base},
		How: string(m.How), By: m.By, SameTree: m.SameTree, Artifact: c.Proposed.Artifact}}
}

func (s *Service) closeBranch(ctx context.Context, f worker.Facts, a application.Application, p events.EffectIntended, known events.Effect, refuse refusal) ([]events.Event, error) {
	repo, err := s.deps.Forge(ctx, a)
	if err != nil {
		return nil, err
	}
	b := f.App.Branches[p.Branch]
	done, err := repo.Close(ctx, forge.Closing{Branch: p.Branch, Lease: forge.Lease{Commits: b.Commits, Seen: b.Seen}, Reason: p.Reason, By: s.author(), Date: known.Time})
	switch {
	case err == nil:
	case forge.Judge(err) == forge.Transient && f.Attempt < giveUp:
		return nil, fmt.Errorf("close %s: %w", p.Branch, err)
	default:
		return announce(f, p.Change, []said{refuse("%s", err)})
	}
	result := "closed"
	if done.Already {
		result = "already"
	}
	return s.took(f, p, []said{{p.Effect, events.EffectDone{Effect: p.Effect, Kind: p.Kind, Change: p.Change, Result: result}}})
}
