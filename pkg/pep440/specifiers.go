package pep440

import (
	"errors"
	"fmt"
	"strings"
)

// ErrSpecifier is wrapped by every error about a text that is no version specifier.
var ErrSpecifier = errors.New("not a PEP 440 version specifier")

// Specifiers is a comma-separated set of clauses that must all hold. The zero value accepts every
// version that is no pre-release.
type Specifiers struct {
	clauses []Specifier
}

// Specifier is one clause, as ">=3.8".
type Specifier struct {
	Op       string // ~= == != <= >= < > ===
	Version  string // as written, without ".*"
	Wildcard bool   // "==1.2.*"
	version  Version
}

// ParseSpecifiers reads ">=3.8,<4"; an empty text is the empty set. An error wraps ErrSpecifier and names
// the clause.
func ParseSpecifiers(s string) (Specifiers, error) {
	var set Specifiers
	for clause := range strings.SplitSeq(s, ",") {
		clause = strings.TrimSpace(clause)
		if clause == "" {
			continue
		}
		sp, err := parseSpecifier(clause)
		if err != nil {
			return Specifiers{}, err
		}
		set.clauses = append(set.clauses, sp)
	}
	return set, nil
}

func parseSpecifier(clause string) (Specifier, error) {
	sp := Specifier{}
	for _, op := range [...]string{"===", "~=", "==", "!=", "<=", ">=", "<", ">"} {
		if rest, ok := strings.CutPrefix(clause, op); ok {
			sp.Op, sp.Version = op, strings.TrimSpace(rest)
			break
		}
	}
	if sp.Op == "" || sp.Version == "" {
		return sp, fmt.Errorf("%w: %q: want one of ~= == != <= >= < > === and a version", ErrSpecifier, clip(clause))
	}
	if sp.Op == "===" {
		if strings.ContainsAny(sp.Version, " \t;)") {
			return sp, fmt.Errorf("%w: %q: white space after ===", ErrSpecifier, clip(clause))
		}
		sp.version, _ = Parse(sp.Version) // any text is allowed
		return sp, nil
	}
	sp.Version, sp.Wildcard = strings.CutSuffix(sp.Version, ".*")
	v, err := Parse(sp.Version)
	if err != nil {
		return sp, fmt.Errorf("%w: %q: %w", ErrSpecifier, clip(clause), err)
	}
	sp.version = v
	return sp, sp.check(clause)
}

// check refuses the combinations PEP 440 forbids.
func (sp Specifier) check(clause string) error {
	equality := sp.Op == "==" || sp.Op == "!="
	v := sp.version
	switch {
	case sp.Wildcard && !equality:
		return fmt.Errorf("%w: %q: .* stands only after == and !=", ErrSpecifier, clip(clause))
	case sp.Wildcard && (v.kind != preNone || v.hasPost || v.hasDev || v.local != ""):
		return fmt.Errorf("%w: %q: .* stands only after the release numbers", ErrSpecifier, clip(clause))
	case v.local != "" && !equality:
		return fmt.Errorf("%w: %q: a local label is allowed only after == and !=", ErrSpecifier, clip(clause))
	case sp.Op == "~=" && !strings.Contains(v.release, "."):
		return fmt.Errorf("%w: %q: ~= needs at least two release numbers", ErrSpecifier, clip(clause))
	}
	return nil
}

// Contains says whether v satisfies every clause. A pre-release does only if allowPre is set or a clause
// other than !=, < and > itself names a pre-release (PEP 440, "Handling of pre-releases").
func (s Specifiers) Contains(v Version, allowPre bool) bool {
	if !allowPre && v.IsPrerelease() && !s.Prereleases() {
		return false
	}
	for i := range s.clauses {
		if !s.clauses[i].holds(v) {
			return false
		}
	}
	return true
}

// Prereleases says whether the set itself asks for pre-releases.
func (s Specifiers) Prereleases() bool {
	for i := range s.clauses {
		switch s.clauses[i].Op {
		case "==", ">=", "<=", "~=", "===":
			if s.clauses[i].version.IsPrerelease() {
				return true
			}
		}
	}
	return false
}

// All returns the clauses in the order written.
func (s Specifiers) All() []Specifier { return append([]Specifier(nil), s.clauses...) }

// Pinned returns the version of a set that is exactly one "==" or "===" without a wildcard.
func (s Specifiers) Pinned() (version string, ok bool) {
	if len(s.clauses) != 1 || s.clauses[0].Wildcard {
		return "", false
	}
	sp := s.clauses[0]
	return sp.Version, sp.Op == "==" || sp.Op == "==="
}

// String writes the clauses as given, joined by commas.
func (s Specifiers) String() string {
	var b strings.Builder
	for i, sp := range s.clauses {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(sp.String())
	}
	return b.String()
}

// String writes the clause.
func (sp Specifier) String() string {
	if sp.Wildcard {
		return sp.Op + sp.Version + ".*"
	}
	return sp.Op + sp.Version
}

func (sp *Specifier) holds(v Version) bool {
	switch sp.Op {
	case "===":
		return strings.EqualFold(v.String(), sp.Version)
	case "==":
		return sp.equal(v)
	case "!=":
		return !sp.equal(v)
	case "<=":
		return v.Public().Compare(sp.version) <= 0
	case ">=":
		return v.Public().Compare(sp.version) >= 0
	case "~=":
		return v.Public().Compare(sp.version) >= 0 && sp.compatible(v)
	case "<":
		return sp.less(v)
	default: // ">"
		return sp.greater(v)
	}
}

func (sp *Specifier) equal(v Version) bool {
	if sp.Wildcard {
		return hasReleasePrefix(v, sp.version.epoch, sp.version.release)
	}
	if sp.version.local == "" {
		v = v.Public()
	}
	return v.Compare(sp.version) == 0
}

// compatible: ~=2.2.post3 means >=2.2.post3, ==2.*.
func (sp *Specifier) compatible(v Version) bool {
	release := sp.version.release
	return hasReleasePrefix(v, sp.version.epoch, release[:strings.LastIndexByte(release, '.')])
}

// less: <3.1 leaves out the pre-releases of 3.1, unless 3.1 is itself written as one.
func (sp *Specifier) less(v Version) bool {
	if v.Compare(sp.version) >= 0 {
		return false
	}
	return sp.version.IsPrerelease() || !v.IsPrerelease() || !sameBase(v, sp.version)
}

// greater: >3.1 leaves out the post-releases of 3.1 (unless 3.1 is written as one) and its local labels.
func (sp *Specifier) greater(v Version) bool {
	if v.Compare(sp.version) <= 0 {
		return false
	}
	if !sameBase(v, sp.version) {
		return true
	}
	return (sp.version.hasPost || !v.hasPost) && v.local == ""
}

func sameBase(a, b Version) bool {
	return compareDigits(a.epoch, b.epoch) == 0 && compareRelease(a.release, b.release) == 0
}

// hasReleasePrefix compares as many release numbers as prefix has, v padded with zeros.
func hasReleasePrefix(v Version, epoch, prefix string) bool {
	if compareDigits(v.epoch, epoch) != 0 {
		return false
	}
	for release := v.release; prefix != ""; {
		var want, have string
		want, prefix, _ = strings.Cut(prefix, ".")
		have, release, _ = strings.Cut(release, ".")
		if compareDigits(want, have) != 0 {
			return false
		}
	}
	return true
}
