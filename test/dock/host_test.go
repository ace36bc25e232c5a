package dock

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// On a system that is not healthy no update begins; it is tried again by itself. A backup that was verified is recorded.
func TestBeforeUpdate(t *testing.T) {
	w := newWorld(t, plain())
	sick := filepath.Join(w.dir, "sick")
	if err := os.WriteFile(sick, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.decl = fmt.Sprintf("    before_update:\n      health: {command: [sh, -c, 'echo queue is full; test ! -e \"%s\"']}\n      backup: {command: [sh, -c, 'echo restored 12 tables']}\n", sick)
	w.clock(-10 * time.Minute) // the pause before it is tried again
	w.sweep = 100 * time.Millisecond
	c := w.reported()
	w.check(c, want{stage: events.StageParked, kind: events.ParkedHealth, step: report.StepHealth, reason: []string{"the system is not known to be healthy", "ended with 1", "queue is full"}, do: "put right"})
	st := w.validation(c.Parked.Validation).Step(report.StepHealth)
	if st.Log == "" || !strings.Contains(string(w.evidence(st.Log)), "queue is full") {
		t.Errorf("%+v", st)
	}
	if v := w.validation(c.Parked.Validation); len(v.Steps) != 1 {
		t.Errorf("it went on: %+v", v.Steps)
	}
	if err := os.Remove(sick); err != nil {
		t.Fatal(err)
	}
	w.clock(0)
	c = w.stage(events.StageProposed)
	v := w.validation(c.Validated.Validation)
	if v.Backup == nil || v.Backup.Log == "" || !strings.Contains(string(w.evidence(v.Backup.Log)), "restored 12 tables") || v.Backup.Until.Sub(v.Backup.Verified) != 24*time.Hour {
		t.Errorf("backup: %+v", v.Backup)
	}
	if all := w.kinds(0); count(all, "change.resumed") != 1 || count(all, "change.parked") != 1 {
		t.Errorf("%v", all)
	}
	w.settled()
}

// What this host does not have parks the change, and says how to have it.
func TestHostLacks(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*world)
		want want
	}{
		{"Python", func(w *world) { w.plans.Python = "3.99" },
			want{kind: events.ParkedSetup, step: report.StepRead, reason: []string{"3.99"}, do: "validator.pythons"}},
		{"room in the dock", func(w *world) {
			rare(w.t)
			w.cfg.Disk = 64 << 20
			w.index.Wheel("large", "1.0", map[string]string{"large/data.bin": strings.Repeat("0123456789abcdef", 9<<19)})
			w.repo.Push("main", "large", map[string]string{"requirements.txt": "lib==1.0\nlarge==1.0\n"})
		}, want{kind: events.ParkedRoom, step: report.StepInstall, reason: []string{"64 MB"}, do: "raise validator.disk"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, plain())
			c.set(w)
			w.begin()
			c.want.stage = events.StageParked
			w.check(w.change(0, reports...), c.want)
			w.settled()
		})
	}
}

// The time that the server gives is over.
func TestLimit(t *testing.T) {
	w := newWorld(t, plain())
	w.cfg.Limit = 6 * time.Second
	over := w.limited()
	files, mark := waitFor(t, "changed", "smoke")
	w.repo.Push("main", "hangs", files)
	w.begin()
	meet(t, mark, map[string]int{"smoke": 1})
	over()
	w.check(w.change(0, reports...), want{stage: events.StageParked, kind: events.ParkedFailed, step: report.StepSmoke,
		reason: []string{"smoke was not done when validator.limit (6s) was over"}, do: "raise validator.limit"})
	w.settled()
}

// Where user namespaces are forbidden and more than Landlock is asked for, nothing is installed. It runs in a namespace
// of its own, in which there are to be no further ones.
func TestNamespacesForbidden(t *testing.T) {
	const child = "DRYDOCK_TEST_FORBIDDEN"
	if os.Getenv(child) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestNamespacesForbidden$", "-test.v")
		cmd.Env = append(os.Environ(), child+"=1")
		cmd.SysProcAttr = forbidding()
		out, err := cmd.CombinedOutput()
		if cmd.Process == nil {
			t.Skipf("no namespace to be had here: %v", err)
		}
		if err != nil || !strings.Contains(string(out), "--- PASS") && !strings.Contains(string(out), "--- SKIP") {
			t.Errorf("%v\n%s", err, out)
		}
		t.Logf("%s", out)
		return
	}
	if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
		t.Skip(err)
	}
	w := newWorld(t, plain())
	w.decl = "    isolation: namespaces\n"
	w.check(w.reported(), want{stage: events.StageParked, kind: events.ParkedSetup, step: report.StepRead, reason: []string{"isolation namespaces is required and this host does not give it", "user.max_user_namespaces"}, do: "drydock isolation says how"})
	w.settled()
}

// Two validators on one bus, in two folders, that see the same at once: one report comes of it.
func TestTwoLook(t *testing.T) {
	w := newWorld(t, plain())
	b := bus.NewMemory()
	w.start(b)
	second := filepath.Join(w.dir, "second")
	first := w.cfg.Dir
	w.cfg.Dir = second
	folds := worker.NewFolds(b)
	one := w.svc
	w.stages(b, folds)
	other := w.svc
	w.svc, w.cfg.Dir = one, first
	run := worker.New(b, other.Routes(), worker.Options{Folds: folds, Log: quiet(), Drain: time.Second})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	select {
	case <-run.Ready():
	case err := <-ended:
		t.Fatal(err)
	}
	w.update("first")
	w.stage(events.StageProposed)
	w.repo.Push("main", "moves", map[string]string{"README": "1\n"})
	at := w.here()
	done := make(chan struct{})
	go func() { other.Look(t.Context()); close(done) }()
	one.Look(t.Context())
	<-done
	w.change(at, "change.proposed")
	all := w.kinds(0)
	for name, n := range map[string]int{"change.validated": 2, "artifact.voided": 1, "change.proposed": 2, "effect.intended": 2, "effect.done": 2, "change.parked": 0} {
		if count(all, name) != n {
			t.Errorf("%d × %s, want %d: %v", count(all, name), name, n, all)
		}
	}
	w.settled()
	w.cfg.Dir = second
	w.nothingLeft()
}
