package validator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// said is an event before it is made.
type said struct {
	key     string
	payload any
}

// validate answers change.opened, change.resumed and artifact.voided: the change is validated, or, where its
// artifact still counts, proposed. Of two workers that got the same change the one without the lease waits for as long
// as one that died would keep it, because a message that comes again has no other to answer it. A holder that lives
// has a message of its own; should that one be lost, timers asks again.
func (s *Service) validate(ctx context.Context, e events.Event, f worker.Facts) ([]events.Event, error) {
	id := events.Ext(e, events.ExtChange)
	// plan.generated closes the batch in which change.opened stands. The facts may end between the two, most often
	// before the first change of a plan, which is the most urgent one.
	if c, ok := f.App.Changes[id]; ok && f.App.Plans[c.Plan].Plan == "" {
		var err error
		if f, err = s.anew(ctx, f); err != nil {
			return nil, err
		}
	}
	c, ok := f.App.Changes[id]
	if !ok || c.Terminal != "" || c.Merged != nil || c.Stage() == events.StageProposed {
		return nil, nil
	}
	if row, _ := events.Lookup(e.Type()); c.Parked != nil && row.Name() != "artifact.voided" {
		return nil, nil // it was told meanwhile, by whoever had it when this came
	}
	a, ok := s.application(f.App.App)
	if !ok {
		return nil, nil // timers asks again, and `change why` says so
	}
	if c.Validated != nil {
		return s.intendProposal(ctx, f, c, a)
	}
	done, ok := s.seen.get(e.ID())
	if !ok {
		lease, waited, err := s.takeUp(ctx, "validator."+f.App.App+"."+c.Change)
		if errors.Is(err, worker.ErrHeld) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		held, stop := lease.Hold(ctx)
		defer stop()
		if waited { // for somebody who may have answered it
			if f, err = s.anew(ctx, f); err != nil {
				return nil, err
			}
			if f.App.Changes[c.Change].Stage() != c.Stage() {
				return nil, nil
			}
		}
		if done, err = s.run(held, f, c, a); err != nil {
			return nil, err
		}
		s.seen.put(e.ID(), done)
	}
	return announce(f, c.Change, done)
}

// takeUp takes a lease. One that another has is waited for until it would have ended, had he died; then the error
// wraps worker.ErrHeld. It counts its looks, not the time: where this host stands still for a while (asleep, or busy
// with something else), a store in the same process does so, too, and has ended nothing.
func (s *Service) takeUp(ctx context.Context, key string) (lease *worker.Lease, waited bool, err error) {
	kv, err := s.deps.Bus.KV("lease")
	if err != nil {
		return nil, false, err
	}
	for left := s.deps.Lease + leaseSlack; ; waited, left = true, left-leaseLook {
		lease, err = worker.Acquire(ctx, kv, key, s.holder, s.deps.Lease)
		if !errors.Is(err, worker.ErrHeld) || left <= 0 {
			return lease, waited, err
		}
		select {
		case <-ctx.Done():
			return nil, waited, context.Cause(ctx)
		case <-time.After(leaseLook):
		}
	}
}

// anew are the facts as they are now.
func (s *Service) anew(ctx context.Context, f worker.Facts) (worker.Facts, error) {
	at, err := s.deps.Bus.LastSequence(ctx, f.App.App)
	if err == nil {
		f.App, err = s.deps.Folds.App(ctx, f.App.App, at)
	}
	return f, err
}

// announce turns what is to be said of a change into events.
func announce(f worker.Facts, change string, all []said) ([]events.Event, error) {
	out := make([]events.Event, len(all))
	for i, n := range all {
		e, err := f.New(n.key, change, n.payload)
		if err != nil {
			return nil, worker.Permanent(fmt.Errorf("change %s: %w", change, err))
		}
		out[i] = e
	}
	return out, nil
}

