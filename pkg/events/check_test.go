package events_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"github.com/drydock-dev/drydock/pkg/events"
)

var badNames = []string{"", "Payments", "-payments", "pay ments", "pay.ments", "pay/ments", "*", ">", "payments\n", "zahlungen-ü", "_x", "__", strings.Repeat("a", 64), "a\x00"}

// TestApplicationNames tries bad names at every door of the package.
func TestApplicationNames(t *testing.T) {
	for _, good := range []string{"a", "0", "payments", "pay-ments-2", strings.Repeat("a", 63), events.Org} {
		if err := events.CheckApp(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for _, bad := range badNames {
		if err := events.CheckApp(bad); err == nil || !strings.Contains(err.Error(), "want 1 to 63 of a-z, 0-9 and '-'") {
			t.Errorf("CheckApp(%q): %v", bad, err)
		}
		if _, err := events.New(events.Meta{App: bad, Time: at}, events.ScanFailed{}); err == nil {
			t.Errorf("New takes %q", bad)
		}
		e := sample(t)
		e.Context.(*cloudevents.EventContextV1).Subject = &bad // SetSubject would trim
		if err := events.Check(e); err == nil {
			t.Errorf("Check takes %q", bad)
		}
		if _, err := events.Subject(e); err == nil {
			t.Errorf("Subject takes %q", bad)
		}
		if app, err := events.AppOfSubject("drydock.event.urgent." + bad + ".scan.completed"); err == nil || app != "" {
			t.Errorf("AppOfSubject takes %q as %q", bad, app)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		meta    events.Meta
		payload any
		want    string
	}{
		"unknown payload": {events.Meta{App: "a", Time: at}, struct{}{}, "is not in the catalogue"},
		"no payload":      {events.Meta{App: "a", Time: at}, nil, "is not in the catalogue"},
		"no time":         {events.Meta{App: "a"}, events.ScanFailed{}, "no time"},
		"lane":            {events.Meta{App: "a", Time: at, Lane: "fast.*"}, events.ScanFailed{}, `lane "fast.*" is neither urgent nor routine`},
	} {
		if _, err := events.New(c.meta, c.payload); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := events.New(events.Meta{App: "a", Time: at}, &events.ScanFailed{}); err != nil {
		t.Errorf("a pointer to a payload: %v", err)
	}
}

func TestCheckRefuses(t *testing.T) {
	org := goldenEvent(t, events.PolicyChanged{Policy: digestOf('a')})
	for name, c := range map[string]struct {
		change func(*events.Event)
		want   string
	}{
		"unknown type":          {func(e *events.Event) { e.SetType("dev.drydock.ghost.seen.v1") }, `type "dev.drydock.ghost.seen.v1" is not in the catalogue`},
		"later version":         {func(e *events.Event) { e.SetType("dev.drydock.finding.closed.v9") }, "is not in the catalogue"},
		"application as org":    {func(e *events.Event) { e.SetSubject(events.Org) }, "events of the organisation, and only they"},
		"org as application":    {func(e *events.Event) { *e = org.Clone(); e.SetSubject("payments") }, "events of the organisation, and only they"},
		"no lane":               {func(e *events.Event) { e.SetExtension(events.ExtLane, nil) }, `lane "" is neither`},
		"other lane":            {func(e *events.Event) { e.SetExtension(events.ExtLane, "URGENT") }, `lane "URGENT" is neither`},
		"another's":             {func(e *events.Event) { e.SetSource("/drydock/planner") }, `source is "/drydock/planner", want "/drydock/scanner"`},
		"no time":               {func(e *events.Event) { e.SetTime(time.Time{}) }, "no time"},
		"no id":                 {func(e *events.Event) { e.Context.(*cloudevents.EventContextV1).ID = "" }, "ce-id: is empty"},
		"control in actor":      {func(e *events.Event) { e.SetExtension(events.ExtActor, "eve\x1b[2J") }, "ce-actor: holds the character U+001B"},
		"extension name":        {func(e *events.Event) { e.Context.(*cloudevents.EventContextV1).Extensions["a-b"] = "x" }, "lower-case letters and digits"},
		"batch":                 {func(e *events.Event) { e.SetExtension(events.ExtBatch, "result 1") }, "is not the digest of a stored result"},
		"final without a batch": {func(e *events.Event) { e.SetExtension(events.ExtBatchFinal, "true") }, `on the closing event of a batch only`},
		"final": {func(e *events.Event) {
			e.SetExtension(events.ExtBatch, digestOf('a'))
			e.SetExtension(events.ExtBatchFinal, "yes")
		}, `want "true"`},
		"no payload":           {func(e *events.Event) { e.DataEncoded = nil }, "payload is not a FindingClosed"},
		"not JSON":             {func(e *events.Event) { e.DataEncoded = []byte("hello") }, "payload is not a FindingClosed"},
		"null":                 {func(e *events.Event) { e.DataEncoded = []byte(" null") }, "payload is not an object"},
		"list":                 {func(e *events.Event) { e.DataEncoded = []byte("[]") }, "payload is not a FindingClosed"},
		"other type of member": {func(e *events.Event) { e.DataEncoded = []byte(`{"finding":5}`) }, "payload is not a FindingClosed"},
		"member twice":         {func(e *events.Event) { e.DataEncoded = []byte(`{"finding":"f-1","finding":"f-2"}`) }, "duplicate"},
		"bad UTF-8":            {func(e *events.Event) { e.DataEncoded = []byte("{\"finding\":\"\xff\"}") }, "UTF-8"},
		"content type":         {func(e *events.Event) { e.SetDataContentType("text/json") }, `datacontenttype is "text/json"`},
		"too large":            {func(e *events.Event) { e.DataEncoded = padded(events.MaxSize) }, "store the payload as evidence"},
	} {
		e := sample(t).Clone()
		c.change(&e)
		if err := events.Check(e); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if err := events.Check(events.Event{}); err == nil {
		t.Error("an event without anything passes")
	}
	mixed := goldenEvent(t, events.ScanFailed{Application: "ledger", Reason: "crashed"})
	if err := events.Check(mixed); err == nil || !strings.Contains(err.Error(), `payload speaks of application "ledger", the event of "payments"`) {
		t.Errorf("payload of another application: %v", err)
	}
}

func padded(n int) []byte {
	data, _ := json.Marshal(map[string]string{"finding": strings.Repeat("a", n)})
	return data
}

// TestSizeLimit: MaxSize itself passes, one byte more does not; headers count.
func TestSizeLimit(t *testing.T) {
	e := sample(t)
	e.DataEncoded = padded(0)
	room := events.MaxSize - events.Size(e)
	e.DataEncoded = padded(room)
	if n := events.Size(e); n != events.MaxSize {
		t.Fatalf("size %d", n)
	}
	if err := events.Check(e); err != nil {
		t.Errorf("%d bytes: %v", events.MaxSize, err)
	}
	e.DataEncoded = padded(room + 1)
	if err := events.Check(e); err == nil {
		t.Error("one byte more passes")
	}
	header, data, err := events.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	wire := len("NATS/1.0\r\n\r\n") + len(data)
	for k, v := range header {
		wire += len(k + ": " + v[0] + "\r\n")
	}
	if wire != events.Size(e) {
		t.Errorf("size %d, on the wire %d", events.Size(e), wire)
	}
}

// TestCatalog holds what the rest is generated from.
func TestCatalog(t *testing.T) {
	types, services := map[string]bool{}, map[events.Service]bool{events.Gateway: true, events.Scanner: true, events.Planner: true, events.Validator: true}
	for _, row := range events.Catalog {
		if types[row.Type()] || row.Payload == nil {
			t.Errorf("%s stands twice, or has no payload", row.Type())
		}
		types[row.Type()] = true
		if got, ok := events.RowOf(row.Payload); !ok || got.Type() != row.Type() {
			t.Errorf("%T stands in two rows", row.Payload)
		}
		for _, s := range append(row.Consumers, row.Producer) {
			if !services[s] {
				t.Errorf("%s: no service %q", row.Name(), s)
			}
		}
		if !strings.HasSuffix(row.Sentence, ".") || strings.ToUpper(row.Sentence[:1]) != row.Sentence[:1] {
			t.Errorf("%s: %q is not a sentence", row.Name(), row.Sentence)
		}
		if name := strings.Trim(row.Entity+row.Verb, "abcdefghijklmnopqrstuvwxyz"); name != "" || row.Version < 1 {
			t.Errorf("%s: entity and verb are lower-case words, the version counts from 1", row.Type())
		}
		if got, ok := events.LookupName(row.Name()); !ok || got.Version < row.Version {
			t.Errorf("%s is not found by its name", row.Name())
		}
		e := goldenEvent(t, row.Payload)
		subject, err := events.Subject(e)
		if err != nil || subject != "drydock.event.urgent."+events.App(e)+"."+row.Name() {
			t.Errorf("subject of %s: %q, %v", row.Name(), subject, err)
		}
		if app, err := events.AppOfSubject(subject); err != nil || app != events.App(e) {
			t.Errorf("application of %q: %q, %v", subject, app, err)
		}
	}
	if _, ok := events.LookupName("ghost.seen"); ok {
		t.Error("a row that is not there was found")
	}
	for _, s := range []string{"", "drydock.event.urgent.payments.scan", "drydock.event.urgent.payments.scan.completed.v1", "other.event.urgent.payments.scan.completed"} {
		if _, err := events.AppOfSubject(s); err == nil {
			t.Errorf("AppOfSubject(%q) passes", s)
		}
	}
	if f := events.StageFilter("", "scan.completed"); f != "drydock.event.*.*.scan.completed" {
		t.Error(f)
	}
	if f := events.StageFilter(events.Urgent, "scan.completed"); f != "drydock.event.urgent.*.scan.completed" {
		t.Error(f)
	}
}

// TestFrozenIdentities: these are in logs that exist; they never change.
func TestFrozenIdentities(t *testing.T) {
	for got, want := range map[string]string{
		events.ID("cause", "dev.drydock.scan.completed.v1", "key"):                                     "4a64edadb8deedb0ad1b2e46ae56cb77",
		events.FindingID("payments", "repository:requirements.txt", "PyPI", "flask", "CVE-2023-30861"): "f-f00abfb3a738e3ca",
		events.ChangeID("payments", digestOf('3'), "emergency"):                                        "c-c22d717b",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestDecodeOfAnotherType(t *testing.T) {
	if _, err := events.Decode[events.ScanFailed](sample(t)); err == nil || !strings.Contains(err.Error(), "finding.closed.v1 is not a events.ScanFailed") {
		t.Errorf("%v", err)
	}
	p, err := events.Decode[events.FindingClosed](sample(t))
	if err != nil || p.Version != "2.3.7" {
		t.Errorf("%v, %v", p, err)
	}
}
