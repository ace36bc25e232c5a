package waiver

import (
	"testing"

	"github.com/drydock-dev/drydock/pkg/strictyaml/docexample"
)

func TestDocumentedExample(t *testing.T) {
	l, err := Parse("docs/waivers.md", docexample.Block(t, "waivers.md", "waivers"))
	if err != nil {
		t.Fatal(err)
	}
	canary := Subject{Package: "internal-typosquat-canary", Version: "1.0", Kind: "malicious", IDs: []string{"MAL-2026-1"}}
	for _, tc := range []struct {
		app     string
		finding Subject
		now     string
		want    string
	}{
		{"payments", finding, "2026-11-22T00:00:00Z", "W-2026-014"},
		{"payments", finding, "2027-02-28T23:00:00Z", "W-2026-014"},
		{"payments", finding, "2027-03-01T00:00:00Z", "-W-2026-014"},
		{"ledger", finding, "2026-11-22T00:00:00Z", ""},
		{"kyc-eu", canary, "2026-12-20T16:59:59Z", "W-2026-015"},
		{"kyc-eu", canary, "2026-12-20T17:00:00Z", "-W-2026-015"},
	} {
		if got := told(l.For(tc.app, tc.finding, at(tc.now))); got != tc.want {
			t.Errorf("%s at %s: %q, want %q", tc.app, tc.now, got, tc.want)
		}
	}
}
