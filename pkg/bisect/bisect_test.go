package bisect

import (
	"context"
	"errors"
	"math/bits"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// holding fails where a subset holds all of one of the culprits.
func holding(culprits ...[]int) func([]int) Outcome {
	return func(subset []int) Outcome {
		for _, c := range culprits {
			if !slices.ContainsFunc(c, func(e int) bool { return !slices.Contains(subset, e) }) {
				return Fails
			}
		}
		return Passes
	}
}

// asked makes a Trial that notes what it was asked.
func asked(f func([]int) Outcome, log *[]string) Trial {
	return func(_ context.Context, subset []int) (Outcome, error) {
		*log = append(*log, Key(subset))
		return f(subset), nil
	}
}

func TestSmallest(t *testing.T) {
	for _, c := range []struct {
		name    string
		n       int
		fails   func([]int) Outcome
		minimal []int
		trials  int // at most
	}{
		{"the only one", 1, holding([]int{0}), []int{0}, 0},
		{"one of two", 2, holding([]int{1}), []int{1}, 2},
		{"the first of 7", 7, holding([]int{0}), []int{0}, 1},
		{"the last of 7", 7, holding([]int{6}), []int{6}, 7},
		{"the first of 30", 30, holding([]int{0}), []int{0}, 10},
		{"one of 30", 30, holding([]int{17}), []int{17}, 10},
		{"the last of 30", 30, holding([]int{29}), []int{29}, 10},
		{"two of 7 that fail only together", 7, holding([]int{1, 5}), []int{1, 5}, 7 + 14},
		{"two of 30 that fail only together", 30, holding([]int{3, 28}), []int{3, 28}, 64},
		{"two neighbours of 30", 30, holding([]int{14, 15}), []int{14, 15}, 64},
		{"the first of three ways, not the shortest", 30, holding([]int{20}, []int{4, 9}, []int{11, 12, 13}), []int{11, 12, 13}, 17},
		{"everything fails alone", 30, func([]int) Outcome { return Fails }, []int{0}, 5},
		{"everything fails alone, few", 4, func([]int) Outcome { return Fails }, []int{0}, 1},
		{"all are needed", 6, holding([]int{0, 1, 2, 3, 4, 5}), []int{0, 1, 2, 3, 4, 5}, 6 + 2 + 4 + 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log []string
			f, err := Smallest(t.Context(), c.n, asked(c.fails, &log), Options{Trials: 1000})
			want := Found{Minimal: c.minimal, Trials: len(log), Complete: true, Alone: len(c.minimal) == 1}
			if err != nil || !reflect.DeepEqual(f, want) || f.Trials > c.trials {
				t.Errorf("%+v %v, want %v within %d trials: %v", f, err, c.minimal, c.trials, log)
			}
		})
	}
}

// Nothing but the whole can be installed: that is said, not guessed around.
func TestAllUnresolvedButTheWhole(t *testing.T) {
	for _, n := range []int{2, 7, 12} {
		var log []string
		f, err := Smallest(t.Context(), n, asked(func([]int) Outcome { return Unresolved }, &log), Options{Trials: 1000})
		if err != nil || len(f.Minimal) != n || !f.Complete || f.Alone || f.Unresolved != f.Trials || f.Trials != len(log) || f.Trials > n*n+3*n {
			t.Errorf("%d: %+v %v", n, f, err)
		}
	}
}

// Updates that can only be installed together: 3 needs 2, and 3 is what fails.
func TestUnresolvedInBetween(t *testing.T) {
	var log []string
	f, err := Smallest(t.Context(), 8, asked(func(s []int) Outcome {
		switch has := func(e int) bool { return slices.Contains(s, e) }; {
		case has(3) && !has(2):
			return Unresolved
		case has(3):
			return Fails
		}
		return Passes
	}, &log), Options{})
	if err != nil || !slices.Equal(f.Minimal, []int{2, 3}) || !f.Complete || f.Unresolved == 0 {
		t.Errorf("%+v %v", f, err)
	}
}

