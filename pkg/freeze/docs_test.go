package freeze

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDocumentedExample(t *testing.T) {
	l, err := Parse("docs/waivers.md", example(t, "freezes"))
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

// example is the block of docs/waivers.md below the mark.
func example(t *testing.T, mark string) []byte {
	t.Helper()
	for dir := ".."; ; dir += "/.." {
		data, err := os.ReadFile(filepath.Join(dir, "docs", "waivers.md"))
		if err == nil {
			_, after, _ := strings.Cut(string(data), "<!-- "+mark+" -->\n```")
			_, after, _ = strings.Cut(after, "\n")
			block, _, found := strings.Cut(after, "\n```\n")
			if !found {
				t.Fatalf("docs/waivers.md has no example below %q", mark)
			}
			return []byte(block + "\n")
		}
		if here, err := filepath.Abs(dir); err != nil || here == filepath.Dir(here) {
			t.Skip("docs/waivers.md is not above the test: run it in the checkout")
		}
	}
}
