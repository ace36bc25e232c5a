package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is the kind of a finding.
type Kind string

// Severity is a severity; as a condition it means "at least".
type Severity string

// Step is what an update changes.
type Step string

// Cycle is how often changes are gathered.
type Cycle string

// Check is a kind of check of a change.
type Check string

// Day is a day of the week.
type Day string

// Isolation is how strongly what is installed and tested must at least be kept apart from the host.
type Isolation string

// The levels of isolation, strongest first.
const (
	Bubblewrap  Isolation = "bubblewrap" // bubblewrap's namespaces
	Namespaces  Isolation = "namespaces" // user namespaces by clone flags
	Landlock    Isolation = "landlock"   // Landlock and resource limits
	NoIsolation Isolation = "none"       // nothing
)

// AtLeast says whether a level is as strong as another; the empty one asks for nothing, one that is no level
// is weaker than all.
func (i Isolation) AtLeast(least Isolation) bool {
	return strength(i) >= strength(least)
}

func strength(i Isolation) int {
	if i == "" {
		i = NoIsolation
	}
	at := slices.Index(i.Allowed(), string(i))
	if at < 0 {
		return -1
	}
	return len(i.Allowed()) - at
}

// SourceBuilds says whether a distribution that has no wheel may be built in the dock: what builds it runs the
// package's own code, and the result is part of the artifact.
type SourceBuilds string

// What there is, the stricter first; anything else builds nothing.
const (
	RefuseSources SourceBuilds = "refuse"
	AllowSources  SourceBuilds = "allow"
)

// Every narrows a window to the first of its days in a period.
type Every string

// Allowed are the values there are; so with the others below.
func (ClassName) Allowed() []string {
	out := make([]string, len(Names))
	for i, n := range Names {
		out[i] = string(n)
	}
	return out
}
func (Kind) Allowed() []string     { return []string{"vulnerability", "malicious"} }
func (Severity) Allowed() []string { return []string{"critical", "high", "medium", "low"} }
func (Step) Allowed() []string     { return []string{"patch", "minor", "major"} }
func (Cycle) Allowed() []string    { return []string{"weekly", "monthly", "quarterly"} }
func (Check) Allowed() []string    { return []string{"suite", "integration", "performance"} }
func (Day) Allowed() []string      { return []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} }
func (Isolation) Allowed() []string {
	return []string{string(Bubblewrap), string(Namespaces), string(Landlock), string(NoIsolation)}
}
func (SourceBuilds) Allowed() []string { return []string{string(RefuseSources), string(AllowSources)} }
func (Every) Allowed() []string        { return []string{"month", "quarter"} }

// Duration is a length of time in whole minutes, written 7d, 24h, 1d12h.
type Duration time.Duration

var units = []struct {
	letter byte
	size   time.Duration
}{{'w', 7 * 24 * time.Hour}, {'d', 24 * time.Hour}, {'h', time.Hour}, {'m', time.Minute}}

// maxDuration keeps sums of durations and dates far from overflow.
const maxDuration = 10 * 366 * 24 * time.Hour

// ParseDuration reads a duration: whole numbers of w, d, h and m, the larger unit first.
func ParseDuration(s string) (Duration, error) {
	bad := fmt.Errorf("%q is not a duration: want whole numbers of w, d, h and m, such as 7d, 24h or 1d12h", s)
	rest, total, next := s, time.Duration(0), 0
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		if digits == 0 || digits > 6 || digits == len(rest) {
			return 0, bad
		}
		n, err := strconv.Atoi(rest[:digits])
		if err != nil {
			return 0, bad
		}
		at := next
		for at < len(units) && units[at].letter != rest[digits] {
			at++
		}
		if at == len(units) {
			return 0, bad
		}
		if time.Duration(n) > maxDuration/units[at].size {
			return 0, fmt.Errorf("%q is longer than ten years", s)
		}
		total, rest, next = total+time.Duration(n)*units[at].size, rest[digits+1:], at+1
	}
	if s == "" {
		return 0, bad
	}
	if total > maxDuration {
		return 0, fmt.Errorf("%q is longer than ten years", s)
	}
	return Duration(total), nil
}

// UnmarshalText reads a duration; see [ParseDuration].
func (d *Duration) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDuration(string(text))
	return err
}

// String writes the duration as people say it: hours up to two days, then days; the same for every spelling.
func (d Duration) String() string {
	t := time.Duration(d)
	var b strings.Builder
	if days := t / (24 * time.Hour); t > 48*time.Hour {
		fmt.Fprintf(&b, "%dd", days)
		t -= days * 24 * time.Hour
	}
	if h := t / time.Hour; h > 0 {
		fmt.Fprintf(&b, "%dh", h)
		t -= h * time.Hour
	}
	if m := t / time.Minute; m > 0 || b.Len() == 0 {
		fmt.Fprintf(&b, "%dm", m)
	}
	return b.String()
}

// MarshalYAML writes the duration as text.
func (d Duration) MarshalYAML() ([]byte, error) { return []byte(d.String()), nil }

// MarshalText writes the duration as text.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
