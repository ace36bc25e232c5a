package dock

import (
	"fmt"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/events"
)

// A repository may hold any number of links that lead out of it: some are named in the document, the rest is counted.
func TestManyLeftOut(t *testing.T) {
	w := newWorld(t, plain())
	for i := range 150 {
		w.repo.Link(fmt.Sprintf("link-%03d", i), "/etc/passwd")
	}
	w.repo.Push("main", "links", nil)
	w.begin()
	v := w.validation(w.stage(events.StageProposed).Validated.Validation)
	if n := len(v.Left); n != 101 || v.Left[0].Path != "link-000" || v.Left[100].Path != "50 more" {
		t.Errorf("%d remarks, the last %+v", n, v.Left[max(n-1, 0)])
	}
	if text := w.repo.Git("log", "-1", "--format=%B", w.stage(events.StageProposed).Branch); !strings.Contains(text, "link-000") {
		t.Error("the proposal does not say that links are left out")
	}
	w.settled()
}
