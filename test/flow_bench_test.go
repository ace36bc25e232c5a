package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/drydock-dev/drydock/deploy/demo/frozen"
	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/evidence"
)

// BenchmarkUpReady: `drydock up` on an empty data directory, from exec to the line that says ready.
func BenchmarkUpReady(b *testing.B) {
	env := cleanEnv(b)
	binary(b)
	var took []time.Duration
	for b.Loop() {
		k := &killed{t: b, data: b.TempDir(), env: env}
		began := time.Now()
		up := k.start()
		took = append(took, time.Since(began))
		up.terminate()
	}
	quantiles(b, took, "ready")
}

// BenchmarkRequestToPlan: one application of 30 pins, from the request to its plan, with a warm index cache,
// through the API of a running Drydock. Each round is another application, so each makes a plan.
func BenchmarkRequestToPlan(b *testing.B) {
	up, path, _ := flow(b)
	defer up.terminate()
	plan(b, up, path, "warm")
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		began := time.Now()
		plan(b, up, path, "app-"+strconv.Itoa(i))
		took = append(took, time.Since(began))
	}
	quantiles(b, took, "plan")
}

// BenchmarkHundredAtOnce: 100 applications asked for at once until the last plan is there, against writing
// what that stored (the same batches of the same bytes, and the documents) with nats.go alone, as many at once.
func BenchmarkHundredAtOnce(b *testing.B) {
	for b.Loop() {
		up, path, data := flow(b)
		plan(b, up, path, "warm")
		began := time.Now()
		atOnce(100, func(i int) { plan(b, up, path, "app-"+strconv.Itoa(i)) })
		ours := time.Since(began)
		up.terminate()
		raw := rewrite(b, data)
		b.ReportMetric(ours.Seconds()/raw.Seconds(), "times-raw")
		b.ReportMetric(float64(ours.Milliseconds()), "ours-ms")
		b.ReportMetric(float64(raw.Milliseconds()), "raw-ms")
	}
}

func quantiles(b *testing.B, took []time.Duration, what string) {
	slices.Sort(took)
	for _, q := range []int{50, 99} {
		b.ReportMetric(float64(took[len(took)*q/100].Microseconds())/1000, fmt.Sprintf("p%d-%s-ms", q, what))
	}
	b.ReportMetric(0, "ns/op") // the quantiles say more
}

func atOnce(n int, do func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

// flow starts Drydock on the demo's frozen world with an application of 30 pins.
func flow(b *testing.B) (*running, string, string) {
	b.Helper()
	index, stop, err := frozen.Serve(filepath.Join(root(b), "deploy", "demo", "index"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(stop)
	k := &killed{t: b, data: b.TempDir(), env: planEnv(b, index)}
	k.importAdvisories()
	pins := thirtyPins(b)
	path := filepath.Join(b.TempDir(), "payments")
	if err := os.MkdirAll(path, 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "requirements.txt"), []byte(pins), 0o644); err != nil {
		b.Fatal(err)
	}
	return k.start(), path, k.data
}

// thirtyPins are the demo's requirements and as many packages without advisories as make them thirty.
func thirtyPins(b testing.TB) string {
	data, err := os.ReadFile(filepath.Join(root(b), "deploy", "demo", "requirements.txt"))
	if err != nil {
		b.Fatal(err)
	}
	var pins []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "-") {
			pins = append(pins, line)
		}
	}
	for i := len(pins); i < 30; i++ {
		pins = append(pins, fmt.Sprintf("quiet-package-%d==1.0", i))
	}
	return strings.Join(pins, "\n") + "\n"
}

func plan(b testing.TB, up *running, path, app string) {
	q := (&killed{}).request(path, app)
	q.Application, q.IndexURL = app, ""
	scan, err := up.api.RequestScan(b.Context(), q)
	if err == nil {
		scan, err = up.api.Scan(b.Context(), scan.ID, time.Minute)
	}
	if err == nil {
		_, err = up.api.Plan(b.Context(), app, scan.Answered, time.Minute)
	}
	if err != nil {
		b.Errorf("%s: %v", app, err)
	}
}

