package dock

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/artifact"
	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/worker/workertest"
	"github.com/drydock-dev/drydock/test/yard"
)

// killed is one way to die.
type killed struct {
	at     string // the place, as child.at names it; "inside STEP": at some moment while a box of it runs; or anywhere
	always bool   // not only where DRYDOCK_E2E is set
	bad    bool   // one of two updates fails the tests: rejected, and the other one goes on
	alone  bool   // checks run one after another, not at the same time
	old    bool   // a test fails without the change, too
	usual  bool   // with the times of a running server: 30 s of a lease, 10 s until a message comes again
}

// kills are all steps in their order, and the moments around what is written elsewhere.
var kills = []killed{
	{at: "step " + report.StepHealth},
	{at: "step " + report.StepBackup},
	{at: "step " + report.StepCheckout},
	{at: "step " + report.StepRead},
	{at: "step " + report.StepManifests},
	{at: "step " + report.StepFetch},
	{at: "inside " + report.StepInstall, always: true},
	{at: "step " + report.StepInstall},
	{at: "step " + report.StepPipCheck},
	{at: "step " + report.StepSeal, always: true},
	{at: "step " + report.StepRescan},
	{at: "inside " + report.StepBaseline},
	{at: "step " + report.StepBaseline},
	{at: "inside " + report.StepTests, alone: true},
	{at: "step " + report.StepConfirm, old: true, always: true},
	{at: "step " + report.StepTests},
	{at: "step " + report.StepTests, old: true},
	{at: "step " + report.StepSecurity},
	{at: "step " + report.StepSmoke},
	{at: "step " + report.StepVerify},
	{at: "step concluded"},
	{at: "step " + report.StepBisect, bad: true, always: true},
	{at: "step concluded", bad: true},
	{at: "before append change.validated"},
	{at: "after append change.validated", always: true},
	{at: "after append effect.intended"},
	{at: "before propose"},
	{at: "after propose", always: true},
	{at: "after append effect.done"},
	{at: "step " + report.StepTests, usual: true},
	{at: anywhere, always: true},
	{at: anywhere},
	{at: anywhere, old: true},
	{at: anywhere, bad: true},
	{at: anywhere, bad: true},
}

// anywhere is some moment between the opening of a change and its proposal.
const anywhere = "anywhere"

// slow are tests that no kill can come too late for: they wait for a process in a session of its own, which is ended
// from outside (relatives).
const slow = `import subprocess


def test_slow():
    subprocess.Popen("` + sleeper + `".split(), start_new_session=True).wait()
`

// sleeper is the command line of that process.
const sleeper = "sleep 4813"

// TestKillEverywhere ends a whole Drydock with SIGKILL at each step of a validation and around each outside effect,
// and starts it again on the same folder. In the end each change has one report, the repository one branch with one
// commit, and nothing is left of the process that died. Where DRYDOCK_E2E is not set a part of the table is done.
func TestKillEverywhere(t *testing.T) {
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("kills processes and looks at what is left of them in /proc")
	}
	for i, k := range kills {
		if !k.always && os.Getenv("DRYDOCK_E2E") == "" {
			continue
		}
		name := k.at
		if name == anywhere {
			name = fmt.Sprint(anywhere, i) // no two of one name: a folder's would get a #, which a file URL takes for another thing
		}
		if k.bad {
			name += " of a rejection"
		}
		if k.old {
			name += " of what failed before"
		}
		if k.usual {
			name += " with the usual times"
		}
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			y := newKillYard(t, k)
			y.die(k.at)
			y.finish()
			y.check()
		})
	}
}

// killYard is the world of one case, as the process sees it that starts the others.
type killYard struct {
	t     *testing.T
	w     *world
	k     killed
	order order
}

