package gateway

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// Announce says what changed while nobody recorded it: at start, and after an import. It appends
// policy.changed and database.updated where what is in force differs from what was last recorded.
func (s *Service) Announce(ctx context.Context, policy []byte) error {
	var digest evidence.Digest
	if policy != nil {
		var err error
		if digest, err = s.deps.Bus.Evidence().Put(ctx, policy); err != nil {
			return problem("store the policy", err)
		}
	}
	var loaded []events.Database
	if s.deps.Databases != nil {
		loaded = s.deps.Databases()
	}
	var lists []events.List
	if s.deps.Lists != nil {
		lists = s.deps.Lists()
	}
	now := s.now()
	_, err := s.deps.Decide(ctx, events.Org, func(_ *events.State, org *events.OrgState) ([]events.Event, error) {
		return decideAnnounce(org, string(digest), loaded, lists, s.deps.Diff, now)
	})
	return problem("record policy and databases", err)
}

// decideAnnounce is the pure part; no policy or no database is not a change. A list of exploitation that came, changed
// or went is one: it makes findings more or less urgent that no database speaks of anew.
func decideAnnounce(org *events.OrgState, policy string, loaded []events.Database, lists []events.List, diff func(a, b []events.Database) int, now time.Time) ([]events.Event, error) {
	var out []events.Event
	if policy != "" && policy != org.Policy {
		// The cause names the state that was left, so that going back to an older policy is a new event.
		m := events.Meta{App: events.Org, Cause: "policy\x00" + org.Policy, Key: policy, Actor: "gateway", Time: now}
		m.Cause = string(evidence.Of([]byte(m.Cause + now.String())))
		e, err := events.New(m, events.PolicyChanged{Policy: policy, Previous: org.Policy})
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	if len(loaded) > 0 && (!sameDatabases(org.Databases, loaded) || !slices.Equal(org.Lists, lists)) {
		p := events.DatabaseUpdated{Databases: loaded, First: len(org.Databases) == 0, Lists: lists}
		if diff != nil && !p.First && !sameDatabases(org.Databases, loaded) {
			p.Changed = diff(org.Databases, loaded)
		}
		e, err := events.New(events.Meta{App: events.Org, Cause: string(evidence.Of([]byte("databases" + now.String()))), Key: digests(loaded, lists), Actor: "gateway", Time: now}, p)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// sameDatabases compares content. When they were fetched is no change to anybody.
func sameDatabases(a, b []events.Database) bool {
	strip := func(in []events.Database) (out []events.Database) {
		for _, d := range in {
			out = append(out, events.Database{Name: d.Name, Digest: d.Digest, Partial: d.Partial})
		}
		slices.SortFunc(out, func(x, y events.Database) int { return compareName(x, y) })
		return out
	}
	return reflect.DeepEqual(strip(a), strip(b))
}

func compareName(x, y events.Database) int {
	if x.Name < y.Name {
		return -1
	}
	if x.Name > y.Name {
		return 1
	}
	return 0
}

func digests(dbs []events.Database, lists []events.List) (s string) {
	for _, d := range dbs {
		s += d.Name + "=" + d.Digest + "\n"
	}
	for _, l := range lists {
		s += l.Name + "=" + l.Digest + "\n"
	}
	return s
}

// ImportDatabase imports advisories from a path on this machine; the workers go over to them at once.
func (s *Service) ImportDatabase(ctx context.Context, q api.DatabaseImport) ([]api.Imported, error) {
	return s.swap(ctx, "import advisories from "+q.Path, s.deps.Import, q)
}

// UpdateDatabase fetches newer advisories.
func (s *Service) UpdateDatabase(ctx context.Context, q api.DatabaseImport) ([]api.Imported, error) {
	return s.swap(ctx, "update the advisories", s.deps.Update, q)
}

func (s *Service) swap(ctx context.Context, attempted string, do Swap, q api.DatabaseImport) ([]api.Imported, error) {
	if do == nil {
		return nil, api.NewProblem(api.Unavailable, "start `drydock up` with the scanner's role", "%s: no scanner runs here", attempted)
	}
	out, err := do(ctx, q)
	if err != nil {
		return nil, problem(attempted, err)
	}
	return out, s.Announce(ctx, nil)
}
