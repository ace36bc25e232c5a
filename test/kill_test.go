package test

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/deploy/demo/frozen"
	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/worker/workertest"
	"github.com/drydock-dev/drydock/services/gateway/api"
	"github.com/drydock-dev/drydock/services/gateway/client"
)

// TestKill ends `drydock up` with SIGKILL at random moments while scans are asked for and answered, and starts
// it again each time. In the end every accepted request has its answer, and no finding, plan, change or timer
// is lost or there twice. DRYDOCK_KILLS sets how often (10), DRYDOCK_SEED the moments.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a process many times")
	}
	kills, seed := number("DRYDOCK_KILLS", 10), uint64(number("DRYDOCK_SEED", int(time.Now().UnixNano()%1e6)))
	t.Logf("%d kills, DRYDOCK_SEED=%d", kills, seed)
	random := rand.New(rand.NewPCG(seed, seed))
	index, stop, err := frozen.Serve(filepath.Join(root(t), "deploy", "demo", "index"))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	k := &killed{t: t, data: t.TempDir(), env: planEnv(t, index), index: index}
	k.importAdvisories()
	apps := k.applications(5)
	asked := map[string]int{} // scans accepted, by application
	for i := range kills {
		up := k.start()
		for _, app := range apps {
			if _, err := up.api.RequestScan(t.Context(), k.request(app, fmt.Sprint(app, i))); err == nil {
				asked[filepath.Base(app)]++
			}
			if random.IntN(len(apps)) == 0 {
				break // sometimes it dies before all were asked for
			}
		}
		// The random moment. Where a plan takes longer than all of them, as on a busy machine, the question would be given
		// up in the end as one that ends every process: so one life in a few goes on until all is answered.
		if time.Sleep(time.Duration(random.Int64N(int64(500 * time.Millisecond)))); i%killsAtMost == killsAtMost-1 {
			up.quiet(slices.Collect(maps.Keys(asked)))
		}
		up.kill()
	}
	up := k.start()
	for _, app := range apps { // the same question once more, to be sure that there is an answer for each
		up.accepts(k.request(app, "last"))
		asked[filepath.Base(app)]++
	}
	up.quiet(slices.Collect(maps.Keys(asked)))
	up.terminate()
	k.checkData(asked)
}

// killsAtMost is how many lives in a row may end before they answered anything: below the deliveries of a message after
// which it is no longer tried (pkg/worker).
const killsAtMost = 8

func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

type killed struct {
	t           testing.TB
	data, index string
	env         []string
	args        []string // of up, beside the data directory
}

func (k *killed) importAdvisories() {
	cmd := exec.Command(binary(k.t), "db", "import", filepath.Join(root(k.t), "deploy", "demo", "advisories"), "--data", k.data)
	cmd.Env = k.env
	if out, err := cmd.CombinedOutput(); err != nil {
		k.t.Fatalf("import the advisories: %v\n%s", err, out)
	}
}

// applications are folders with different requirements out of the demo's.
func (k *killed) applications(n int) []string {
	all, err := os.ReadFile(filepath.Join(root(k.t), "deploy", "demo", "requirements.txt"))
	if err != nil {
		k.t.Fatal(err)
	}
	pins := regexp.MustCompile(`(?m)^[a-z0-9-]+==[^ \\\n]+`).FindAllString(string(all), -1)
	var paths []string
	for i := range n {
		dir := filepath.Join(k.t.TempDir(), fmt.Sprintf("app-%d", i))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			k.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "requirements.txt"), []byte(strings.Join(pins[i:], "\n")+"\n"), 0o644); err != nil {
			k.t.Fatal(err)
		}
		paths = append(paths, dir)
	}
	return paths
}

func (k *killed) request(path, id string) api.ScanRequest {
	return api.ScanRequest{Path: path, Application: filepath.Base(path), IndexURL: k.index, Python: "3.11", RequestID: id}
}

// running is one `drydock up`.
type running struct {
	t    testing.TB
	cmd  *exec.Cmd
	api  *client.Client
	gone <-chan struct{} // closed when it has ended
}

// saidLast is how many lines of what a drydock said last are told where a test fails.
const saidLast = 40

var address = regexp.MustCompile(`is ready: (http://127\.0\.0\.1:\d+)`)

func (k *killed) start() *running {
	k.t.Helper()
	cmd := exec.Command(binary(k.t), append([]string{"up", "--data", k.data, "--listen", "127.0.0.1:0"}, k.args...)...)
	cmd.Env = k.env
	stderr, err := cmd.StderrPipe()
	if err != nil {
		k.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { _ = cmd.Process.Kill() }) // long gone unless the test failed
	lines := bufio.NewScanner(stderr)
	var said []string
	for lines.Scan() {
		said = append(said, lines.Text())
		found := address.FindStringSubmatch(lines.Text())
		if found == nil {
			continue
		}
		gone := make(chan struct{})
		go func() { // what it says must not block it, and is told where the test fails
			defer close(gone)
			for lines.Scan() {
				said = append(said[max(len(said)-saidLast, 0):], lines.Text())
			}
		}()
		k.t.Cleanup(func() {
			_ = cmd.Process.Kill()
			select {
			case <-gone:
			case <-time.After(5 * time.Second): // a child of it has its stderr still
			}
			_ = cmd.Wait() // closes it; it may have been waited for
			if <-gone; k.t.Failed() {
				k.t.Logf("drydock up at %s ended with %s; it said\n%s", found[1], cmd.ProcessState, strings.Join(said, "\n"))
			}
		})
		c, err := client.New(found[1])
		if err != nil {
			k.t.Fatal(err)
		}
		return &running{t: k.t, cmd: cmd, api: c, gone: gone}
	}
	k.t.Fatalf("drydock up did not get ready: %v\n%s", cmd.Wait(), strings.Join(said, "\n"))
	return nil
}

