package pybuild

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An interpreter is asked once, until it or what leads to it is another.
func TestAnswersAreRemembered(t *testing.T) {
	any, err := Find(t.Context(), "", Search{Path: lookup()})
	if err != nil {
		t.Skip(err)
	}
	dir, asked := t.TempDir(), filepath.Join(t.TempDir(), "asked")
	find := func() (questions int) {
		t.Helper()
		got, err := Find(t.Context(), "", Search{Path: []string{dir}})
		if err != nil || got != any {
			t.Fatalf("%+v %v", got, err)
		}
		data, err := os.ReadFile(asked)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(data), "\n")
	}
	text := "#!/bin/sh\necho >>'" + asked + "'\nexec '" + any.Path + "' \"$@\"\n"
	script(t, dir, "python3", text)
	if n := find(); n != 1 {
		t.Errorf("%d questions at first", n)
	}
	if n := find(); n != 1 {
		t.Errorf("%d questions, and nothing changed", n)
	}
	script(t, dir, "python3", text+"# another\n")
	if n := find(); n != 2 {
		t.Errorf("%d questions after a change", n)
	}
	// Nothing is remembered of one that fails: it may be installed by now.
	script(t, dir, "python3", "#!/bin/sh\nexit 127\n")
	if _, err := Find(t.Context(), "", Search{Path: []string{dir}}); err == nil {
		t.Error("a program that fails was taken")
	}
	script(t, dir, "python3", text)
	if n := find(); n != 3 {
		t.Errorf("%d questions after it failed", n)
	}
}