func newKillYard(t *testing.T, k killed) *killYard {
	t.Helper()
	f := files()
	if strings.HasPrefix(k.at, "inside") {
		f["tests/test_slow.py"] = slow
	}
	if k.bad {
		f["tests/test_other.py"] = "import other\n\n\ndef test_other():\n    assert other.__version__ == \"1.0\"\n"
	}
	if k.old {
		f["tests/test_old.py"] = "def test_old():\n    assert False, 'it was so before'\n"
	}
	w := newWorld(t, f)
	if k.bad {
		w.db = yard.Advisories(t, yard.Advisory{ID: "GHSA-0000-0000-0001", Package: "lib", Fixed: "1.1"}, yard.Advisory{ID: "GHSA-0000-0000-0002", Package: "other", Fixed: "1.1"})
	}
	dir := openTemp(t)
	o := order{Dir: dir, Index: w.index.URL(), Repo: w.repo.Path, DB: w.db, Python: w.python, Ask: true, Lease: 6 * time.Second, AckWait: 3 * time.Second}
	o.Alone = k.alone
	if k.usual {
		o.Lease, o.AckWait = 0, 0
	}
	return &killYard{t: t, w: w, k: k, order: o}
}

// openTemp is a folder for one case, with a tmp of its own.
func openTemp(t *testing.T) string {
	t.Helper()
	dir := yard.TempDir(t)
	if err := os.Mkdir(filepath.Join(dir, "tmp"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// process is one under way.
type process struct {
	*killYard
	cmd   *exec.Cmd
	said  *lines
	ended chan struct{} // closed when it is gone
	err   error         // of its end
	kin   *relatives
}

// start runs a process; what it writes besides its data goes below its own folder. So many slow tests in it get to
// their end; -1: all.
func (y *killYard) start(o order, slow int) *process {
	y.t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		y.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		y.t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestChild$", "-test.timeout=30m", "-test.v")
	cmd.Env = append(os.Environ(), childOrder+"="+string(text), "TMPDIR="+filepath.Join(o.Dir, "tmp"))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		y.t.Fatal(err)
	}
	p := &process{killYard: y, cmd: cmd, ended: make(chan struct{}), kin: watchRelatives(cmd.Process.Pid, slow)}
	said, read := readLines(out)
	p.said = said
	go func() {
		<-read
		p.err = cmd.Wait()
		close(p.kin.stop)
		<-p.kin.done
		close(p.ended)
	}()
	y.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.ended
	})
	return p
}

// over waits for its end.
func (p *process) over() {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(2 * patience):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // it shows on stderr where it stands
		<-p.ended
		p.t.Fatalf("it does not end; it said:\n%s", p.said)
	}
}

// die has a process end at a place, and looks for what it left running.
func (y *killYard) die(at string) {
	y.t.Helper()
	o := y.order
	step, inside := strings.CutPrefix(at, "inside ")
	if !inside && at != anywhere {
		o.Die = at
	}
	slow := 0
	if step == report.StepTests {
		slow = 1 // of the baseline
	}
	p := y.start(o, slow)
	switch {
	case inside:
		p.killInside(step)
	case at == anywhere:
		p.killLater()
	}
	p.over()
	if at == anywhere && p.err == nil {
		y.t.Log("it was done before it was killed")
	} else if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		y.t.Fatalf("it was not killed at %s (%v), and said:\n%s", at, p.err, p.said)
	}
	nothingRuns(y.t, p.kin, o.Dir)
	y.order.Ask = false
}

// killInside kills it at some moment while a box of a step runs.
func (p *process) killInside(step string) {
	p.t.Helper()
	before := map[string]string{report.StepInstall: report.StepFetch, report.StepBaseline: report.StepRescan, report.StepTests: report.StepBaseline}[step]
	if !p.said.has("at step "+before, p.ended) {
		p.t.Fatalf("it did not come to %s, and said:\n%s", step, p.said)
	}
	p.inBox()
	time.Sleep(time.Duration(rand.Int64N(int64(400 * time.Millisecond)))) // the moment
	_ = p.cmd.Process.Kill()
}

// inBox waits until a box runs.
func (p *process) inBox() {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !p.kin.boxed(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("no box runs; it said:\n%s", p.said)
		}
	}
}

