package gitforge

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// remote is an address that was looked at. It holds no credentials.
type remote struct {
	url    string // for git
	scheme string // https, ssh, file
	host   string // with port
	path   string
}

var (
	scpForm  = regexp.MustCompile(`^([A-Za-z0-9_][A-Za-z0-9._-]*)@([A-Za-z0-9][A-Za-z0-9.-]*):([^/:][^:]*)$`)
	userForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)
	hostForm = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?$`)
)

// parseRemote takes https://host/path, ssh://[user@]host/path, user@host:path and file:///path, and nothing
// else that git would: its other addresses run programs (ext::, fd::, any helper) or are not encrypted.
func parseRemote(text string) (remote, error) {
	if m := scpForm.FindStringSubmatch(text); m != nil && !strings.Contains(text, "::") {
		text = "ssh://" + m[1] + "@" + m[2] + "/" + m[3]
	}
	// The address itself is not quoted: it may hold a password.
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }) {
		return remote{}, fmt.Errorf("the repository's address holds a space, a backslash or a control character")
	}
	if name, _, helper := strings.Cut(text, "::"); helper && !strings.ContainsAny(name, "/@[") {
		return remote{}, fmt.Errorf("the repository's address begins with %q::, which makes git run a program; want https, ssh or file", clip(name))
	}
	u, err := url.Parse(text)
	if err != nil {
		return remote{}, fmt.Errorf("the repository's address is none: want https://host/path, ssh://user@host/path or file:///path")
	}
	r := remote{scheme: u.Scheme, host: u.Host, path: u.Path}
	switch {
	case u.RawQuery != "" || u.Fragment != "" || u.Opaque != "":
		err = fmt.Errorf("the repository's address has a part behind ? or #")
	case u.Path == "" || u.Path == "/" || path.Clean(u.Path) != strings.TrimSuffix(u.Path, "/") || strings.HasPrefix(u.Path, "/-"):
		err = fmt.Errorf("the repository's address has no clean path")
	case strings.ContainsFunc(u.Path, func(c rune) bool { return c < ' ' || c == 0x7f }):
		err = fmt.Errorf("the repository's address has a control character in its path")
	case u.Scheme == "file":
		if u.Host != "" || u.User != nil {
			err = fmt.Errorf("file addresses have three slashes: file:///path")
		}
	case u.Scheme != "https" && u.Scheme != "ssh":
		err = fmt.Errorf("the repository's address begins with %q: want https, ssh or file", clip(u.Scheme))
	case !hostForm.MatchString(u.Host):
		err = fmt.Errorf("the repository's address has no usable host")
	case u.Scheme == "https" && u.User != nil:
		err = fmt.Errorf("the repository's address holds a user or password: name where they come from under credentials instead")
	case u.User != nil:
		if _, secret := u.User.Password(); secret || !userForm.MatchString(u.User.Username()) {
			err = fmt.Errorf("the repository's address holds a password, or a user no shell should see")
		}
	}
	if err != nil {
		return remote{}, err
	}
	r.url = u.String()
	return r, nil
}