func TestKnownIsNotTriedAgain(t *testing.T) {
	var first, again []string
	outcomes := map[string]Outcome{}
	fails := holding([]int{3, 28})
	full, err := Smallest(t.Context(), 30, func(ctx context.Context, s []int) (Outcome, error) {
		outcomes[Key(s)] = fails(s)
		return asked(fails, &first)(ctx, s)
	}, Options{})
	if err != nil || !full.Complete {
		t.Fatalf("%+v %v", full, err)
	}
	f, err := Smallest(t.Context(), 30, asked(fails, &again), Options{Known: outcomes, Trials: 1})
	if err != nil || len(again) != 0 || f.Trials != 0 || !f.Complete || !slices.Equal(f.Minimal, full.Minimal) {
		t.Errorf("%+v %v %v", f, err, again)
	}
	// What is known of all and of none is never believed of anybody else.
	f, err = Smallest(t.Context(), 2, asked(holding([]int{0}), &again), Options{Known: map[string]Outcome{"0,1": Passes, "": Fails}})
	if err != nil || !f.Complete || !slices.Equal(f.Minimal, []int{0}) {
		t.Errorf("%+v %v", f, err)
	}
}

func TestBudget(t *testing.T) {
	var log []string
	f, err := Smallest(t.Context(), 30, asked(holding([]int{3, 28}), &log), Options{Trials: 12})
	if err != nil || f.Complete || f.Trials != 12 || len(log) != 12 || holding([]int{3, 28})(f.Minimal) != Fails || len(f.Minimal) >= 30 {
		t.Errorf("%+v %v", f, err)
	}
	log = nil
	f, err = Smallest(t.Context(), 300, asked(holding([]int{3, 150, 280, 299}), &log), Options{})
	if err != nil || f.Complete || f.Trials != defaultTrials || len(log) != defaultTrials {
		t.Errorf("%+v %v", f, err)
	}
}

func TestEndedFromOutside(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("drydock stops")
	n := 0
	f, err := Smallest(ctx, 30, func(_ context.Context, s []int) (Outcome, error) {
		if n++; n == 4 {
			cancel(why)
		}
		return holding([]int{17})(s), nil
	}, Options{})
	if !errors.Is(err, why) || f.Complete || f.Trials != 4 || !slices.Contains(f.Minimal, 17) || len(f.Minimal) >= 30 {
		t.Errorf("%+v %v", f, err)
	}
	broken := errors.New("no room on the disk")
	f, err = Smallest(t.Context(), 30, func(_ context.Context, s []int) (Outcome, error) {
		if len(s) < 8 {
			return "", broken
		}
		return holding([]int{17})(s), nil
	}, Options{})
	if !errors.Is(err, broken) || f.Complete || !slices.Contains(f.Minimal, 17) {
		t.Errorf("%+v %v", f, err)
	}
	if _, err = Smallest(t.Context(), 3, func(context.Context, []int) (Outcome, error) { return "maybe", nil }, Options{}); err == nil || !strings.Contains(err.Error(), `"maybe"`) {
		t.Errorf("%v", err)
	}
	for _, none := range []int{0, -1} {
		if _, err = Smallest(t.Context(), none, nil, Options{}); err == nil || !strings.Contains(err.Error(), "there must be something") {
			t.Errorf("%v", err)
		}
	}
}

// What a trial does with its subset changes nothing.
func TestASubsetIsTheTrialsOwn(t *testing.T) {
	f, err := Smallest(t.Context(), 12, func(_ context.Context, s []int) (Outcome, error) {
		o := holding([]int{7})(s)
		clear(s)
		return o, nil
	}, Options{})
	if err != nil || !slices.Equal(f.Minimal, []int{7}) {
		t.Errorf("%+v %v", f, err)
	}
}

func TestKey(t *testing.T) {
	if k := Key([]int{10, 2, 0}); k != "0,2,10" || Key(nil) != "" {
		t.Errorf("%q", k)
	}
}

