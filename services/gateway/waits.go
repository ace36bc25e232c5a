package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// dock is what is known of the surroundings of a change that is to be validated.
type dock struct {
	undeclared string // why its application has no repository; empty: it has one
	progress   *api.Progress
	holder     string        // who holds its lease
	workers    bool          // a validator has worked on this log
	ahead      int           // changes that wait to be validated or are at it, its own counted; 0: no message asks for any
	unseen     *api.Progress // why its branch can't be looked at, and since when; nil: it can
	now        time.Time
}

// dock gathers what waits asks for. A lease and a queue matter only to a change that nobody tells progress of.
func (s *Service) dock(ctx context.Context, st *events.State, c events.Change, p *api.Progress) (dock, error) {
	d := dock{progress: p, now: s.now()}
	if c.Stage() == events.StageProposed {
		seen := &api.Progress{}
		if data := s.value(ctx, "progress", st.App+".repository"); data != nil && json.Unmarshal(data, seen) == nil && seen.Detail != "" {
			d.unseen = seen
		}
	}
	if c.Stage() != events.StageOpened {
		return d, nil
	}
	if _, _, err := s.repository(st.App); err != nil {
		d.undeclared = err.Error()
	}
	if p != nil || d.undeclared != "" {
		return d, nil
	}
	var lease struct {
		Holder string `json:"holder"`
	}
	if data := s.value(ctx, "lease", "validator."+st.App+"."+c.Change); data != nil && json.Unmarshal(data, &lease) == nil {
		d.holder = cmp.Or(lease.Holder, "a validator")
		return d, nil
	}
	bus, err := s.deps.Bus.Status(ctx)
	asks := false
	for _, k := range bus.Consumers {
		if slices.Contains(s.deps.Validator, k.Name) {
			d.workers = true
			asks = asks || k.Pending > 0 || k.InFlight > 0
		}
	}
	if err == nil && asks {
		d.ahead, err = s.queued(ctx)
	}
	return d, err
}

// queued counts the changes that wait for the dock or are in it. Messages are more: those of changes that ended
// meanwhile, or whose application is not declared, are passed over when their turn comes.
func (s *Service) queued(ctx context.Context) (n int, err error) {
	for _, name := range s.deps.Folds.Apps() {
		if name == events.Org {
			continue
		}
		if _, _, err := s.repository(name); err != nil {
			continue
		}
		st, err := s.deps.Folds.App(ctx, name, 0)
		if err != nil {
			return 0, err
		}
		for _, c := range st.Changes {
			if c.Stage() == events.StageOpened {
				n++
			}
		}
	}
	return n, nil
}

// waits says what a change waits for, since when, and who can act: the first is what holds it. It is the pure part.
func waits(c events.Change, d dock) []api.Wait {
	switch c.Stage() {
	case events.StageOpened:
		return opened(c, d)
	case events.StageParked:
		return []api.Wait{parked(c)}
	case events.StageValidated:
		return []api.Wait{{Kind: api.WaitPush, What: "its branch " + c.Branch + " to be pushed", Since: at(c.ValidatedAt), Who: "Drydock",
			Do: "drydock status, where it takes longer than a minute"}}
	case events.StageProposed:
		p := c.Proposed
		merge := api.Wait{Kind: api.WaitMerge, What: fmt.Sprintf("somebody to merge %s (%s) into %s", p.Branch, short(p.Commit), p.Base.Branch), Since: at(c.ProposedAt),
			Who: "whoever may merge into " + p.Base.Branch, Do: "look at it: drydock change show " + c.Change}
		if u := d.unseen; u != nil {
			return []api.Wait{{Kind: api.WaitRepository, What: "its repository, which can't be looked at, so a merge is not seen: " + u.Detail, Since: u.Since,
				Who: "whoever gives access to the repository", Do: "mend what it names, or correct the application in applications.yaml; Drydock looks again by itself"}, merge}
		}
		return []api.Wait{merge}
	case events.StageMerged:
		return []api.Wait{{Kind: api.WaitDeployment, What: "deployment; staging and production are not Drydock's yet", Since: at(c.MergedAt),
			Who: "whoever deploys the application", Do: fmt.Sprintf("deploy %s, which holds commit %s", c.Merged.Base.Branch, short(c.Merged.Commit))}}
	case "rejected":
		return []api.Wait{rejected(c, d.now)}
	case "superseded":
		w := api.Wait{Kind: api.WaitPerson, What: "nothing: no update of it is needed any more", Since: at(c.EndedAt), Who: "nobody"}
		if c.SupersededBy != "" {
			w.What, w.Who, w.Do = "nothing: change "+c.SupersededBy+" carries it on", "Drydock", "drydock change why "+c.SupersededBy
		}
		return []api.Wait{w}
	}
	return []api.Wait{}
}

