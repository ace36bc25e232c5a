package planner

import (
	"testing"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/vex"
)

// A supplier's statement about a vulnerability silences no malicious package, even where it names it: only a waiver that
// says so accepts one.
func TestNoStatementSilencesMalice(t *testing.T) {
	d, err := vex.Parse("vex.json", []byte(`{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://x.example/1","author":"a","timestamp":"2026-01-01T00:00:00Z","version":1,
"statements":[{"vulnerability":{"name":"CVE-1","aliases":["MAL-2026-1"]},"products":[{"@id":"payments"}],"status":"not_affected","justification":"vulnerable_code_not_present"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	x := exceptions{VEX: vex.NewSet(d)}
	for kind, silenced := range map[string]bool{events.KindVulnerability: true, events.KindMalicious: false, "": false} {
		f := finding{Finding: report.Finding{Package: "lib", Ecosystem: pypi, Version: "1.0", PURL: "pkg:pypi/lib@1.0", Kind: kind, IDs: []string{"CVE-1", "MAL-2026-1"}}}
		if o, ok := x.answered("payments", f, start, report.Outcome{}); ok != silenced {
			t.Errorf("kind %q: %v, %+v", kind, ok, o)
		}
	}
}
