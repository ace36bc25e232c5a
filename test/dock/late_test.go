package dock

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/drydock-dev/drydock/pkg/events"
)

// there says whether a file is.
func there(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// A change that ends while its branch is being pushed: what took place is recorded, and the branch goes again.
func TestEndsWhilePushed(t *testing.T) {
	w := newWorld(t, plain())
	began, goOn := filepath.Join(w.dir, "began"), filepath.Join(w.dir, "go on")
	w.repo.Hook("pre-receive", fmt.Sprintf("touch '%s'; while ! test -e '%s'; do sleep 0.05; done", began, goOn))
	w.begin()
	w.until("something pushed", func(*events.State) bool { return there(began) })
	c := w.stage(events.StageValidated)
	w.append("meanwhile", events.ChangeSuperseded{Change: c.Change, Reason: "the newer plan has no such phase"})
	w.until("told of its end", func(s *events.State) bool { return s.Changes[c.Change].Terminal == "superseded" })
	w.until("all but the push answered", func(*events.State) bool { return w.unanswered() == 1 })
	if err := os.WriteFile(goOn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := w.until("closed", func(s *events.State) bool { return s.Branches[c.Branch].Closed })
	if got := w.repo.Branches(); len(got) != 1 {
		t.Errorf("there are %v", got)
	}
	if s.Changes[c.Change].Terminal != "superseded" {
		t.Errorf("%+v", s.Changes[c.Change])
	}
	w.settled()
}
