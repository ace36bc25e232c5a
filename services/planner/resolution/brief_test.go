package resolution

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/uv"
)

// wordy takes all the time it is given for an explanation.
type wordy struct {
	fake
	given time.Duration
}

func (e *wordy) Compile(ctx context.Context, p uv.Problem) (uv.Answer, error) {
	a, err := e.fake.Compile(ctx, p)
	if errors.As(err, new(*uv.Conflict)) {
		e.given = p.Limit
		return a, uv.ErrTimeout
	}
	return a, err
}

// TestWordy: a release that asks for very much that is not there takes its share of the time to explain, what is proved
// stands without uv's words, and the first that is missing ends the search.
func TestWordy(t *testing.T) {
	var text strings.Builder
	text.WriteString("idna 3.6\nidna 3.7\napp 1.0\napp 1.1")
	for i := range 300 {
		fmt.Fprintf(&text, " | missing-%d>=1", i)
	}
	w := newWorld(t, text.String())
	asked := &counting{world: w, names: map[string]bool{}}
	p := Problem{Pins: w.pin("idna==3.6 app==1.0"), Wants: []string{"app", "idna"}, Complete: true, Env: linux, Limit: time.Hour}
	e := &wordy{}
	s, err := Solve(t.Context(), p, asked, e)
	if err != nil {
		t.Fatal(err)
	}
	b := s.Blocked["app"]
	if b.Err != nil || len(b.Chain) == 0 || b.Explanation != "" || !strings.HasPrefix(show(s), "idna 3.6 → 3.7\n") {
		t.Errorf("%s", show(s))
	}
	if e.given == 0 || e.given > p.Limit/10 {
		t.Errorf("uv had %s of %s to explain", e.given, p.Limit)
	}
	if len(asked.names) > 50 {
		t.Errorf("%d packages were asked for, of which the first that is missing decides", len(asked.names))
	}
}

// counting notes what is asked for.
type counting struct {
	*world
	mu    sync.Mutex
	names map[string]bool
}

func (c *counting) Candidates(ctx context.Context, name string) ([]Candidate, error) {
	c.mu.Lock()
	c.names[name] = true
	c.mu.Unlock()
	return c.world.Candidates(ctx, name)
}
