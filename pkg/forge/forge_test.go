package forge

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/policy"
)

func TestBranch(t *testing.T) {
	late := time.Date(2026, 11, 22, 23, 30, 0, 0, time.FixedZone("", -2*3600)) // the 23rd in UTC
	want := map[string]string{
		"emergency": "emergency/security-fix-20261123-payments",
		"framework": "feature/package-updates-20261123-payments-framework",
		"high":      "feature/package-updates-20261123-payments-high",
		"domain":    "feature/package-updates-20261123-payments-domain",
		"regular":   "feature/package-updates-20261123-payments-regular",
		"feature":   "feature/package-updates-20261123-payments-feature",
	}
	for class, name := range want {
		got, err := Branch(policy.Default().Class(policy.ClassName(class)).Branch, "payments", late)
		if err != nil || got != name {
			t.Errorf("%s: %s, %v, want %s", class, got, err, name)
		}
	}
	for _, bad := range []struct {
		pattern, application string
		day                  time.Time
	}{
		{"x-{date}-{application}", "", late},
		{"x-{date}-{application}", "payments", time.Time{}},
		{"x-{date}-{application}", "a..b", late},
		{"-{date}-{application}", "payments", late},
		{"refs/heads/{date}-{application}", "payments", late},
	} {
		if got, err := Branch(bad.pattern, bad.application, bad.day); err == nil {
			t.Errorf("%+v: %s", bad, got)
		}
	}
}

var branches = map[string]bool{
	"main": true, "feature/x": true, "a.b": true, "a@b": true, "ä/ö": true, "a-": true, "x/-y": true, "a{b": true,
	"": false, "-x": false, "--all": false, "/x": false, "x/": false, "x//y": false, ".x": false, "x/.y": false, "x.": false, "x.lock": false, "x.lock/y": false,
	"x..y": false, "x y": false, "x~1": false, "x^": false, "x:y": false, "x?": false, "x*": false, "x[": false, `x\y`: false, "x@{1}": false, "@": false, "HEAD": false,
	"x\ny": false, "x\x7f": false, "x\x00": false, "refs/heads/x": false, "\xff": false,
}

// CheckBranch is never laxer than git.
func TestCheckBranch(t *testing.T) {
	branches[strings.Repeat("a", 201)] = false
	for name, want := range branches {
		if got := CheckBranch(name) == nil; got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
		if git, err := exec.LookPath("git"); want && err == nil {
			if err := exec.Command(git, "check-ref-format", "--branch", name).Run(); err != nil {
				t.Errorf("%q: git refuses what we take: %v", name, err)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	cause := errors.New("cause")
	var err error = &Error{Kind: ErrRefused, Doing: "push fix", Detail: "protected", Advice: "allow it", Cause: cause}
	if got, want := err.Error(), "push fix: the repository refuses the push: protected (allow it)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if !errors.Is(err, ErrRefused) || !errors.Is(err, cause) || errors.Is(err, ErrTouched) {
		t.Error("kinds are mixed up")
	}
	err = fmt.Errorf("propose: %w", &Error{Kind: ErrBaseMoved, Doing: "x"})
	for e, want := range map[error]Verdict{err: Decide, ErrTimeout: Transient, ErrTouched: Human, ErrInput: Permanent, cause: Permanent, context.Canceled: Transient} {
		if got := Judge(e); got != want {
			t.Errorf("%v: %s, want %s", e, got, want)
		}
	}
	seen := map[error]bool{}
	for _, v := range verdicts {
		if seen[v.kind] {
			t.Errorf("%v stands there twice", v.kind)
		}
		seen[v.kind] = true
	}
}

// No path that is taken leads outside, into git's folder, or is two ways to one file.
func FuzzCheckPath(f *testing.F) {
	for _, s := range []string{"a/b", "../x", ".git/x", ".g\u200cit/x", "a/..", "C:/x", `a\..\b`, "git~1", ".GiT. /x", "a\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckPath(name) != nil {
			return
		}
		for part := range strings.SplitSeq(name, "/") {
			if part == "" || part == "." || part == ".." || strings.EqualFold(part, ".git") {
				t.Errorf("%q is taken", name)
			}
		}
	})
}

func FuzzCheckBranch(f *testing.F) {
	for name := range branches {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckBranch(name) == nil && (strings.HasPrefix(name, "-") || strings.ContainsAny(name, " \n\x00:*?[\\") || strings.Contains(name, "..")) {
			t.Errorf("%q is taken", name)
		}
	})
}
