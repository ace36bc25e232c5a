package pybuild

import (
	"context"
	"fmt"
	"strings"

	"github.com/drydock-dev/drydock/pkg/artifact"
)

// Search says where interpreters may be.
type Search struct {
	// Named are interpreters by version, as configured: "3.11" → path. Who writes it decides what runs the artifact.
	Named map[string]string
	// Path are the folders of PATH. Those that are not absolute are left out.
	Path []string
}

// MissingError reports that no interpreter of the wanted version was found.
type MissingError struct {
	Want  string
	Found []string // "3.11.7 at /usr/bin/python3.11", and what was passed over and why
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("find Python %s: found %s", e.Want, strings.Join(e.Found, ", "))
}

// Find is the host's CPython of a version.
func Find(ctx context.Context, want string, s Search) (artifact.Interpreter, error) {
	return artifact.Interpreter{}, &MissingError{Want: want}
}
