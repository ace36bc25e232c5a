package freeze

import (
	"testing"

	"github.com/drydock-dev/drydock/pkg/strictyaml/docexample"
)

func TestDocumentedExample(t *testing.T) {
	l, err := Parse("docs/waivers.md", docexample.Block(t, "waivers.md", "freezes"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ app, class, at, want string }{
		{"ledger", "high", "2027-01-03T22:59:59Z", "year-end-2026"},
		{"ledger", "high", "2027-01-03T23:00:00Z", ""},
		{"ledger", "emergency", "2026-12-24T00:00:00Z", ""},
		{"cards-eu", "emergency", "2026-12-11T00:00:00Z", "card-launch"},
		{"ledger", "high", "2026-12-11T00:00:00Z", ""},
	} {
		if f, _ := l.At(tc.app, tc.class, at(tc.at)); f.Name != tc.want {
			t.Errorf("%s, %s at %s: %q, want %q", tc.app, tc.class, tc.at, f.Name, tc.want)
		}
	}
}