// killLater kills it some time after a change was opened.
func (p *process) killLater() {
	p.t.Helper()
	if !p.said.has("at after append change.opened", p.ended) {
		p.t.Fatalf("it opened no change, and said:\n%s", p.said)
	}
	later := time.Duration(rand.Int64N(int64(5 * time.Second)))
	p.t.Logf("killed after %s", later)
	select {
	case <-p.ended:
	case <-time.After(later):
	}
	_ = p.cmd.Process.Kill()
}

// finish has another process do the rest.
func (y *killYard) finish() {
	y.t.Helper()
	p := y.start(y.order, -1)
	p.over()
	if p.err != nil || !p.said.has("done", p.ended) {
		y.t.Fatalf("it ended with %v, and said:\n%s", p.err, p.said)
	}
	nothingRuns(y.t, p.kin, y.order.Dir)
}

// check holds the log, the repository and the folders to what must be there.
func (y *killYard) check() {
	y.t.Helper()
	b, err := bus.Embedded(y.t.Context(), bus.EmbeddedConfig{Dir: filepath.Join(y.order.Dir, "data"), Logger: quiet()})
	if err != nil {
		y.t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	y.checkLog(b)
	nothingLies(y.t, y.order.Dir)
}

func (y *killYard) checkLog(b bus.Bus) {
	t := y.t
	t.Helper()
	if err := workertest.CheckUnique(t.Context(), b); err != nil {
		t.Error(err)
	}
	tally := map[string]int{}
	var proposed events.ChangeProposed
	if _, err := b.Replay(t.Context(), bus.Query{App: app}, func(r bus.Record) error {
		row, _ := events.Lookup(r.Event.Type())
		tally[row.Name()]++
		if p, err := events.Decode[events.ChangeProposed](r.Event); err == nil {
			proposed = p
		}
		return r.Err
	}); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"change.opened": 1, "artifact.sealed": 1, "change.validated": 1, "change.rejected": 0, "change.parked": 0, "change.proposed": 1, "effect.intended": 1, "effect.done": 1, "effect.refused": 0}
	if y.k.bad {
		want["change.opened"], want["artifact.sealed"], want["change.rejected"] = 2, 2, 1
	}
	for name, n := range want {
		if tally[name] != n {
			t.Errorf("%d × %s in the log, want %d: %v", tally[name], name, n, tally)
		}
	}
	if letters, err := b.Letters(t.Context(), true); err != nil || len(letters) > 0 {
		t.Errorf("dead letters: %+v, %v", letters, err)
	}
	for _, bucket := range []string{"lease", "progress"} {
		kv, err := b.KV(bucket)
		if err != nil {
			t.Fatal(err)
		}
		if keys, err := kv.Keys(t.Context()); err != nil || len(keys) > 0 {
			t.Errorf("%s: %v, %v", bucket, keys, err)
		}
	}
	y.checkOutside(t.Context(), proposed, want["artifact.sealed"])
}

// checkOutside looks at the repository and at the artifacts.
func (y *killYard) checkOutside(ctx context.Context, p events.ChangeProposed, sealed int) {
	t := y.t
	t.Helper()
	if got := y.w.repo.Branches(); len(got) != 2 || !slices.Contains(got, p.Branch) {
		t.Fatalf("branches %v, want main and %s", got, p.Branch)
	}
	if got := y.w.repo.Git("rev-parse", p.Branch); got != p.Commit {
		t.Errorf("the branch shows %s, and %s was proposed", got, p.Commit)
	}
	if got := y.w.repo.Git("rev-list", "--count", "main.."+p.Branch); got != "1" {
		t.Errorf("the branch has %s commits of its own", got)
	}
	store, err := artifact.OpenStore(filepath.Join(y.order.Dir, "dock", "artifacts"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Verify(ctx, p.Artifact); err != nil {
		t.Error(err)
	}
	if all, err := store.List(); err != nil || len(all) != sealed {
		t.Errorf("artifacts %v, want %d, %v", all, sealed, err)
	}
}
