package validator

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/drydock-dev/drydock/pkg/bisect"
	"github.com/drydock-dev/drydock/pkg/report"
)

// TestSmallest: what was found is tried once more, and nothing is proved of what then passes.
func TestSmallest(t *testing.T) {
	broken := errors.New("the disk is full")
	has := func(set []int, all ...int) bool {
		return !slices.ContainsFunc(all, func(i int) bool { return !slices.Contains(set, i) })
	}
	for what, c := range map[string]struct {
		n      int
		fails  func(trial int, set []int) bool
		breaks int // the trial that gives an error
		want   []int
		proved bool
		chance bool
		trials int // 0: any number
	}{
		"one of one":             {1, func(int, []int) bool { return false }, 0, []int{0}, true, false, 0},
		"one of four":            {4, func(_ int, s []int) bool { return has(s, 2) }, 0, []int{2}, true, false, 4},
		"two that quarrel":       {4, func(_ int, s []int) bool { return has(s, 1, 3) }, 0, []int{1, 3}, true, false, 0},
		"three of them":          {3, func(_ int, s []int) bool { return has(s, 0, 1, 2) }, 0, []int{0, 1, 2}, true, false, 0},
		"nothing fails again":    {4, func(int, []int) bool { return false }, 0, []int{0, 1, 2, 3}, false, true, 0},
		"one that fails by turn": {4, func(trial int, _ []int) bool { return trial == 2 }, 0, []int{1}, false, true, 3},
		"no room at the end":     {4, func(_ int, s []int) bool { return has(s, 2) }, 4, []int{2}, false, false, 4},
	} {
		n := 0
		found, chance, err := smallest(t.Context(), c.n, func(_ context.Context, set []int) (bisect.Outcome, error) {
			n++
			if n == c.breaks {
				return "", broken
			}
			if c.fails(n, set) {
				return bisect.Fails, nil
			}
			return bisect.Passes, nil
		})
		if !slices.Equal(found.Minimal, c.want) || found.Complete != c.proved || chance != c.chance || found.Trials != n || c.trials > 0 && n != c.trials || errors.Is(err, broken) != (c.breaks > 0) {
			t.Errorf("%s: %+v, by chance %t, %v; %d trials", what, found, chance, err, n)
		}
	}
}

// TestUnforeseen: a release is the same however its version is written.
func TestUnforeseen(t *testing.T) {
	found := []report.Finding{{Package: "a", Version: "2.0.0"}, {Package: "b", Version: "1.0"}, {Package: "c", Version: "1.0.post1"}, {Package: "d", Version: "2.0"}}
	updates := []report.Update{{Package: "a", From: "1.0", To: "2.0"}, {Package: "b", From: "1.0", To: "2.0"}, {Package: "c", To: "1.0-1"}}
	var got []string
	for _, f := range unforeseen(found, updates) {
		got = append(got, f.Package)
	}
	if !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("%v are brought by the change, want a and c", got)
	}
}
