package scanner

import (
	"os"
	"testing"
)

// TestMain lets the test binary be its own reader, with sources that break in every way.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == ReaderArg {
		sources = append([]Source{breaker{}}, sources...)
		os.Exit(ReaderMain())
	}
	sources = append([]Source{breaker{}}, sources...)
	os.Exit(m.Run())
}
