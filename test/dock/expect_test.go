package dock

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
)

// want is what a situation must come to.
type want struct {
	stage  string
	kind   string   // of a parked or rejected change
	step   string   // of a parked change
	reason []string // pieces of the reason
	do     string   // a piece of what to do
	log    string   // a piece of the log that is evidence
	pushed bool     // its branch is there
}

// reports are the events with which a validator says what became of a change.
var reports = []string{"change.validated", "change.rejected", "change.parked"}

// records reads the log of the application from a place on.
func (w *world) records(after uint64) []bus.Record {
	w.t.Helper()
	var out []bus.Record
	if _, err := w.b.Replay(w.t.Context(), bus.Query{App: app, From: after + 1}, func(r bus.Record) error {
		out = append(out, r)
		return r.Err
	}); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// kind is the short name of an event.
func kind(r bus.Record) string {
	row, _ := events.Lookup(r.Event.Type())
	return row.Name()
}

// here is the end of the log as it is now.
func (w *world) here() uint64 {
	w.t.Helper()
	at, err := w.b.LastSequence(w.t.Context(), app)
	if err != nil {
		w.t.Fatal(err)
	}
	return at
}

// change waits for an event of one of some kinds after a place in the log, and returns its change as that left it.
func (w *world) change(after uint64, kinds ...string) events.Change {
	w.t.Helper()
	var found bus.Record
	w.until(strings.Join(kinds, " or "), func(*events.State) bool {
		all := w.records(after)
		at := slices.IndexFunc(all, func(r bus.Record) bool { return slices.Contains(kinds, kind(r)) })
		if at >= 0 {
			found = all[at]
		}
		return at >= 0
	})
	w.state() // what looks next looks no earlier than at this
	return w.as(found)
}

// as is the change of an event as the log had it just after that.
func (w *world) as(r bus.Record) events.Change {
	w.t.Helper()
	s := events.NewState(app)
	for _, one := range w.records(0) {
		if one.Sequence > r.Sequence {
			break
		}
		if err := s.Apply(one.Record); err != nil {
			w.t.Fatal(err)
		}
	}
	return s.Changes[events.Ext(r.Event, events.ExtChange)]
}

// idle waits until every event is answered. Timers are left out: one that comes before its time is handed back until then.
func (w *world) idle() {
	w.t.Helper()
	w.until("everything answered", func(*events.State) bool { return w.unanswered() == 0 })
}

// unanswered counts the events that wait for their answer from a stage, and those in hand.
func (w *world) unanswered() int {
	w.t.Helper()
	status, err := w.b.Status(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	n := 0
	for _, c := range status.Consumers {
		if !strings.HasSuffix(c.Name, "-due") {
			n += int(c.Pending) + c.InFlight
		}
	}
	return n
}

// again asks for an update and waits for what becomes of it. Nothing is under way then that could meet what comes next.
func (w *world) again(key string) events.Change {
	w.t.Helper()
	at := w.here()
	w.update(key)
	c := w.change(at, reports...)
	w.idle()
	return c
}

// anew is again for manifests that changed: what counts is the change of the new plan. The one before it may have been
// tried once more before that was known.
func (w *world) anew(key string) events.Change {
	w.t.Helper()
	at := w.here()
	w.update(key)
	id := w.change(at, "change.opened").Change
	var c events.Change
	w.until("a report of "+id, func(s *events.State) bool {
		c = s.Changes[id]
		return c.Parked != nil || c.Rejected != nil || c.Proposed != nil
	})
	w.idle()
	return c
}

// check holds a change to what is wanted of it.
func (w *world) check(c events.Change, want want) {
	w.t.Helper()
	if c.Stage() != want.stage {
		w.t.Fatalf("%s, want %s", w.story(c), want.stage)
	}
	reason, do, step, sort, log := c.Reason, "", "", "", ""
	switch {
	case c.Rejected != nil:
		sort, log = c.Rejected.Kind, c.Rejected.Log
	case c.Parked != nil:
		sort, reason, do, step = c.Parked.Kind, c.Parked.Reason, c.Parked.Do, c.Parked.Step
	}
	if sort != want.kind || want.step != "" && step != want.step || !strings.Contains(do, want.do) {
		w.t.Errorf("%s\nwant kind %q, step %q, to do %q", w.story(c), want.kind, want.step, want.do)
	}
	for _, piece := range want.reason {
		if !strings.Contains(reason, piece) {
			w.t.Errorf("%s\nwant a reason with %q", w.story(c), piece)
		}
	}
	if c.Parked != nil && (reason == "" || do == "" || c.Parked.Validation == "" && c.Parked.Kind != events.ParkedTouched && step != "propose") {
		w.t.Errorf("%s\nis parked without reason, advice or document", w.story(c))
	}
	if want.log != "" && (log == "" || !strings.Contains(string(w.evidence(log)), want.log)) {
		w.t.Errorf("%s\nits log has no %q", w.story(c), want.log)
	}
	if testing.Verbose() {
		w.t.Log(w.story(c))
	}
	if there := slices.Contains(w.repo.Branches(), c.Branch); there != want.pushed {
		w.t.Errorf("the branch %s is there: %t, want %t", c.Branch, there, want.pushed)
	}
}

// story is what the person who looks at a change is told.
func (w *world) story(c events.Change) string {
	switch {
	case c.Rejected != nil:
		return fmt.Sprintf("%s (%s): %s [%v]", c.Stage(), c.Rejected.Kind, c.Reason, c.Rejected.Failing)
	case c.Parked != nil:
		return fmt.Sprintf("%s (%s, %s): %s\n  to do: %s", c.Stage(), c.Parked.Kind, c.Parked.Step, c.Parked.Reason, c.Parked.Do)
	}
	return c.Stage() + " " + c.Reason
}

// settled waits until everything is told, and holds it to what must be then: one report for each cause, and nothing left.
func (w *world) settled() {
	w.t.Helper()
	w.idle()
	seen := map[string]string{}
	for _, r := range w.records(0) {
		if name := kind(r); slices.Contains(reports, name) {
			cause := events.Ext(r.Event, events.ExtCause) + " " + events.Ext(r.Event, events.ExtChange)
			if seen[cause] != "" {
				w.t.Errorf("%s and %s answer the same event", seen[cause], name)
			}
			seen[cause] = name
		}
	}
	if letters, err := w.b.Letters(w.t.Context(), true); err != nil || len(letters) > 0 {
		w.t.Errorf("dead letters: %+v, %v", letters, err)
	}
	w.nothingLeft()
}

// nothingLeft waits until nothing is: no folder of work, no process, no mount. What ends a piece of work comes after
// its report.
func (w *world) nothingLeft() {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		left := w.left()
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			w.t.Errorf("left behind: %s", strings.Join(left, "\n"))
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (w *world) left() []string {
	out := children()
	for _, dir := range []string{filepath.Join(w.cfg.Dir, "work"), filepath.Join(w.cfg.Dir, "artifacts"), filepath.Join(w.cfg.Dir, "wheels"), filepath.Join(w.cfg.Dir, "baselines"), w.dir} {
		entries, err := os.ReadDir(dir)
		if err != nil && !os.IsNotExist(err) {
			out = append(out, err.Error())
		}
		for _, e := range entries {
			if filepath.Base(dir) == "work" || strings.HasPrefix(e.Name(), ".new-") || strings.HasPrefix(e.Name(), "scan-") || strings.HasPrefix(e.Name(), "room") {
				out = append(out, filepath.Join(dir, e.Name()))
			}
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err == nil && strings.Contains(string(mounts), w.dir) {
		out = append(out, "a mount below "+w.dir)
	}
	return out
}

// children are the processes that this one started, and any that runs this program and is none of them: what
// outlived its parent has another one by now.
func children() []string {
	var out []string
	self, _ := os.Readlink("/proc/self/exe") // empty: not on Linux
	entries, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range entries {
		data, err := os.ReadFile(stat)
		pid, perr := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		if err != nil || perr != nil || pid == os.Getpid() {
			continue
		}
		_, rest, _ := strings.Cut(string(data), ") ")
		fields := strings.Fields(rest)
		exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		mine := len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid())
		if mine || exe != "" && exe == self {
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			out = append(out, fmt.Sprintf("process %d (%s) %s", pid, strings.ReplaceAll(string(line), "\x00", " "), fields[0]))
		}
	}
	return out
}
