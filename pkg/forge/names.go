package forge

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// Branch fills a policy's pattern ({date}, {application}; pkg/policy) for an
// application. day is that when the first change still open of this application
// and phase was opened, so that the branch keeps its name while the change
// lives; its date is that in UTC.
func Branch(pattern, application string, day time.Time) (string, error) {
	if application == "" || day.IsZero() {
		return "", fmt.Errorf("branch %q: want an application and a day", pattern)
	}
	name := strings.NewReplacer("{date}", day.UTC().Format("20060102"), "{application}", application).Replace(pattern)
	if err := CheckBranch(name); err != nil {
		return "", err
	}
	return name, nil
}

// CheckBranch holds a name to the rules of git-check-ref-format(1), and to
// those of names that no command line takes for an option.
func CheckBranch(name string) error {
	why := ""
	switch {
	case name == "":
		why = "is empty"
	case len(name) > maxBranch:
		why = fmt.Sprintf("is longer than %d bytes", maxBranch)
	case !utf8.ValidString(name):
		why = "is no UTF-8"
	case name == "HEAD", name == "@", strings.HasPrefix(name, "refs/"):
		why = "is no name for a branch"
	case strings.HasPrefix(name, "-"):
		why = "begins with -"
	case strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`~^:?*[\`, r) }):
		why = "holds a space, a control character or one of ~^:?*[\\"
	case strings.Contains(name, ".."), strings.Contains(name, "@{"), strings.HasSuffix(name, "."):
		why = `holds ".." or "@{", or ends with a dot`
	}
	for part := range strings.SplitSeq(name, "/") {
		if why == "" && (part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock")) {
			why = `has a part that is empty, begins with a dot or ends with ".lock"`
		}
	}
	if why != "" {
		return fmt.Errorf("branch %s %s (git check-ref-format)", quote(name), why)
	}
	return nil
}

var commitForm = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// CheckCommit wants the full id of a commit, SHA-1 or SHA-256.
func CheckCommit(id string) error {
	if !commitForm.MatchString(id) {
		return fmt.Errorf("commit %s: want 40 or 64 digits of 0-9a-f", quote(id))
	}
	return nil
}

// CheckPath wants a path of a file in a repository that stays in it, on every
// file system, and is none of git's own.
func CheckPath(name string) error {
	why := ""
	switch {
	case name == "":
		why = "is empty"
	case len(name) > maxPath:
		why = fmt.Sprintf("is longer than %d bytes", maxPath)
	case strings.HasPrefix(name, "/"):
		why = "is absolute"
	case strings.ContainsRune(name, 0):
		why = "holds a zero byte"
	case path.Clean(name) != name || name == "." || name == ".." || strings.HasPrefix(name, "../"):
		why = "is not the shortest way to a file of the repository"
	}
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case why != "":
		case len(part) > maxPart:
			why = fmt.Sprintf("has a name longer than %d bytes", maxPart)
		case isDotGit(part):
			why = "leads into git's own folder"
		case strings.Contains(part, `\`) && (strings.Contains(part, `..\`) || strings.Contains(part, `\..`)):
			why = "climbs out on a system that separates with backslashes"
		}
	}
	if why != "" {
		return fmt.Errorf("path %s %s", quote(name), why)
	}
	return nil
}

// isDotGit knows the names that file systems of Windows and macOS take for
// ".git": other case, trailing dots and spaces, streams, the short name, and
// characters that HFS+ ignores.
func isDotGit(part string) bool {
	part, _, _ = strings.Cut(part, ":")
	part, _, _ = strings.Cut(part, `\`)
	part = strings.Map(func(r rune) rune {
		switch {
		case r >= 0x200c && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x206a && r <= 0x206f, r == 0xfeff:
			return -1
		}
		return r
	}, part)
	part = strings.ToLower(strings.TrimRight(part, ". "))
	return part == ".git" || part == "git~1"
}

func quote(s string) string {
	if len(s) > 120 {
		s = strings.ToValidUTF8(s[:120], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}
