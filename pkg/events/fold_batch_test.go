package events_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/drydock-dev/drydock/pkg/events"
)

// TestSplitResult: nothing of a split result shows before its closing event.
func TestSplitResult(t *testing.T) {
	s := &story{t: t, app: "payments"}
	ask := s.add("1", events.ScanRequested{Target: "/srv"})
	s.cause, s.batch = ask.Event.ID(), digestOf('a')
	first := s.add("f-1", opened("f-1"))
	s.add("f-2", opened("f-2"))
	st := s.fold()
	switch {
	case len(st.Findings) != 0 || len(st.Pending) != 1:
		t.Errorf("half a result shows: %+v", st)
	case st.Done(s.cause, events.Scanner):
		t.Error("half a result is an answer")
	case !st.Seen(first.Event.ID()):
		t.Error("what is stored is not seen, so it would be stored again")
	case st.Held(s.cause, events.Scanner) != s.batch || st.Held(s.cause, events.Planner) != "" || st.Held("other", events.Scanner) != "":
		t.Error("the result to go on from is not named")
	}
	s.put(first.Event) // a batch delivered again, under a new sequence
	s.add("", events.ScanCompleted{Target: "/srv"}, final)
	st = s.fold()
	if len(st.Findings) != 2 || len(st.Pending) != 0 || !st.Done(s.cause, events.Scanner) || st.Held(s.cause, events.Scanner) != "" {
		t.Errorf("whole: %+v", st)
	}
	if f := st.Findings["f-1"]; f.Sequence != first.Sequence || !f.FirstDetected.Equal(s.at(2)) {
		t.Errorf("a held event shows with its own place and time: %+v", f)
	}
}

// TestInterleavedResults: two split results that are stored in turns do not mix.
func TestInterleavedResults(t *testing.T) {
	s := &story{t: t, app: "payments"}
	in := func(cause, batch string) { s.cause, s.batch = cause, batch }
	in("A", digestOf('a'))
	s.add("f-1", opened("f-1"))
	in("B", digestOf('b'))
	s.add("f-2", opened("f-2"))
	in("A", digestOf('a'))
	s.add("f-3", opened("f-3"))
	in("B", digestOf('b'))
	s.add("", events.ScanCompleted{Target: "/b"}, final)
	if st := s.fold(); len(st.Findings) != 1 || !st.Findings["f-2"].Open || !st.Done("B", events.Scanner) || st.Done("A", events.Scanner) || st.Held("A", events.Scanner) != digestOf('a') {
		t.Errorf("after B: %+v", st)
	}
	in("C", "")
	s.add("f-4", opened("f-4"))
	in("A", digestOf('a'))
	s.add("", events.ScanCompleted{Target: "/a"}, final)
	if st := s.fold(); len(st.Findings) != 4 || len(st.Scans) != 2 || !st.Done("A", events.Scanner) {
		t.Errorf("after A: %+v", st)
	}
}

// TestResultDecidedAnew: a result left half stored, whose evidence is lost, is decided anew. The ids are the
// same, and nothing of the new result is lost to the old one.
func TestResultDecidedAnew(t *testing.T) {
	for _, batch := range []string{digestOf('b'), ""} {
		s := &story{t: t, app: "payments", cause: "A", batch: digestOf('a')}
		s.add("f-1", opened("f-1"))
		s.add("f-2", opened("f-2"))
		s.batch = batch
		s.add("f-2", opened("f-2"))
		s.add("f-3", opened("f-3"))
		if held := s.fold().Held("A", events.Scanner); batch != "" && held != batch {
			t.Errorf("goes on with %s, want the result begun last", held)
		}
		s.add("", events.ScanCompleted{Target: "/srv"}, func(e *events.Event) {
			if batch != "" {
				final(e)
			}
		})
		st := s.fold()
		if len(st.Findings) != 2 || !st.Findings["f-2"].Open || !st.Findings["f-3"].Open || st.Findings["f-1"].Open || !st.Done("A", events.Scanner) {
			t.Errorf("batch %q: %+v", batch, st.Findings)
		}
	}
}

