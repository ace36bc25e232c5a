package validator

import (
	"slices"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/forge"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

// TestMissingIn: what the base has already, by the merge of an earlier phase or by a person's hand, is not written
// again; what it has otherwise than planned stays, for the manifest to say so.
func TestMissingIn(t *testing.T) {
	base := &inventory.Inventory{Sources: []inventory.Source{{Path: "requirements.txt"}, {Path: "dev.txt"}}, Packages: []inventory.Package{
		{Package: "a", Version: "2.0", Source: "requirements.txt"}, {Package: "b", Version: "1.0", Source: "requirements.txt"}, {Package: "c", Version: "1.5", Source: "requirements.txt"}, {Package: "b", Version: "2.0", Source: "dev.txt"}}}
	for what, try := range map[string]struct {
		u    report.Update
		want bool
	}{
		"there already":            {report.Update{Package: "a", From: "1.0", To: "2.0", Source: "requirements.txt"}, false},
		"there, written otherwise": {report.Update{Package: "a", From: "1.0", To: "2.0.0", Source: "requirements.txt"}, false},
		"to be moved":              {report.Update{Package: "b", From: "1.0", To: "2.0", Source: "requirements.txt"}, true},
		"there in another file":    {report.Update{Package: "b", From: "1.0", To: "2.0", Source: "dev.txt"}, false},
		"somewhere between":        {report.Update{Package: "c", From: "1.0", To: "2.0", Source: "requirements.txt"}, true},
		"to be added":              {report.Update{Package: "d", To: "2.0", Source: "requirements.txt"}, true},
		"added already":            {report.Update{Package: "a", To: "2.0", Source: "requirements.txt"}, false},
		"of a file that is gone":   {report.Update{Package: "b", From: "1.0", To: "2.0", Source: "old.txt"}, false},
	} {
		if got := len(missingIn(base, []report.Update{try.u})) == 1; got != try.want {
			t.Errorf("%s: %t, want %t", what, got, try.want)
		}
	}
}

// TestNews: what a look at the repository means, by what is known of the change.
func TestNews(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	here, there := events.Base{Branch: "main", Commit: "aaaa"}, forge.Base{Branch: "main", Commit: "bbbb"}
	same := forge.Base{Branch: "main", Commit: "aaaa"}
	proposed := func(merge application.Merge) events.Change {
		c := events.Change{ChangeOpened: events.ChangeOpened{Change: "c-1", Branch: "fix"}}
		c.Validated, c.ValidatedAt = &events.ChangeValidated{Artifact: "sha256:6", Base: here, Merge: string(merge)}, now.Add(-time.Hour)
		c.Proposed = &events.ChangeProposed{Commit: "cccc", Artifact: "sha256:6", Base: here}
		return c
	}
	touchedAt := func(tip string) events.Change {
		c := proposed(application.MergePerson)
		c.Parked = &events.ChangeParked{Kind: events.ParkedTouched, Tip: tip}
		return c
	}
	young := proposed(application.MergePerson)
	young.ValidatedAt = now.Add(-time.Minute)
	ended := proposed(application.MergePerson)
	ended.Terminal = "superseded"
	merged := proposed(application.MergePerson)
	merged.Merged = &events.ChangeMerged{}
	for what, try := range map[string]struct {
		c    events.Change
		seen sight
		want any
	}{
		"as it was":                            {proposed(application.MergePerson), sight{base: same, found: forge.Found{State: forge.Ours}}, nil},
		"merged":                               {proposed(application.MergePerson), sight{base: there, found: forge.Found{State: forge.Merged}}, events.ChangeMerged{}},
		"merged, and known":                    {merged, sight{base: there, found: forge.Found{State: forge.Merged}}, nil},
		"merged, though somebody pushed":       {touchedAt("dddd"), sight{base: there, found: forge.Found{State: forge.Merged}}, events.ChangeMerged{}},
		"taken away":                           {proposed(application.MergePerson), sight{base: same, found: forge.Found{State: forge.Deleted}}, events.ChangeRejected{}},
		"somebody pushed":                      {proposed(application.MergePerson), sight{base: same, found: forge.Found{State: forge.Touched, Tip: "dddd"}}, events.ChangeParked{}},
		"somebody pushed, and it was told":     {touchedAt("dddd"), sight{base: there, found: forge.Found{State: forge.Touched, Tip: "dddd"}}, nil},
		"somebody pushed again":                {touchedAt("dddd"), sight{base: there, found: forge.Found{State: forge.Touched, Tip: "eeee"}}, events.ChangeParked{}},
		"it shows Drydock's commit again":      {touchedAt("dddd"), sight{base: same, found: forge.Found{State: forge.Ours}}, events.ChangeResumed{}},
		"the base moved":                       {proposed(application.MergePerson), sight{base: there, found: forge.Found{State: forge.Ours}}, events.ArtifactVoided{}},
		"the base moved a moment ago":          {young, sight{base: there, found: forge.Found{State: forge.Ours}}, nil},
		"merges by itself":                     {proposed(application.MergeAutomatic), sight{base: same, merges: true, found: forge.Found{State: forge.Ours}}, events.EffectIntended{}},
		"merges by itself, but the base moved": {proposed(application.MergeAutomatic), sight{base: there, merges: true, found: forge.Found{State: forge.Ours}}, events.ArtifactVoided{}},
		"the server no longer says so":         {proposed(application.MergeAutomatic), sight{base: same, found: forge.Found{State: forge.Ours}}, nil},
		"ended":                                {ended, sight{base: there, found: forge.Found{State: forge.Deleted}}, nil},
	} {
		n := news(try.c, try.seen, now, 10*time.Minute)
		switch {
		case (n == nil) != (try.want == nil):
			t.Errorf("%s: %+v, want %T", what, n, try.want)
		case n != nil:
			got, _ := events.RowOf(n.payload)
			want, _ := events.RowOf(try.want)
			if got.Name() != want.Name() {
				t.Errorf("%s: %s, want %s", what, got.Name(), want.Name())
			}
		}
	}
}

// TestHolds: what came into the log before an intention stops it.
func TestHolds(t *testing.T) {
	open := events.Change{ChangeOpened: events.ChangeOpened{Change: "c-1"}}
	open.Validated = &events.ChangeValidated{Artifact: "sha256:6"}
	proposed := open
	proposed.Proposed = &events.ChangeProposed{Artifact: "sha256:6"}
	ended, merged, voided := open, open, open
	ended.Terminal, merged.Merged, voided.Validated = "superseded", &events.ChangeMerged{}, nil
	push := events.EffectIntended{Kind: events.EffectPropose, Artifact: "sha256:6"}
	forward := events.EffectIntended{Kind: events.EffectFastForward, Artifact: "sha256:6"}
	other := events.EffectIntended{Kind: events.EffectPropose, Artifact: "sha256:7"}
	closing := events.EffectIntended{Kind: events.EffectClose}
	for what, try := range map[string]struct {
		c    events.Change
		p    events.EffectIntended
		same bool
		want bool
	}{
		"a push":                                {open, push, true, true},
		"a push elsewhere":                      {open, push, false, false},
		"a push of what was voided":             {voided, push, true, false},
		"a push of another artifact":            {open, other, true, false},
		"a push of what ended":                  {ended, push, true, false},
		"a push of what is merged":              {merged, push, true, false},
		"a merge of what is proposed":           {proposed, forward, true, true},
		"a merge of what is not":                {open, forward, true, false},
		"a closing of what ended":               {ended, closing, true, true},
		"a closing of what is still on its way": {open, closing, true, false},
	} {
		if why := holds(try.c, try.p, try.same); (why == "") != try.want {
			t.Errorf("%s: %q, want it to hold: %t", what, why, try.want)
		}
	}
}

// TestRetryAt: the pauses double, and what only a person can mend waits for one.
func TestRetryAt(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var pauses []time.Duration
	var last *events.ChangeParked
	at := now
	for range 9 {
		next := retryAt(last, at, at, false)
		pauses = append(pauses, next.Sub(at))
		last = &events.ChangeParked{Retry: next}
	}
	if pauses[0] != retryFirst || pauses[1] != 2*retryFirst || pauses[8] != retryMost || !slices.IsSorted(pauses) {
		t.Errorf("pauses: %v", pauses)
	}
	if got := retryAt(last, at, at, true); !got.IsZero() {
		t.Errorf("what asks for a person is tried again at %s", got)
	}
}

// TestMerger: with merge: automatic nobody reads a change, so what nobody proved is left to a person.
func TestMerger(t *testing.T) {
	for what, try := range map[string]struct {
		merge, tested, status, want string
	}{
		"tested":               {"automatic", "sha256:9", report.StepPassed, "automatic"},
		"never tested":         {"automatic", "", report.StepSkipped, "person"},
		"failed before, too":   {"automatic", "sha256:9", report.StepWarned, "person"},
		"a person anyway":      {"person", "", report.StepSkipped, "person"},
		"skipped, but another": {"automatic", "sha256:9", report.StepSkipped, "automatic"},
	} {
		w := &work{v: &report.Validation{Merge: try.merge, Tested: try.tested, Steps: []report.Step{{Name: report.StepTests, Status: try.status}}}}
		w.merger()
		if w.v.Merge != try.want || (len(w.v.Notes) > 0) != (try.merge != try.want) {
			t.Errorf("%s: %s %v, want %s", what, w.v.Merge, w.v.Notes, try.want)
		}
	}
}
