package index

import (
	"net/url"
	"os"
	"strings"
)

// maxNetrc bounds the file: it is a handful of lines.
const maxNetrc = 1 << 20

// fromNetrc finds the credentials of a host in a netrc file ("machine HOST login USER password SECRET", or, where
// that is wanted, "default"); nil when there are none.
func fromNetrc(path, host string, orDefault bool) *url.Userinfo {
	if path == "" {
		return nil
	}
	if info, err := os.Stat(path); err != nil || info.Size() > maxNetrc || !info.Mode().IsRegular() {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var found, fallback, current *[2]string
	words := strings.Fields(withoutMacros(string(data)))
	for i := 0; i < len(words); i++ {
		value := ""
		if i+1 < len(words) {
			value = words[i+1]
		}
		switch words[i] {
		case "machine":
			current = &[2]string{}
			if value == host && found == nil {
				found = current
			}
		case "default":
			current = &[2]string{}
			fallback = current
			continue
		case "login", "account", "password":
			if current != nil && words[i] == "login" {
				current[0] = value
			} else if current != nil && words[i] == "password" {
				current[1] = value
			}
		default:
			continue
		}
		i++
	}
	if found == nil && orDefault {
		found = fallback
	}
	if found == nil || found[0] == "" {
		return nil
	}
	return url.UserPassword(found[0], found[1])
}

// withoutMacros drops macdef blocks, which run to the next empty line, and comments.
func withoutMacros(s string) string {
	var b strings.Builder
	skip := false
	for line := range strings.Lines(s) {
		text := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(text, "macdef"):
			skip = true
		case text == "":
			skip = false
		case !skip && !strings.HasPrefix(text, "#"):
			b.WriteString(line)
		}
	}
	return b.String()
}

func netrcPath(configured string) string {
	switch {
	case configured == "-":
		return ""
	case configured != "":
		return configured
	}
	if p := os.Getenv("NETRC"); p != "" {
		return p
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return home + "/.netrc"
}
