package events_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
)

var update = flag.Bool("update", false, "write the golden payloads that are missing; those that exist are never changed")

const goldenDir = "testdata/golden"

func ptr[T any](v T) *T { return &v }

func day(d int) *time.Time {
	return ptr(time.Date(2026, 11, d, 9, 30, 0, 0, time.UTC))
}

func digestOf(c byte) string { return "sha256:" + string(bytes.Repeat([]byte{c}, 64)) }

// full holds each payload with every member set. A new member is added here; published golden files stay.
func full() []any {
	db := events.Database{Name: "PyPI", Digest: digestOf('d'), Records: 2661, Newest: day(20), Fetched: day(21), Partial: true}
	urgency := func(severity string, score float64, kev bool) events.Urgency {
		return events.Urgency{Severity: severity, Score: ptr(score), Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", SeverityFrom: "GHSA-m2qf-hxjv-5gpq", KEV: ptr(kev), EPSS: ptr(0.0213)}
	}
	wishes := events.PlanOptions{ExcludeNewer: day(19), Python: "3.11", Full: true, IndexURL: "https://index.example/simple/", Again: true}
	return append([]any{
		events.ApplicationDeclared{Application: "payments", Target: "/srv/payments/app", Remote: "https://git.example/bank/payments.git", SubPath: "app"},
		events.PolicyChanged{Policy: digestOf('a'), Previous: digestOf('b')},
		events.DatabaseUpdated{Databases: []events.Database{db}, First: true, Changed: 12, Lists: []events.List{{Name: "kev", Digest: digestOf('e')}}},
		events.ScanRequested{Application: "payments", Target: "/srv/payments/app", Given: "./app", Environment: true, Engine: "osv-scanner", CrossCheck: true, Outdated: true, IndexURL: "https://index.example/simple", Repository: true, PlanOptions: wishes},
		events.ScanCompleted{Application: "payments", Trigger: events.TriggerRequest, Target: "/srv/payments/app", Environment: true, Revision: "4f2a9c1d", Inventory: digestOf('1'), Report: digestOf('2'), Databases: []events.Database{db},
			Complete: true, Incomplete: 1, Packages: 30, Summary: events.Summary{Findings: 7, Critical: 1, High: 2, Medium: 1, Low: 1, Unknown: 1, Malicious: 1, Suppressed: 1}, Confinement: "landlock+seccomp", Engine: "native", Repository: true, Own: digestOf('6'), PlanOptions: wishes},
		events.ScanFailed{Application: "payments", Target: "/srv/payments/app", Reason: "no_such_path", Detail: "read /srv/payments/app: no such directory; give the path of the application"},
		events.FindingOpened{Finding: "f-0123456789abcdef", Scope: "repository:requirements.txt", Package: "flask", Ecosystem: "PyPI", Version: "2.2.2", Source: "requirements.txt", Line: 3, Kind: events.KindVulnerability, Vulnerability: "CVE-2023-30861",
			IDs: []string{"CVE-2023-30861", "GHSA-m2qf-hxjv-5gpq", "PYSEC-2023-62"}, Title: "Possible disclosure of permanent session cookie", FixedIn: []string{"2.2.5", "2.3.2"}, Published: day(1), Urgency: urgency("high", 7.5, true)},
		events.FindingReprioritized{Finding: "f-0123456789abcdef", Before: urgency("high", 7.5, false), After: urgency("critical", 9.1, true)},
		events.FindingClosed{Finding: "f-0123456789abcdef", Reason: events.ClosedFixed, Version: "2.2.5"},
		events.PlanGenerated{Plan: digestOf('3'), Document: digestOf('4'), Scan: digestOf('2'), Inventory: digestOf('1'), Policy: digestOf('a'), Resolution: "per-package",
			Phases: []events.PhaseRef{{Phase: "emergency", Class: "emergency", Change: "c-01234567", Updates: 1, Deadline: day(23)}}, Outcomes: map[string]int{"fixed": 1, "no-fix-published": 2}, ExitCode: 1, Retry: day(24), Revisit: day(25)},
		events.PlanSuperseded{Plan: digestOf('5'), By: digestOf('3'), Reason: "the inventory changed"},
		events.ChangeOpened{Change: "c-01234567", Plan: digestOf('3'), Phase: "emergency", Class: "emergency", Branch: "emergency/security-fix-20261122", Updates: []events.Update{{Package: "flask", Ecosystem: "PyPI", From: "2.2.2", To: "2.2.5", Source: "requirements.txt"}},
			Findings: []string{"f-0123456789abcdef"}, Opened: *day(22), Deadline: *day(23), DeadlineRule: "emergency: 24 h from first detection"},
		events.ChangeSuperseded{Change: "c-76543210", By: "c-01234567", Reason: "a newer plan answers its findings"},
		events.DeadlineApproaching{Change: "c-01234567", Percent: 75, Deadline: *day(23), Rule: "emergency: 24 h from first detection"},
		events.DeadlineBreached{Change: "c-01234567", Deadline: *day(23), Rule: "emergency: 24 h from first detection"},
	}, inDock()...)
}

// inDock are those of the dock and of effects.
func inDock() []any {
	base := events.Base{Branch: "main", Commit: "4f2a9c1d4f2a9c1d4f2a9c1d4f2a9c1d4f2a9c1d"}
	const change, commit = "c-01234567", "9d1c2b3a9d1c2b3a9d1c2b3a9d1c2b3a9d1c2b3a"
	effect := events.EffectID(change, events.EffectPropose, commit)
	return []any{
		events.ArtifactSealed{Change: change, Artifact: digestOf('6'), Base: base, Files: 1831, Bytes: 21_000_000, Interpreter: "3.11.7", Isolation: "bubblewrap", Bill: digestOf('7')},
		events.ChangeValidated{Change: change, Plan: digestOf('3'), Artifact: digestOf('6'), Base: base, Validation: digestOf('8'), Tests: digestOf('9'), Isolation: "bubblewrap", Merge: "person", Warned: []string{"tests/test_cards.py::test_refund fails without the change, too"}},
		events.ChangeRejected{Change: change, Kind: events.RejectedTests, Reason: "2 tests fail with flask 2.2.5 and did not before", By: "ana@bank.example", Proved: true,
			Failing: []events.Update{{Package: "flask", Ecosystem: "PyPI", From: "2.2.2", To: "2.2.5", Source: "requirements.txt"}}, Log: digestOf('e'), Validation: digestOf('8'), Until: *day(29)},
		events.ChangeParked{Change: change, Kind: events.ParkedTouched, Reason: "ana has pushed to its branch", Do: "merge the branch, or delete it", Step: "propose", Retry: *day(22), Validation: digestOf('8'), Tip: commit, By: "ana@bank.example"},
		events.ChangeResumed{Change: change, Reason: "somebody asked for it"},
		events.ArtifactVoided{Change: change, Artifact: digestOf('6'), Reason: "main moved on", Base: base},
		events.ChangeProposed{Change: change, Branch: "emergency/security-fix-20261122-payments", Commit: commit, Base: base, Artifact: digestOf('6'), Validation: digestOf('8'), Text: digestOf('f'), Outcome: "created", URL: "https://git.example/bank/payments/pulls/7"},
		events.ChangeMerged{Change: change, Commit: commit, Base: base, How: "contained", By: commit, SameTree: true, Artifact: digestOf('6')},
		events.EffectIntended{Effect: effect, Kind: events.EffectPropose, Change: change, Target: "https://git.example/bank/payments.git", Branch: "emergency/security-fix-20261122-payments", Commit: commit, Base: base, Artifact: digestOf('6'), Validation: digestOf('8'), Reason: "a newer plan has no emergency phase"},
		events.EffectDone{Effect: effect, Kind: events.EffectPropose, Change: change, Result: "created", Detail: "the branch is new"},
		events.EffectRefused{Effect: effect, Kind: events.EffectPropose, Change: change, Reason: "main moved on"},
	}
}

func goldenEvent(t testing.TB, payload any) events.Event {
	t.Helper()
	row, _ := events.RowOf(payload)
	m := events.Meta{App: "payments", Lane: events.Urgent, Cause: "0123456789abcdef0123456789abcdef", Key: "golden", Change: "c-01234567", Actor: "ops@bank.example",
		Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Time: *day(22)}
	if row.OrgOnly {
		m.App = events.Org
	}
	e, err := events.New(m, payload)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestFullIsFull: every row has a payload here, and every member of it is set.
func TestFullIsFull(t *testing.T) {
	rows := map[string]bool{}
	for _, p := range full() {
		row, ok := events.RowOf(p)
		if !ok {
			t.Errorf("%T is not in the catalogue", p)
		}
		rows[row.Type()] = true
		for _, path := range zeros(reflect.ValueOf(p), row.Name()) {
			t.Errorf("%s is not set; give it a value in full()", path)
		}
	}
	for _, row := range events.Catalog {
		if !rows[row.Type()] {
			t.Errorf("%s has no payload in full()", row.Name())
		}
	}
}

func zeros(v reflect.Value, path string) []string {
	if v.IsZero() {
		return []string{path}
	}
	var out []string
	switch v.Kind() {
	case reflect.Pointer: // what it points to may be false or 0: that it is there is the point
	case reflect.Slice:
		for i := range v.Len() {
			out = append(out, zeros(v.Index(i), fmt.Sprintf("%s[%d]", path, i))...)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				out = append(out, zeros(v.Field(i), path+"."+v.Type().Field(i).Name)...)
			}
		}
	}
	return out
}

// writeMissing creates the golden files that do not exist; it can't overwrite.
func writeMissing(dir string, payloads []events.Event) error {
	for _, e := range payloads {
		row, _ := events.Lookup(e.Type())
		data, err := json.MarshalIndent(e, "", "  ")
		if err != nil {
			return err
		}
		f, err := os.OpenFile(filepath.Join(dir, events.SchemaFile(row)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = f.Write(append(data, '\n'))
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

func TestUpdateNeverOverwrites(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "scan.failed.v1.json")
	if err := os.WriteFile(old, []byte("published"), 0o600); err != nil {
		t.Fatal(err)
	}
	evs := []events.Event{goldenEvent(t, events.ScanFailed{Reason: "new"}), goldenEvent(t, events.FindingClosed{})}
	if err := writeMissing(dir, evs); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(old); string(data) != "published" {
		t.Errorf("a published payload was overwritten: %s", data)
	}
	if _, err := os.Stat(filepath.Join(dir, "finding.closed.v1.json")); err != nil {
		t.Errorf("the missing one was not written: %v", err)
	}
}

// TestGolden: what was ever published decodes for ever, without loss, and as its schema says.
func TestGolden(t *testing.T) {
	if *update {
		var evs []events.Event
		for _, p := range full() {
			evs = append(evs, goldenEvent(t, p))
		}
		if err := writeMissing(goldenDir, evs); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(goldenDir)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, f := range files {
		seen[f.Name()] = true
		t.Run(f.Name(), func(t *testing.T) { checkGolden(t, filepath.Join(goldenDir, f.Name())) })
	}
	for _, row := range events.Catalog {
		if !seen[events.SchemaFile(row)] {
			t.Errorf("%s has no golden payload; run: go test ./pkg/events -run TestGolden -update", row.Name())
		}
	}
}

func checkGolden(t *testing.T, file string) {
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var e events.Event
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	row, ok := events.Lookup(e.Type())
	if !ok {
		t.Fatalf("%s was published and is not in the catalogue any more", e.Type())
	}
	if err := events.Check(e); err != nil {
		t.Error(err)
	}
	p := reflect.New(reflect.TypeOf(row.Payload))
	strict := json.NewDecoder(bytes.NewReader(e.Data()))
	strict.DisallowUnknownFields()
	if err := strict.Decode(p.Interface()); err != nil {
		t.Errorf("a published member was renamed, removed or changed: %v", err)
	}
	again, err := json.Marshal(p.Interface())
	if err != nil {
		t.Fatal(err)
	}
	var published, now any
	if err := errors.Join(json.Unmarshal(e.Data(), &published), json.Unmarshal(again, &now)); err != nil {
		t.Fatal(err)
	}
	if lost := missing(published, now, "data"); len(lost) > 0 {
		t.Errorf("lost or changed when read and written again: %v", lost)
	}
	header, body, err := events.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	back, err := events.DecodeMessage(header, body)
	if err != nil {
		t.Fatal(err)
	}
	same(t, back, e)
	checkSchema(t, row, published)
}

// missing lists the values of want that have lacks or holds differently.
func missing(want, have any, path string) []string {
	switch w := want.(type) {
	case map[string]any:
		h, _ := have.(map[string]any)
		var out []string
		for k, v := range w {
			out = append(out, missing(v, h[k], path+"."+k)...)
		}
		return out
	case []any:
		h, _ := have.([]any)
		if len(h) != len(w) {
			return []string{path}
		}
		var out []string
		for i := range w {
			out = append(out, missing(w[i], h[i], fmt.Sprintf("%s[%d]", path, i))...)
		}
		return out
	}
	if !reflect.DeepEqual(want, have) {
		return []string{path}
	}
	return nil
}

type jsonSchema struct {
	Schema     string                `json:"$schema"`
	Type       string                `json:"type"`
	Required   []string              `json:"required"`
	Properties map[string]jsonSchema `json:"properties"`
	Items      *jsonSchema           `json:"items"`
	Additional json.RawMessage       `json:"additionalProperties"`
}

func checkSchema(t *testing.T, row events.Row, value any) {
	t.Helper()
	raw, ok := events.Schema(row)
	if !ok {
		t.Fatalf("%s has no schema; run: go run ./pkg/events/generate", row.Name())
	}
	var s jsonSchema
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	if s.Schema != "https://json-schema.org/draft/2020-12/schema" || s.Type != "object" || string(s.Additional) == "false" {
		t.Errorf("schema says %q, %q, additionalProperties %s", s.Schema, s.Type, s.Additional)
	}
	for _, problem := range s.check(value, row.Name()) {
		t.Error(problem)
	}
}

func (s jsonSchema) check(value any, path string) (problems []string) {
	var kinds []string
	switch v := value.(type) {
	case map[string]any:
		kinds = []string{"object"}
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				problems = append(problems, path+"."+name+" is required and absent")
			}
		}
		for name, member := range v {
			if p, ok := s.Properties[name]; ok {
				problems = append(problems, p.check(member, path+"."+name)...)
			} else if len(s.Properties) > 0 {
				problems = append(problems, path+"."+name+" is not in the schema")
			}
		}
	case []any:
		kinds = []string{"array"}
		for _, item := range v {
			problems = append(problems, s.Items.check(item, path+"[]")...)
		}
	case string:
		kinds = []string{"string"}
	case bool:
		kinds = []string{"boolean"}
	case float64:
		kinds = []string{"number", "integer"}
	}
	if !slices.Contains(kinds, s.Type) {
		problems = append(problems, fmt.Sprintf("%s is %T, the schema says %s", path, value, s.Type))
	}
	return problems
}

// TestEmptyPayloadsKeepTheirSchema: lists and maps with nothing in them are written as such, not as null.
func TestEmptyPayloadsKeepTheirSchema(t *testing.T) {
	for _, row := range events.Catalog {
		e := goldenEvent(t, row.Payload)
		var v any
		if err := json.Unmarshal(e.Data(), &v); err != nil {
			t.Fatal(err)
		}
		checkSchema(t, row, v)
	}
	if _, ok := events.Schema(events.Row{Entity: "ghost", Verb: "seen", Version: 1}); ok {
		t.Error("a schema for a row that is not in the catalogue")
	}
}
