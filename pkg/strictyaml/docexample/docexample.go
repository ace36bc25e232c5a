// Package docexample finds the examples of the documentation, for the tests that hold them to the code.
package docexample

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Block is the fenced block below the line `<!-- mark -->` of a page of docs/, such as "waivers.md". The test is
// skipped where no docs/ is above it, as in a copy of the module alone.
func Block(t testing.TB, page, mark string) []byte {
	t.Helper()
	for dir := ".."; ; dir += "/.." {
		data, err := os.ReadFile(filepath.Join(dir, "docs", page))
		if err == nil {
			_, after, _ := strings.Cut(string(data), "<!-- "+mark+" -->\n```")
			_, after, _ = strings.Cut(after, "\n")
			block, _, found := strings.Cut(after, "\n```\n")
			if !found {
				t.Fatalf("docs/%s has no example below %q", page, mark)
			}
			return []byte(block + "\n")
		}
		if here, err := filepath.Abs(dir); err != nil || here == filepath.Dir(here) {
			t.Skipf("docs/%s is not above the test: run it in the checkout", page)
		}
	}
}
