package scanner

import (
	"os"
	"testing"
	"time"
)

// epoch is the clock of the tests.
var epoch = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

func rewrite(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