// rewrite stores what the log and the evidence in data hold of app-*, with nats.go alone, and returns how
// long that took.
func rewrite(b *testing.B, data string) time.Duration {
	b.Helper()
	batches, documents := stored(b, data)
	s, err := server.NewServer(&server.Options{ServerName: "raw", DontListen: true, JetStream: true, StoreDir: b.TempDir(), SyncAlways: true, NoSigs: true,
		JetStreamLimits: server.JSLimitOpts{MaxBatchInflightPerStream: 1000}})
	if err != nil {
		b.Fatal(err)
	}
	s.Start()
	defer func() { s.Shutdown(); s.WaitForShutdown() }()
	if !s.ReadyForConnections(10 * time.Second) {
		b.Fatal("the raw server is not ready")
	}
	nc, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		b.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		b.Fatal(err)
	}
	for name, subject := range map[string]string{"RAW": "raw.event.>", "DOCS": "raw.doc.>"} {
		if _, err := js.CreateStream(b.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{subject}, AllowAtomicPublish: name == "RAW"}); err != nil {
			b.Fatal(err)
		}
	}
	began := time.Now()
	atOnce(100, func(i int) {
		for n := i; n < len(documents); n += 100 {
			if _, err := js.Publish(b.Context(), "raw.doc."+strconv.Itoa(n), documents[n]); err != nil {
				b.Error(err)
			}
		}
		for n := i; n < len(batches); n += 100 {
			rawAppend(b, nc, batches[n])
		}
	})
	return time.Since(began)
}

// stored reads the batches, in the order of the log, and the documents they name.
func stored(b *testing.B, data string) (batches [][]*nats.Msg, documents [][]byte) {
	b.Helper()
	log, err := bus.Embedded(b.Context(), bus.EmbeddedConfig{Dir: data})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	last, seen := "", map[string]bool{}
	_, err = log.Replay(b.Context(), bus.Query{}, func(r bus.Record) error {
		app := events.App(r.Event)
		if !strings.HasPrefix(app, "app-") {
			return nil
		}
		header, body, err := events.Encode(r.Event)
		if err != nil {
			return err
		}
		if key := app + events.Ext(r.Event, events.ExtCause); key != last {
			batches, last = append(batches, nil), key
		}
		m := &nats.Msg{Subject: "raw.event.routine." + app + ".x.y", Header: header, Data: body}
		batches[len(batches)-1] = append(batches[len(batches)-1], m)
		for _, d := range digests(body) {
			if doc, err := log.Evidence().Get(b.Context(), d); err == nil && !seen[string(d)] {
				seen[string(d)], documents = true, append(documents, doc)
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return batches, documents
}

var digestForm = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// digests are all that stand in a payload.
func digests(body []byte) []evidence.Digest {
	var out []evidence.Digest
	for _, d := range digestForm.FindAll(body, -1) {
		out = append(out, evidence.Digest(d))
	}
	return out
}

func rawAppend(b *testing.B, nc *nats.Conn, batch []*nats.Msg) {
	id := nuid.Next()
	for i, m := range batch {
		if len(batch) > 1 {
			m.Header["Nats-Batch-Id"], m.Header["Nats-Batch-Sequence"] = []string{id}, []string{strconv.Itoa(i + 1)}
		}
		if i > 0 && i < len(batch)-1 {
			if err := nc.PublishMsg(m); err != nil {
				b.Error(err)
			}
			continue
		}
		if i > 0 {
			m.Header["Nats-Batch-Commit"] = []string{"1"}
		}
		answer, err := nc.RequestMsg(m, 30*time.Second)
		var ack struct{ Error json.RawMessage }
		if err == nil && len(bytes.TrimSpace(answer.Data)) > 0 {
			err = json.Unmarshal(answer.Data, &ack)
		}
		if err != nil || ack.Error != nil {
			b.Errorf("raw batch: %v %s", err, ack.Error)
		}
	}
}

// BenchmarkBuild says how large the program is; building it from empty caches is timed by hand, see
// docs/performance.md.
func BenchmarkBuild(b *testing.B) {
	path := filepath.Join(b.TempDir(), "drydock")
	for b.Loop() {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./cmd/drydock")
		cmd.Dir, cmd.Env = root(b), append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/1e6, "MB")
}
