package coremeta

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
)

// reader takes the header section apart as Python's email parser does, which is what installers use.
type reader struct {
	into   *Metadata
	seen   map[string]string // single-valued fields by lower-case name
	extras map[string]bool
}

// read walks the lines. The section ends at the first empty line or, as for Python, at one that is no header.
func (r *reader) read(text []byte) error {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	var name string
	var value []string
	flush := func() error {
		if name == "" {
			return nil
		}
		return r.field(name, strings.TrimSpace(strings.Join(value, " ")))
	}
	for start := 0; start < len(text); {
		line, next := cutLine(text, start)
		if start+len(line) > maxHeaders {
			return fmt.Errorf("headers of more than %d bytes", maxHeaders)
		}
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if name != "" {
				value = append(value, decode(bytes.TrimSpace(line)))
			}
			start = next
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		var ok bool
		var rest []byte
		if name, rest, ok = header(line); !ok {
			return r.afterTheEnd(text[start:])
		}
		value = value[:0]
		if wanted(name) {
			value = append(value, decode(rest))
		} else {
			name = "" // and its folded lines
		}
		start = next
	}
	return flush()
}

// cutLine returns the line at start and where the next one begins; \n, \r\n and \r end one.
func cutLine(text []byte, start int) (line []byte, next int) {
	i := bytes.IndexAny(text[start:], "\r\n")
	if i < 0 {
		return text[start:], len(text)
	}
	end := start + i
	if next = end + 1; text[end] == '\r' && next < len(text) && text[next] == '\n' {
		next++
	}
	return text[start:end], next
}

// header splits "Name: value"; the name is returned in lower case.
func header(line []byte) (name string, value []byte, ok bool) {
	i := bytes.IndexByte(line, ':')
	if i <= 0 {
		return "", nil, false
	}
	for _, c := range line[:i] {
		if c <= ' ' || c > '~' {
			return "", nil, false
		}
	}
	return strings.ToLower(string(line[:i])), line[i+1:], true
}

func wanted(name string) bool {
	switch name {
	case "metadata-version", "name", "version", "requires-python", "requires-dist", "provides-extra", "dynamic":
		return true
	}
	return false
}

// afterTheEnd looks for requirements behind a line that broke off the headers (a description that was not
// folded): installers miss them, so whether they count is not known. Nor is it for what stands beyond maxHeaders,
// but so large a description has its requirements in front.
func (r *reader) afterTheEnd(text []byte) error {
	for start := 0; start < len(text) && start < maxHeaders; {
		line, next := cutLine(text, start)
		switch name, value, ok := header(line); {
		case !ok:
		case name == "requires-dist" || name == "requires-python" || name == "provides-extra":
			if err := r.unread(string(line[:len(name)]) + ": " + strings.TrimSpace(decode(value))); err != nil {
				return err
			}
		}
		start = next
	}
	return nil
}

// field takes one header.
func (r *reader) field(name, value string) error {
	m := r.into
	if len(value) > maxValue {
		if name == "requires-dist" {
			return r.unread(value)
		}
		return fmt.Errorf("its %s has %d bytes, at most %d", name, len(value), maxValue)
	}
	switch name {
	case "metadata-version":
		return r.once(name, value, &m.Version)
	case "name":
		return r.once(name, pep440.Normalize(value), &m.Name)
	case "version":
		return r.once(name, value, &m.Release)
	case "requires-python":
		if value == "UNKNOWN" { // distutils wrote it for what was not given
			value = ""
		}
		return r.once(name, value, &m.RequiresPython)
	case "dynamic":
		if field := strings.ToLower(value); !slices.Contains(m.Dynamic, field) && len(m.Dynamic) < maxExtras {
			m.Dynamic = append(m.Dynamic, field)
		}
	case "provides-extra":
		return r.extra(pep440.Normalize(value))
	case "requires-dist":
		return r.requires(value)
	}
	return nil
}

// once takes a field that may stand only once; repeated alike it does no harm.
func (r *reader) once(name, value string, into *string) error {
	if was, ok := r.seen[name]; ok && was != value {
		return fmt.Errorf("it gives %s twice: %s and %s", name, shown(was), shown(value))
	}
	r.seen[name], *into = value, value
	return nil
}

func (r *reader) extra(name string) error {
	if r.extras == nil {
		r.extras = map[string]bool{}
	}
	if name == "" || r.extras[name] {
		return nil
	}
	if len(r.extras) >= maxExtras {
		return fmt.Errorf("more than %d extras", maxExtras)
	}
	r.extras[name] = true
	r.into.Extras = append(r.into.Extras, name)
	return nil
}

func (r *reader) requires(value string) error {
	req, err := pep508.ParsePublished(value)
	if err != nil {
		return r.unread(value)
	}
	if len(r.into.Requires) >= maxRequires {
		return fmt.Errorf("more than %d requirements", maxRequires)
	}
	r.into.Requires = append(r.into.Requires, req)
	return nil
}

func (r *reader) unread(value string) error {
	if len(r.into.Unread) >= maxRequires {
		return fmt.Errorf("more than %d requirements that can't be read", maxRequires)
	}
	if len(value) > maxUnread {
		value = strings.ToValidUTF8(value[:maxUnread], "") + "…"
	}
	r.into.Unread = append(r.into.Unread, value)
	return nil
}

// decode reads UTF-8, and as Latin-1 what is not: old files have names of people in it.
func decode(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}
