package isolation

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

func TestParseLevel(t *testing.T) {
	for _, s := range []string{"", "none", "landlock", "landlock+seccomp"} {
		if l, err := ParseLevel(s); err != nil || string(l) != s {
			t.Errorf("%q: %q %v", s, l, err)
		}
	}
	if Full.AtLeast("best effort") || Level("best effort").AtLeast(Landlock) {
		t.Error("what is no level is met, or meets one")
	}
	_, err := ParseLevel("best effort")
	if err == nil || !strings.Contains(err.Error(), `"best effort": want none, landlock or landlock+seccomp`) {
		t.Errorf("error %v", err)
	}
}

func TestAtLeast(t *testing.T) {
	order := []Level{"", None, Landlock, Full}
	for i, a := range order {
		for j, b := range order {
			if got, want := a.AtLeast(b), i >= j || i+j == 1; got != want {
				t.Errorf("%q at least %q: %v", a, b, got)
			}
		}
	}
}

func TestErrTooWeak(t *testing.T) {
	err := error(&ErrTooWeak{Reached: None, Minimum: Full, Cause: os.ErrInvalid})
	if !errors.Is(err, os.ErrInvalid) || err.Error() != "confinement landlock+seccomp is required, this host gives none: invalid argument" {
		t.Errorf("%v", err)
	}
}

// findings is what a confined child reports: each action by name and the error it met, "" for none.
type findings struct {
	Level Level             `json:"level"`
	Error string            `json:"error,omitempty"`
	Tried map[string]string `json:"tried"`
}

func decodeFindings(t *testing.T, out []byte) findings {
	t.Helper()
	var f findings
	if err := json.Unmarshal(out, &f); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	return f
}