// Whatever fails: the result fails, is 1-minimal when it says so, no subset is tried twice, the budget holds, the
// order is the same each time, and trials stay within the bound of plain ddmin.
func TestAnyFamily(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 14).Draw(t, "n")
		budget := rapid.SampledFrom([]int{0, 1, 5, 20, 1000}).Draw(t, "budget")
		fails := family(t, n)
		var log, again []string
		f, err := Smallest(context.Background(), n, asked(fails, &log), Options{Trials: budget})
		if err != nil {
			t.Fatal(err)
		}
		twice, _ := Smallest(context.Background(), n, asked(fails, &again), Options{Trials: budget})
		if !reflect.DeepEqual(f, twice) || !slices.Equal(log, again) {
			t.Fatalf("not the same twice: %+v %+v", f, twice)
		}
		if len(f.Minimal) < n && fails(f.Minimal) != Fails || len(f.Minimal) == 0 || !slices.IsSorted(f.Minimal) {
			t.Fatalf("%v does not fail", f.Minimal)
		}
		if budget == 0 {
			budget = defaultTrials
		}
		if f.Trials != len(log) || f.Trials > budget || f.Trials > n*n+3*n+n {
			t.Fatalf("%d trials of %d for %d elements", f.Trials, budget, n)
		}
		slices.Sort(log)
		if len(slices.Compact(log)) != f.Trials {
			t.Fatalf("tried twice: %v", log)
		}
		if !f.Complete && f.Trials < budget {
			t.Fatalf("given up after %d trials of %d", f.Trials, budget)
		}
		for i := range f.Minimal {
			rest := slices.Delete(slices.Clone(f.Minimal), i, i+1)
			if f.Complete && len(rest) > 0 && fails(rest) == Fails {
				t.Fatalf("%v is not minimal: %v fails", f.Minimal, rest)
			}
		}
	})
}

// family draws which subsets fail: those that hold a culprit (monotone), or any.
func family(t *rapid.T, n int) func([]int) Outcome {
	if rapid.Bool().Draw(t, "monotone") {
		var culprits [][]int
		for range rapid.IntRange(1, 3).Draw(t, "culprits") {
			culprits = append(culprits, rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 1, min(n, 4), rapid.ID[int]).Draw(t, "culprit"))
		}
		return holding(culprits...)
	}
	seed := rapid.Uint64().Draw(t, "seed")
	return func(subset []int) Outcome {
		h := seed
		for _, e := range subset {
			h ^= 1 << uint(e)
			h *= 0x9e3779b97f4a7c15
			h ^= bits.RotateLeft64(h, 29)
		}
		return []Outcome{Fails, Passes, Unresolved, Passes}[h>>62]
	}
}

// The usual case, one culprit: no more trials on average than plain ddmin makes.
func TestOneCulpritIsCheap(t *testing.T) {
	for _, n := range []int{4, 7, 8, 16, 30, 100} {
		ours, plain := 0, 0
		for culprit := range n {
			var log []string
			f, err := Smallest(t.Context(), n, asked(holding([]int{culprit}), &log), Options{Trials: 1000})
			if err != nil || !f.Alone {
				t.Fatalf("%+v %v", f, err)
			}
			ours += f.Trials
			s := &search{n: n, try: asked(holding([]int{culprit}), &log), budget: 1000, known: map[string]Outcome{"": Passes}}
			for i := range n {
				s.best = append(s.best, i)
			}
			if err := s.ddmin(t.Context()); err != nil {
				t.Fatal(err)
			}
			plain += s.trials
		}
		t.Logf("%d elements: %.1f trials on average, plain ddmin %.1f", n, float64(ours)/float64(n), float64(plain)/float64(n))
		if 2*ours > 3*plain { // within a half, for trials that install
			t.Errorf("%d elements: %d trials, plain ddmin %d", n, ours, plain)
		}
	}
}
