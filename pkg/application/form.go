package application

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

var (
	nameForm  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	ownerForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]{0,252}$`)
	keyForm   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,62}$`)
	hostForm  = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)
	userForm  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
	scpForm   = regexp.MustCompile(`^([A-Za-z0-9_][A-Za-z0-9_.-]*)@([A-Za-z0-9][A-Za-z0-9.-]*):([A-Za-z0-9_~][^:]*)$`)
	tokenForm = regexp.MustCompile(`\b(ghp_|gho_|ghs_|github_pat_|glpat-|xox[abprs]-|npm_[A-Za-z0-9]{30}|pypi-AgE|AKIA[0-9A-Z]{16})|-----BEGIN [A-Z ]*PRIVATE KEY`)
	authority = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#@:]*:[^\s/?#@]+@`)
)

// holdsSecret says whether a text looks as if it held a password or token: an address with a password, or
// what well-known tokens begin with.
func holdsSecret(text string) bool { return authority.MatchString(text) || tokenForm.MatchString(text) }

// checkRepository holds the place of a repository to what git may be given. No error repeats it: it may hold
// a password.
func checkRepository(text string) error {
	switch {
	case text == "":
		return fmt.Errorf("missing: where the source lies, https://host/path, ssh://git@host/path or an absolute path")
	case len(text) > maxURL:
		return fmt.Errorf("longer than %d bytes", maxURL)
	case strings.ContainsFunc(text, func(r rune) bool { return unseen(r) || unicode.IsSpace(r) || r == '\\' }):
		return fmt.Errorf("it has spaces, backslashes or characters that can't be seen")
	case strings.HasPrefix(text, "/"):
		if path.Clean(text) != strings.TrimSuffix(text, "/") || text == "/" {
			return fmt.Errorf("%q: want the path without . and .. and doubled slashes", text)
		}
		return nil
	case !strings.Contains(text, "://"):
		if m := scpForm.FindStringSubmatch(text); m != nil && !tokenForm.MatchString(text) && !slices.Contains(strings.Split(m[3], "/"), "..") {
			return nil
		}
		return fmt.Errorf("neither an address (https://host/path, ssh://git@host/path, git@host:path) nor an absolute path; a relative one would depend on where Drydock was started")
	}
	return checkAddress(text)
}

func checkAddress(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return fmt.Errorf("not an address that can be read")
	}
	if _, password := u.User.Password(); password || u.User != nil && u.Scheme != "ssh" || tokenForm.MatchString(text) {
		return fmt.Errorf("credentials in the address: they would reach whoever reads this file, logs and processes. Take them out, and replace them; git gets them from the environment or a credential helper")
	}
	switch u.Scheme {
	case "https", "ssh":
	case "http":
		return fmt.Errorf("http is not encrypted: who sits between could change the source; use https or ssh")
	case "git":
		return fmt.Errorf("git:// is neither encrypted nor authenticated; use https or ssh")
	case "file":
		return fmt.Errorf("write the absolute path itself, without file://")
	default:
		return fmt.Errorf("%s:// is not an address Drydock gives to git; use https, ssh or an absolute path", clip(u.Scheme))
	}
	switch {
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return fmt.Errorf("an address of a repository has no ? or #; what stands there may be a token")
	case !hostForm.MatchString(u.Hostname()) && net.ParseIP(u.Hostname()) == nil:
		return fmt.Errorf("the address has no host that can be used")
	case u.User != nil && !userForm.MatchString(u.User.Username()):
		return fmt.Errorf("the user in the address is none ssh can be given; it is most often git")
	case strings.Trim(u.Path, "/") == "" || slices.Contains(strings.Split(u.Path, "/"), ".."):
		return fmt.Errorf("the address has no path of a repository")
	case path.Clean(u.Path) != strings.TrimSuffix(u.Path, "/"):
		return fmt.Errorf("want the path in the address without . and doubled slashes")
	}
	return nil
}

// checkHealthURL holds an address that is asked for health.
func checkHealthURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || len(text) > maxURL:
		return fmt.Errorf("want http://host/path or https://host/path")
	case u.User != nil || holdsSecret(text):
		return fmt.Errorf("credentials in the address: take them out; a health check answers without")
	case u.Fragment != "":
		return fmt.Errorf("what stands behind # is never sent; leave it out")
	}
	return nil
}

// checkBelow holds a path to what lies beneath a folder, whatever the folder is.
func checkBelow(text string) error {
	switch {
	case text == "":
		return fmt.Errorf("empty: leave it out for the folder itself")
	case len(text) > maxPath:
		return fmt.Errorf("longer than %d bytes", maxPath)
	case strings.HasPrefix(text, "/"), slices.Contains(strings.Split(text, "/"), ".."):
		return fmt.Errorf("%q: want a path beneath the folder, not an absolute one, and without .. in it", clip(text))
	case strings.ContainsFunc(text, unseen), strings.Contains(text, `\`), path.Clean(text) != strings.TrimSuffix(text, "/"):
		return fmt.Errorf("%q: want names with / between, without backslashes, doubled slashes and . alone", clip(text))
	case slices.ContainsFunc(strings.Split(text, "/"), func(part string) bool { return strings.EqualFold(part, ".git") }):
		return fmt.Errorf("%q: .git holds the repository itself, not its source", clip(text))
	}
	return nil
}

// checkBranch holds a branch to what git takes (git-check-ref-format) and no option looks like.
func checkBranch(name string) error {
	bad := func(r rune) bool { return unseen(r) || strings.ContainsRune(" ~^:?*[\\", r) }
	switch {
	case len(name) > 200, strings.ContainsFunc(name, bad), strings.HasPrefix(name, "-"), strings.Contains(name, ".."),
		strings.Contains(name, "@{"), name == "@", strings.HasSuffix(name, "."), strings.HasPrefix(name, "refs/"):
		return fmt.Errorf("%q is not the name of a branch such as main", clip(name))
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return fmt.Errorf("%q is not the name of a branch such as main", clip(name))
		}
	}
	return nil
}

// unseen says whether a sign is one that people can't see, or that changes the order of those around it.
func unseen(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }

// clip keeps a message readable.
func clip(text string) string {
	if len(text) > 80 {
		return strings.ToValidUTF8(text[:80], "") + "…"
	}
	return text
}

// checker gathers problems.
type checker struct{ found []strictyaml.Problem }

func (c *checker) add(path string, allowed []string, format string, args ...any) {
	c.found = append(c.found, strictyaml.Problem{Path: path, Message: fmt.Sprintf(format, args...), Allowed: allowed})
}

// note adds an error as it is, and nothing for none.
func (c *checker) note(path string, err error) {
	if err != nil {
		c.add(path, nil, "%s", err)
	}
}

// names checks a list of names: their form, that none stands there twice, that there are not too many.
func (c *checker) names(path string, names []string, form *regexp.Regexp, want string, most int) {
	seen := map[string]int{}
	for i, n := range names {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch first, twice := seen[n]; {
		case !form.MatchString(n):
			c.add(at, nil, "%q: want %s", clip(n), want)
		case twice:
			c.add(at, nil, "%q is %s[%d] already", n, path[strings.LastIndexByte(path, '.')+1:], first)
		}
		seen[n] = i
	}
	if len(names) > most {
		c.add(path, nil, "%d are more than the %d there is room for", len(names), most)
	}
}

// span checks a length of time; zero means the default.
func (c *checker) span(path string, d *policy.Duration, least, most, otherwise policy.Duration) {
	switch {
	case *d == 0:
		*d = otherwise
	case *d < least || *d > most:
		c.add(path, nil, "%s: want %s to %s", *d, least, most)
	}
}