func (r *running) kill() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait() // killed: the error says so
	_ = r.api.Close()
}

func (r *running) terminate() {
	r.t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
	if err := r.cmd.Wait(); err != nil {
		r.t.Errorf("drydock up ended after a signal with %v", err)
	}
}

// quiet waits until nothing is pending and every application's newest scan was planned for.
func (r *running) quiet(apps []string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Minute)
	defer cancel()
	for _, app := range apps {
		for {
			a, err := r.api.Application(ctx, app)
			if err == nil && a.Pending == 0 {
				break
			}
			r.pause(ctx, app+" does not get quiet", err)
		}
	}
	for {
		s, err := r.api.Status(ctx)
		if err == nil && s.DeadLetters > 0 {
			r.t.Fatalf("%d dead letters", s.DeadLetters)
		}
		if err == nil && !slices.ContainsFunc(s.Bus.Consumers, func(c bus.ConsumerStatus) bool { return c.Pending > 0 || c.InFlight > 0 }) {
			return
		}
		r.pause(ctx, "the consumers do not get quiet", err)
	}
}

// accepts asks until it is taken. The log of a busy machine may not answer in time; a write that a full disk swallowed
// is told of when its time is over, and the log is started anew then, whatever room there is.
func (r *running) accepts(q api.ScanRequest) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Minute)
	defer cancel()
	for {
		_, err := r.api.RequestScan(ctx, q)
		if err == nil {
			return
		}
		r.pause(ctx, "a scan is not accepted", err)
	}
}

// pause waits a little before the next look. Whoever is not there any more, or says anything but that the log does not
// answer just now, is not looked at again.
func (r *running) pause(ctx context.Context, what string, err error) {
	r.t.Helper()
	if err != nil && !api.Is(err, api.Unavailable) {
		r.t.Fatalf("%s: %v", what, err)
	}
	select {
	case <-r.gone:
		r.t.Fatalf("%s: drydock up has ended (%v)", what, err)
	case <-ctx.Done():
		r.t.Fatalf("%s in time (%v)", what, err)
	case <-time.After(50 * time.Millisecond):
	}
}

// checkData is check for a log in the data directory.
func (k *killed) checkData(asked map[string]int) {
	b, err := bus.Embedded(k.t.Context(), bus.EmbeddedConfig{Dir: k.data})
	if err != nil {
		k.t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	k.check(b, asked)
}

// check reads the log itself.
func (k *killed) check(b bus.Bus, asked map[string]int) {
	t := k.t
	if err := workertest.CheckUnique(t.Context(), b); err != nil {
		t.Error(err)
	}
	states, _, err := workertest.Fold(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	tally := map[string]map[string]int{} // application → event or finding → how often
	if _, err := b.Replay(t.Context(), bus.Query{}, func(r bus.Record) error {
		app := events.App(r.Event)
		if tally[app] == nil {
			tally[app] = map[string]int{}
		}
		row, _ := events.Lookup(r.Event.Type())
		tally[app][row.Name()]++
		if p, err := events.Decode[events.FindingOpened](r.Event); err == nil {
			tally[app]["finding "+p.Finding]++
		}
		return r.Err
	}); err != nil {
		t.Fatal(err)
	}
	timers, err := b.Scheduled(t.Context(), string(events.Planner))
	if err != nil {
		t.Fatal(err)
	}
	for app, n := range asked {
		checkApplication(t, states[app], tally[app], n, timers)
	}
}

func checkApplication(t testing.TB, s *events.State, tally map[string]int, asked int, timers []bus.Timer) {
	t.Helper()
	if got := tally["scan.completed"]; got != tally["scan.requested"] || got < asked { // a request can be stored and its answer killed
		t.Errorf("%s: %d scans accepted, %d in the log, %d answered", s.App, asked, tally["scan.requested"], got)
	}
	if s.OpenFindings() == 0 || s.OpenFindings() != len(s.Findings) {
		t.Errorf("%s: %d of %d findings open", s.App, s.OpenFindings(), len(s.Findings))
	}
	for id := range s.Findings {
		if tally["finding "+id] != 1 {
			t.Errorf("%s: finding %s was opened %d times", s.App, id, tally["finding "+id])
		}
	}
	if s.Plan == nil || tally["plan.generated"] != 1 {
		t.Errorf("%s: %d plans for an application that never changed", s.App, tally["plan.generated"])
		return
	}
	var open, timed []string
	for id := range s.Changes {
		open = append(open, id)
	}
	for _, timer := range timers {
		if timer.App == s.App {
			timed = append(timed, timer.Key)
		}
	}
	slices.Sort(open)
	slices.Sort(timed)
	if len(open) != len(s.Plan.Phases) || !slices.Equal(open, timed) {
		t.Errorf("%s: changes %v, phases %v, timers %v", s.App, open, s.Plan.Phases, timed)
	}
}