// opened is what a change waits for before it is validated.
func opened(c events.Change, d dock) []api.Wait {
	w := api.Wait{Since: at(c.Time), Who: "Drydock"}
	switch {
	case d.undeclared != "":
		w.Kind, w.What, w.Who = api.WaitRepository, "a repository to be checked out and proposed to: "+d.undeclared, "whoever runs Drydock"
		w.Do = "declare it; or apply the updates by hand, and the change ends with the next scan"
	case d.progress != nil:
		w.Kind, w.What, w.Since, w.Who = api.WaitStep, stepWords(d.progress), d.progress.Since, cmp.Or(d.progress.Worker, w.Who)
	case d.holder != "":
		w.Kind, w.What, w.Since, w.Who = api.WaitStep, "its validation, which has begun", nil, d.holder
	case !d.workers:
		w.Kind, w.What, w.Who = api.WaitWorker, "a validator: none has worked on this log", "whoever runs Drydock"
		w.Do = "start drydock up, with the role validator where roles are named"
	default:
		w.Kind, w.What = api.WaitQueue, "its turn in the dock: "+queueWords(d.ahead)
	}
	out := []api.Wait{w}
	if v := c.Voided; v != nil {
		out = append(out, api.Wait{Kind: api.WaitStep, What: "being validated anew: " + v.Reason, Who: "Drydock"})
	}
	return out
}

func stepWords(p *api.Progress) string {
	s := "its validation: " + p.Step
	if p.N > 0 && p.Of > 0 {
		s += fmt.Sprintf(", step %d of %d", p.N, p.Of)
	}
	if p.Detail != "" {
		s += ", " + p.Detail
	}
	return s
}

func queueWords(ahead int) string {
	switch ahead {
	case 0:
		return "nothing is queued, so it is looked at again within the hour"
	case 1:
		return "no other change is queued or under way"
	}
	return fmt.Sprintf("%d changes are queued or under way, this one counted", ahead)
}

func parked(c events.Change) api.Wait {
	p := c.Parked
	w := api.Wait{Kind: api.WaitPerson, What: "somebody to mend this: " + p.Reason, Since: at(c.ParkedAt), Who: "a person", Do: p.Do}
	switch p.Kind {
	case events.ParkedTouched:
		w.What, w.Who = "somebody to say what becomes of the branch: "+p.Reason, cmp.Or(p.By, "whoever pushed to the branch")
	case events.ParkedAccess:
		w.Who = "whoever gives access to the repository"
	case events.ParkedSetup, events.ParkedRoom:
		w.Who = "whoever runs Drydock or owns the application"
	}
	if !p.Retry.IsZero() {
		w.Kind, w.Until = api.WaitTime, at(p.Retry)
		w.What = "the next try, or " + w.What
		w.Who += "; else Drydock tries again by itself"
	}
	return w
}

func rejected(c events.Change, now time.Time) api.Wait {
	r := c.Rejected
	w := api.Wait{Kind: api.WaitPerson, What: "nothing, it has ended: " + r.Reason, Since: at(c.EndedAt), Who: "whoever can mend what failed",
		Do: "mend it, then drydock update, which forgets rejections and tries again"}
	if r.Kind == events.RejectedDeleted {
		w.Who, w.Do = cmp.Or(r.By, "whoever turned it down"), "drydock update offers it again, should it be wanted after all"
	}
	if now.Before(r.Until) {
		w.Until = at(r.Until)
	}
	return w
}

func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// short is a commit as people name it.
func short(commit string) string { return commit[:min(len(commit), 12)] }
