package vex

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDocumentedExample(t *testing.T) {
	d, err := Parse("docs/waivers.md", example(t, "vex"))
	if err != nil {
		t.Fatal(err)
	}
	s, now := NewSet(d), at("2026-11-22T00:00:00Z")
	if st, silenced := s.For(finding, now); !silenced || st.Justification != "vulnerable_code_cannot_be_controlled_by_adversary" {
		t.Errorf("%v, %s", silenced, st)
	}
	elsewhere := finding
	elsewhere.Application = "ledger"
	if st, silenced := s.For(elsewhere, now); silenced || st.Status != "" {
		t.Errorf("%v, %s", silenced, st)
	}
	flask := Subject{PURL: "pkg:pypi/flask@2.2.2", IDs: []string{"CVE-2023-30861"}, Application: "ledger"}
	if st, silenced := s.For(flask, now); silenced || st.Status != Affected {
		t.Errorf("%v, %s", silenced, st)
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