// TestCloneOfHeld: two clones that both go on with a held result keep their own.
func TestCloneOfHeld(t *testing.T) {
	s := &story{t: t, app: "payments", cause: "A", batch: digestOf('a')}
	for i := range 5 { // an odd length leaves room in the array behind it
		s.add(fmt.Sprint("f-", i), opened(fmt.Sprint("f-", i)))
	}
	one := s.fold()
	two := one.Clone()
	left, right := *s, *s
	apply := func(st *events.State, r events.Record) {
		if err := st.Apply(r); err != nil {
			t.Fatal(err)
		}
	}
	apply(one, left.add("left", opened("left")))
	apply(two, right.add("right", opened("right")))
	apply(one, left.add("", events.ScanCompleted{}, final))
	apply(two, right.add("", events.ScanCompleted{}, final))
	if !one.Findings["left"].Open || one.Findings["right"].Open || !two.Findings["right"].Open || two.Findings["left"].Open || len(one.Findings) != 6 {
		t.Errorf("one %v\ntwo %v", len(one.Findings), len(two.Findings))
	}
}

// anyStory draws a log: single events and split results, interleaved, with deliveries repeated.
func anyStory(t *rapid.T, tb testing.TB) *story {
	s := &story{t: tb, app: "payments"}
	for range rapid.IntRange(0, 40).Draw(t, "events") {
		if len(s.records) > 0 && rapid.IntRange(0, 4).Draw(t, "repeat") == 0 {
			s.put(rapid.SampledFrom(s.records).Draw(t, "which").Event)
			continue
		}
		s.cause = rapid.SampledFrom([]string{"", "A", "B", "C"}).Draw(t, "cause")
		s.batch = rapid.SampledFrom([]string{"", digestOf('a'), digestOf('b')}).Draw(t, "batch")
		f := rapid.SampledFrom([]string{"f-1", "f-2", "f-3"}).Draw(t, "finding")
		c := rapid.SampledFrom([]string{"c-1", "c-2"}).Draw(t, "change")
		p := rapid.SampledFrom([]string{"p-1", "p-2"}).Draw(t, "plan")
		payload := rapid.SampledFrom([]any{
			opened(f), events.FindingClosed{Finding: f, Reason: events.ClosedFixed}, events.FindingReprioritized{Finding: f, After: events.Urgency{Severity: "low"}},
			events.ScanRequested{Target: "/srv"}, events.ScanCompleted{Target: "/srv"}, events.ScanFailed{Target: "/srv"}, events.ApplicationDeclared{Target: "/srv"},
			events.PlanGenerated{Plan: p}, events.PlanSuperseded{Plan: p}, events.ChangeOpened{Change: c}, events.ChangeSuperseded{Change: c},
			events.DeadlineApproaching{Change: c, Percent: 75}, events.DeadlineBreached{Change: c},
		}).Draw(t, "payload")
		var closing []func(*events.Event)
		if s.batch != "" && rapid.IntRange(0, 2).Draw(t, "final") == 0 {
			closing = append(closing, final)
		}
		s.add(rapid.StringMatching(`[a-d]`).Draw(t, "key"), payload, closing...)
	}
	return s
}

// TestFoldProperties: folding a prefix, lending a clone of it, and folding the rest is folding everything; a
// clone is not changed by what its original folds; whatever was folded before changes nothing when it comes
// again; and the fold is a function of the log.
func TestFoldProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := anyStory(rt, t)
		whole := dump(t, s.fold(), s.records)
		if again := dump(t, s.fold(), s.records); again != whole {
			rt.Fatalf("two folds of one log differ:\n%s\n%s", whole, again)
		}
		cut := rapid.IntRange(0, len(s.records)).Draw(rt, "cut")
		st, err := events.Fold(s.app, s.records[:cut])
		if err != nil {
			rt.Fatal(err)
		}
		lent := st
		before := dump(t, lent, s.records)
		st = lent.Clone()
		for _, r := range s.records[cut:] {
			if err := st.Apply(r); err != nil {
				rt.Fatal(err)
			}
		}
		if got := dump(t, st, s.records); got != whole {
			rt.Fatalf("cut at %d:\n%s\nwhole\n%s", cut, got, whole)
		}
		if after := dump(t, lent, s.records); after != before {
			rt.Fatalf("a lent state changed:\n%s\n%s", before, after)
		}
		twice := *s
		for _, r := range s.records {
			if rapid.Bool().Draw(rt, "again") {
				twice.put(r.Event)
			}
		}
		redelivered := twice.fold()
		redelivered.Sequence = uint64(len(s.records))
		if got := dump(t, redelivered, s.records); got != whole {
			rt.Fatalf("duplicates changed the state:\n%s\n%s", whole, got)
		}
	})
}
