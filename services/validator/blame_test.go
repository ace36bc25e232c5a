package validator

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/drydock-dev/drydock/pkg/bisect"
	"github.com/drydock-dev/drydock/pkg/report"
)

// TestSmallest: what was found is tried once more, and nobody is named where that does not fail.
func TestSmallest(t *testing.T) {
	broken := errors.New("the disk is full")
	has := func(set []int, all ...int) bool {
		return !slices.ContainsFunc(all, func(i int) bool { return !slices.Contains(set, i) })
	}
	for what, c := range map[string]struct {
		n      int
		fails  func(trial int, set []int) bool
		breaks int // the trial that gives an error
		late   int // the trial after which the time for the search is over
		want   []int
		proved bool
		pinned bool
		trials int // 0: any number
	}{
		"one of one":               {1, func(int, []int) bool { return false }, 0, 0, []int{0}, true, true, 0},
		"one of four":              {4, func(_ int, s []int) bool { return has(s, 2) }, 0, 0, []int{2}, true, true, 4},
		"two that quarrel":         {4, func(_ int, s []int) bool { return has(s, 1, 3) }, 0, 0, []int{1, 3}, true, true, 0},
		"three of them":            {3, func(_ int, s []int) bool { return has(s, 0, 1, 2) }, 0, 0, []int{0, 1, 2}, true, true, 0},
		"nothing fails again":      {4, func(int, []int) bool { return false }, 0, 0, []int{0, 1, 2, 3}, true, false, 0},
		"one that fails by turn":   {4, func(trial int, _ []int) bool { return trial == 2 }, 0, 0, []int{1}, true, false, 3},
		"no room at the end":       {4, func(_ int, s []int) bool { return has(s, 2) }, 4, 0, []int{2}, true, false, 4},
		"no room on the way":       {4, func(_ int, s []int) bool { return has(s, 2) }, 2, 0, []int{0, 1, 2, 3}, false, false, 2},
		"late, and some are left":  {16, func(_ int, s []int) bool { return has(s, 1) }, 0, 2, []int{0, 1, 2, 3}, false, true, 3},
		"late, and by chance":      {16, func(trial int, _ []int) bool { return trial < 3 }, 0, 2, []int{0, 1, 2, 3}, false, false, 3},
		"late, before any of them": {16, func(int, []int) bool { return false }, 0, 1, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, false, false, 1},
	} {
		search, over := context.WithCancel(t.Context())
		n := 0
		found, pinned, err := smallest(search, t.Context(), c.n, func(ctx context.Context, set []int) (bisect.Outcome, error) {
			if n++; n == c.breaks {
				return "", broken
			}
			if ctx.Err() != nil {
				t.Errorf("%s: trial %d has no time", what, n)
			}
			if n == c.late {
				defer over()
			}
			if c.fails(n, set) {
				return bisect.Fails, nil
			}
			return bisect.Passes, nil
		})
		over()
		if !slices.Equal(found.Minimal, c.want) || found.Complete != c.proved || pinned != c.pinned || found.Trials != n || c.trials > 0 && n != c.trials || errors.Is(err, broken) != (c.breaks > 0) {
			t.Errorf("%s: %+v, pinned %t, %v; %d trials", what, found, pinned, err, n)
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
