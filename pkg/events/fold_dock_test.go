package events_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/events"
)

const dockChange = "c-01234567"

// docked is a story with one open change.
func docked(t *testing.T) *story {
	s := &story{t: t, app: "payments"}
	s.add("open", events.ChangeOpened{Change: dockChange, Plan: digestOf('3'), Phase: "emergency", Class: "emergency", Branch: "emergency/fix"})
	return s
}

// TestStages: how far a change has come follows from the newest of its facts, in whatever order they came.
func TestStages(t *testing.T) {
	sealed := events.ArtifactSealed{Change: dockChange, Artifact: digestOf('6')}
	validated := events.ChangeValidated{Change: dockChange, Artifact: digestOf('6')}
	again := events.ChangeValidated{Change: dockChange, Artifact: digestOf('7')}
	proposed := events.ChangeProposed{Change: dockChange, Branch: "emergency/fix", Artifact: digestOf('6')}
	parked := events.ChangeParked{Change: dockChange, Kind: events.ParkedSetup}
	resumed := events.ChangeResumed{Change: dockChange}
	voided := events.ArtifactVoided{Change: dockChange, Artifact: digestOf('6')}
	merged := events.ChangeMerged{Change: dockChange}
	rejected := events.ChangeRejected{Change: dockChange, Reason: "tests fail", Until: epoch.AddDate(0, 0, 9)}
	superseded := events.ChangeSuperseded{Change: dockChange, Reason: "a newer plan"}
	for what, try := range map[string]struct {
		said []any
		want string
	}{
		"nothing":                             {nil, events.StageOpened},
		"sealed":                              {[]any{sealed}, events.StageOpened},
		"validated":                           {[]any{sealed, validated}, events.StageValidated},
		"proposed":                            {[]any{validated, proposed}, events.StageProposed},
		"parked":                              {[]any{parked}, events.StageParked},
		"parked and resumed":                  {[]any{parked, resumed}, events.StageOpened},
		"parked, then validated":              {[]any{parked, validated}, events.StageValidated},
		"proposed, its base moved":            {[]any{validated, proposed, voided}, events.StageOpened},
		"proposed, validated anew":            {[]any{validated, proposed, voided, again}, events.StageValidated},
		"another artifact than its own voids": {[]any{again, voided}, events.StageValidated},
		"merged":                              {[]any{validated, proposed, merged}, events.StageMerged},
		"merged after it was touched":         {[]any{validated, proposed, parked, merged}, events.StageMerged},
		"rejected":                            {[]any{parked, rejected}, "rejected"},
		"rejected, then superseded":           {[]any{rejected, superseded}, "rejected"},
		"superseded, then validated":          {[]any{superseded, validated}, "superseded"},
		"superseded, then merged":             {[]any{validated, proposed, superseded, merged}, "superseded"},
		"rejected, then merged":               {[]any{validated, proposed, rejected, merged}, "rejected"},
	} {
		s := docked(t)
		for _, p := range try.said {
			s.add("said", p, func(e *events.Event) { e.SetID(events.ID(what, e.Type(), string(rune(len(s.records))))) })
		}
		c := s.fold().Changes[dockChange]
		if got := c.Stage(); got != try.want {
			t.Errorf("%s: %s, want %s", what, got, try.want)
		}
		if want := strings.Contains(what, "merged") && try.want != "rejected"; (c.Merged != nil) != want {
			t.Errorf("%s: known as merged %t, want %t", what, c.Merged != nil, want)
		}
	}
}

// TestRefused: a rejection reaches plans until its time is over or somebody asks to try again.
func TestRefused(t *testing.T) {
	s := docked(t)
	s.add("no", events.ChangeRejected{Change: dockChange, Until: s.at(10)})
	s.add("unknown", events.ChangeRejected{Change: "c-99999999", Until: s.at(10)})
	st := s.fold()
	if got := st.RefusedAt(s.at(9)); len(got) != 1 || got[0].Change != dockChange || got[0].Sequence != 2 {
		t.Fatalf("refused: %+v", got)
	}
	if got := st.RefusedAt(s.at(10)); len(got) != 0 {
		t.Fatalf("its time is over: %+v", got)
	}
	s.add("scan", events.ScanRequested{Application: "payments", Target: "/app"})
	if got := s.fold().RefusedAt(s.at(9)); len(got) != 1 {
		t.Fatalf("a scan forgets: %+v", got)
	}
	s.add("again", events.ScanRequested{Application: "payments", Target: "/app", PlanOptions: events.PlanOptions{Again: true}})
	if got := s.fold().RefusedAt(s.at(9)); len(got) != 0 {
		t.Fatalf("asked to try again: %+v", got)
	}
}

// TestEffects: the journal says of each effect what came of it, and of each branch what Drydock may replace.
func TestEffects(t *testing.T) {
	s := docked(t)
	intend := func(kind, commit string) string {
		id := events.EffectID(dockChange, kind, commit)
		s.add(id, events.EffectIntended{Effect: id, Kind: kind, Change: dockChange, Branch: "emergency/fix", Commit: commit})
		return id
	}
	one := intend(events.EffectPropose, "aaaa")
	branch := func() events.Branch { return s.fold().Branches["emergency/fix"] }
	if b := branch(); !slices.Equal(b.Commits, []string{"aaaa"}) || b.Seen {
		t.Fatalf("intended: %+v", b)
	}
	s.add(one, events.EffectRefused{Effect: one, Kind: events.EffectPropose, Change: dockChange, Reason: "main moved on"})
	if e := s.fold().Effects[one]; e.Outcome != "refused" || e.Reason != "main moved on" || branch().Seen {
		t.Fatalf("refused: %+v", e)
	}
	two := intend(events.EffectPropose, "bbbb")
	s.add(two, events.EffectDone{Effect: two, Kind: events.EffectPropose, Change: dockChange, Result: "created"})
	if b := branch(); !slices.Equal(b.Commits, []string{"aaaa", "bbbb"}) || !b.Seen || b.Closed {
		t.Fatalf("done: %+v", b)
	}
	three := intend(events.EffectClose, "bbbb")
	s.add(three, events.EffectDone{Effect: three, Kind: events.EffectClose, Change: dockChange, Result: "closed"})
	if b := branch(); !b.Closed || !b.Seen {
		t.Fatalf("closed: %+v", b)
	}
	s.add("unknown", events.EffectDone{Effect: "e-000000000000"})
	if st := s.fold(); len(st.Effects) != 3 {
		t.Fatalf("an effect that nobody intended: %+v", st.Effects)
	}
	clone := s.fold()
	other := clone.Clone()
	other.Effects["x"], other.Branches["x"] = events.Effect{}, events.Branch{}
	if len(clone.Effects) != 3 || len(clone.Branches) != 1 {
		t.Fatal("a clone shares the journal")
	}
}
