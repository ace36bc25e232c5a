package vex

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

// reader collects all that is wrong with a document.
type reader struct {
	file     string
	data     []byte
	problems []strictyaml.Problem
	more     int // problems beyond those that are told
}

func (r *reader) fail(at *node, path string, allowed []string, format string, args ...any) {
	if len(r.problems) >= maxProblems { // counting lines for each of very many would take its time
		r.more++
		return
	}
	r.problems = append(r.problems, strictyaml.Problem{File: r.file, Line: lineAt(r.data, at.offset), Path: path, Message: fmt.Sprintf(format, args...), Allowed: allowed})
}

func (r *reader) err() error {
	if r.more > 0 {
		r.problems = append(r.problems, strictyaml.Problem{File: r.file, Line: r.problems[0].Line, Message: fmt.Sprintf("and %d more problems", r.more)})
	}
	return strictyaml.NewErrors(r.problems)
}

// object is a JSON object under inspection.
type object struct {
	*reader
	at   *node
	path string
}

// object checks that a value is an object of no other keys than these.
func (r *reader) object(n *node, path, instead string, keys ...string) (object, bool) {
	if n.kind != '{' {
		r.fail(n, path, nil, "want an object, found %s%s", n.called(), instead)
		return object{}, false
	}
	for i, key := range n.keys {
		switch {
		case slices.Contains(keys, key):
		case len(r.problems) >= maxProblems: // looking for what was meant takes its time, too
			r.more++
		default:
			r.fail(n.values[i], below(path, key), keys, "unknown key%s", strictyaml.Suggest(clip(key), keys))
		}
	}
	return object{r, n, path}, true
}

func below(path, key string) string {
	if path == "" {
		return clip(key)
	}
	return path + "." + clip(key)
}

// get is the value of a key; nil where it is not there, or null.
func (o object) get(key string) *node {
	i := slices.Index(o.at.keys, key)
	if i < 0 || o.at.values[i].kind == 'n' {
		return nil
	}
	return o.at.values[i]
}

func (o object) has(key string) bool { return o.get(key) != nil }

func (o object) missing(key, why string) { o.fail(o.at, below(o.path, key), nil, "missing: %s", why) }

// text is a text, trimmed; "" where it is not there.
func (o object) text(key string) string {
	n := o.get(key)
	if n == nil {
		return ""
	}
	return o.plain(n, below(o.path, key))
}

// must is a text that has to be there.
func (o object) must(key, why string) string {
	text := o.text(key)
	if n := o.get(key); n == nil || n.kind == '"' && strings.TrimSpace(n.text) == "" {
		o.missing(key, why)
	}
	return text
}

func (r *reader) plain(n *node, path string) string {
	switch {
	case n.kind != '"':
		r.fail(n, path, nil, "want text, found %s", n.called())
		return ""
	case len(n.text) > maxText:
		r.fail(n, path, nil, "%d bytes are more than a text may have (%d)", len(n.text), maxText)
		return ""
	case strings.ContainsFunc(n.text, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\n\r\t", r) }):
		r.fail(n, path, nil, "it has control characters")
		return ""
	}
	return strings.TrimSpace(n.text)
}

// choice is a text out of a closed set; what names it in messages.
func (o object) choice(key, what string, allowed []string) string {
	text := o.text(key)
	if text != "" && !slices.Contains(allowed, text) {
		o.fail(o.get(key), below(o.path, key), allowed, "%q is not %s%s", clip(text), what, strictyaml.Suggest(text, allowed))
	}
	return text
}

// moment is a time (RFC 3339), in UTC; zero where it is not there.
func (o object) moment(key string) time.Time {
	text := o.text(key)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		o.fail(o.get(key), below(o.path, key), nil, "%q is not a time with its zone (RFC 3339), such as 2026-11-22T08:00:00Z", clip(text))
	}
	return t.UTC()
}

// number is a whole number of at least least; 0 where it is not there.
func (o object) number(key string, least int) int {
	n := o.get(key)
	if n == nil {
		return 0
	}
	value, err := strconv.Atoi(n.text)
	if n.kind != '0' || err != nil || value < least {
		o.fail(n, below(o.path, key), nil, "want a whole number from %d on, found %s", least, n.called())
	}
	return value
}

// list are the items of a list, each with its path.
func (o object) list(key string) (items []*node, paths []string) {
	n := o.get(key)
	if n == nil {
		return nil, nil
	}
	path := below(o.path, key)
	if n.kind != '[' {
		o.fail(n, path, nil, "want a list, found %s", n.called())
		return nil, nil
	}
	for i := range n.values {
		paths = append(paths, fmt.Sprintf("%s[%d]", path, i))
	}
	return n.values, paths
}
