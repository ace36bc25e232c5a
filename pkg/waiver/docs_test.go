package waiver

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDocumentedExample(t *testing.T) {
	l, err := Parse("docs/waivers.md", example(t, "waivers"))
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