// announceAll is announce for payloads of several changes.
func announceAll(f worker.Facts, all []said) ([]events.Event, error) {
	var out []events.Event
	for _, n := range all {
		change := about(n.payload)
		if change == "" {
			return nil, worker.Permanent(fmt.Errorf("%T does not say which change it speaks of", n.payload))
		}
		e, err := announce(f, change, []said{n})
		if err != nil {
			return nil, err
		}
		out = append(out, e...)
	}
	return out, nil
}

// about is the change that a payload of the validator speaks of.
func about(payload any) string {
	switch p := payload.(type) {
	case events.EffectDone:
		return p.Change
	case events.EffectRefused:
		return p.Change
	case events.EffectIntended:
		return p.Change
	case events.ChangeProposed:
		return p.Change
	case events.ChangeMerged:
		return p.Change
	case events.ChangeParked:
		return p.Change
	case events.ChangeRejected:
		return p.Change
	case events.ChangeResumed:
		return p.Change
	case events.ArtifactVoided:
		return p.Change
	}
	return ""
}

// memory keeps what validations said until it is in the log: somebody else's append in the meantime makes the
// runner decide again, and that must not build everything again.
type memory struct {
	mu    sync.Mutex
	said  map[string][]said
	order []string
}

// remembered bounds the memory; only what was decided moments ago is ever asked for.
const remembered = 32

func (m *memory) get(cause string) ([]said, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all, ok := m.said[cause]
	return all, ok
}

func (m *memory) put(cause string, all []said) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.said == nil {
		m.said = map[string][]said{}
	}
	m.said[cause] = all
	m.order = append(m.order, cause)
	if len(m.order) > remembered {
		delete(m.said, m.order[0])
		m.order = m.order[1:]
	}
}

// policyInForce is the policy the log names; where it names none, that of the configuration.
func (s *Service) policyInForce(ctx context.Context, f worker.Facts) (*policy.Policy, error) {
	configured := policy.Default()
	if s.deps.Policy != nil {
		if p := s.deps.Policy(); p != nil {
			configured = p
		}
	}
	if f.Org == nil || f.Org.Policy == "" || f.Org.Policy == configured.Digest() {
		return configured, nil
	}
	text, err := get(ctx, f.Evidence, f.Org.Policy)
	if err != nil {
		return nil, fmt.Errorf("read the policy in force: %w", err)
	}
	p, err := policy.Parse(f.Org.Policy, text)
	if err != nil {
		return nil, worker.NeedsHuman(fmt.Errorf("read the policy in force: %w", err))
	}
	return p, nil
}

// planOf reads the plan a change is a phase of. plan.generated closes the batch that change.opened stands in, so it
// may not have arrived yet: that is transient.
func planOf(ctx context.Context, f worker.Facts, c events.Change) (*report.Plan, events.PlanGenerated, error) {
	g, ok := f.App.Plans[c.Plan]
	if !ok {
		return nil, g, fmt.Errorf("change %s: its plan %s is not in the log yet", c.Change, c.Plan)
	}
	p := &report.Plan{}
	if err := read(ctx, f.Evidence, g.Document, p); err != nil {
		return nil, g, fmt.Errorf("read the plan of change %s: %w", c.Change, err)
	}
	return p, g, nil
}

// get reads evidence; what is gone or broken will not come back by itself.
func get(ctx context.Context, store evidence.Store, digest string) ([]byte, error) {
	data, err := store.Get(ctx, evidence.Digest(digest))
	if errors.Is(err, evidence.ErrNotFound) || errors.Is(err, evidence.ErrCorrupt) {
		return nil, worker.Permanent(fmt.Errorf("evidence %s: %w", digest, err))
	}
	return data, err
}

func read(ctx context.Context, store evidence.Store, digest string, into any) error {
	data, err := get(ctx, store, digest)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return worker.Permanent(fmt.Errorf("read evidence %s: %w", digest, err))
	}
	return nil
}

// keep stores a document and returns its digest.
func keep(ctx context.Context, store evidence.Store, document any) (string, error) {
	data, err := json.Marshal(document)
	if err != nil {
		return "", worker.Permanent(fmt.Errorf("write evidence: %w", err))
	}
	d, err := store.Put(ctx, data)
	return string(d), err
}
