package manifest

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// line is one line as pip reads it, continued lines included ("Requirements File Format").
type line struct {
	raw    []byte
	number int // of its first line in the file, from 1

	body    string // continued lines joined, comment gone
	comment string // what follows the body, from its #
	args    string // the requirement: the body up to its options
	alone   bool   // nothing but comment or white space
	open    bool   // a backslash continues it, and nothing follows

	name    string   // normalised; empty: no requirement with a name
	extras  string   // as written
	marker  string   // as written
	pinned  string   // the version of an exact pin, else empty
	version span     // where it stands in raw
	others  []string // the other clauses beside it
	hashes  []hash
}

// span is a range of bytes of a line.
type span struct{ from, to int }

// hash is one --hash option.
type hash struct {
	at    span   // in raw, with the white space before it
	gap   string // that white space, continued lines included
	join  string // "--hash=" or "--hash "
	value string // "sha256:…", in small letters
}

var (
	nameForm = regexp.MustCompile(`^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)[ \t]*(\[[^\]]*\])?[ \t]*`)
	pinForm  = regexp.MustCompile(`^(===?)[ \t]*([^\s;,#()*]+)$`)
	// optparse takes a beginning of --hash for it.
	hashForm = regexp.MustCompile(`^--h(?:a(?:sh?)?)?(=|[ \t]+)["']?([A-Za-z0-9]+[:=][0-9A-Fa-f]+)["']?`)
)

// breaks are the line ends pip knows (str.splitlines).
const breaks = "\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029"

const space = " \t\n\r\v\f"

// physical cuts the first line off a text: the line, its end, the rest.
func physical(text []byte) (content, end, rest []byte) {
	i := bytes.IndexAny(text, breaks)
	if i < 0 {
		return text, nil, nil
	}
	_, n := utf8.DecodeRune(text[i:])
	if bytes.HasPrefix(text[i:], []byte("\r\n")) {
		n = 2
	}
	return text[:i], text[i : i+n], text[i+n:]
}

// read cuts a text into lines. Their raw bytes in a row are the text.
func read(text []byte) []line {
	var out []line
	number := 1
	for len(text) > 0 {
		l := line{number: number}
		j := joiner{}
		at := 0
		for left := text; ; {
			content, end, rest := physical(left)
			more := j.add(content, at)
			at += len(content) + len(end)
			if strings.ContainsAny(string(end), "\n\r") {
				number++
			}
			if left = rest; !more || len(left) == 0 {
				l.open = more
				break
			}
		}
		l.raw, text = text[:at:at], text[at:]
		l.parse(&j)
		out = append(out, l)
	}
	return out
}

// joiner makes one text of continued lines and remembers where each byte stood.
type joiner struct {
	text []byte
	at   []int
	some bool
}

// add takes one line; more says that a backslash continues it. A comment is never continued, as pip reads it: its
// backslash is part of the comment.
func (j *joiner) add(content []byte, at int) (more bool) {
	isComment := bytes.HasPrefix(bytes.TrimLeft(content, space), []byte("#"))
	more = bytes.HasSuffix(content, []byte(`\`)) && !isComment
	if isComment && j.some {
		j.text, j.at = append(j.text, ' '), append(j.at, at)
	}
	if more {
		content = bytes.TrimRight(content, `\`)
	}
	j.text, j.at = append(j.text, content...), slices.Grow(j.at, len(content))
	for i := range content {
		j.at = append(j.at, at+i)
	}
	j.some = true
	return more
}

// span is where a range of the joined text stands.
func (j *joiner) span(from, to int) span {
	if from == to {
		return span{}
	}
	return span{j.at[from], j.at[to-1] + 1}
}

func (l *line) parse(j *joiner) {
	body := string(j.text)
	for i := 0; i < len(body); i++ {
		if body[i] == '#' && (i == 0 || strings.IndexByte(space, body[i-1]) >= 0) {
			l.comment, body = body[i:], body[:i]
			break
		}
	}
	lead := len(body) - len(strings.TrimLeft(body, space))
	l.body = strings.TrimSpace(body)
	l.alone = l.body == ""
	options := len(body)
	for i := lead; i < len(body); i++ {
		if body[i] == '-' && (i == lead || body[i-1] == ' ' || body[i-1] == '\t') {
			options = i
			break
		}
	}
	l.args = strings.TrimSpace(body[lead:max(lead, options)])
	if l.args == "" {
		return
	}
	l.parseArgs(j, lead)
	for at := lead + len(l.args); ; {
		i := strings.Index(body[at:], "--h")
		if i < 0 {
			return
		}
		at += i
		gap := len(strings.TrimRight(body[:at], " \t"))
		m := hashForm.FindStringSubmatchIndex(body[at:])
		if m == nil || gap == at || at+m[1] < len(body) && strings.IndexByte(space, body[at+m[1]]) < 0 {
			at += len("--h")
			continue
		}
		h := hash{at: j.span(gap, at+m[1]), join: "--hash" + body[at+m[3]-1:at+m[3]], value: strings.Replace(strings.ToLower(body[at+m[4]:at+m[5]]), "=", ":", 1)}
		h.gap = string(l.raw[h.at.from:j.at[at]]) // with what continues the line
		l.hashes = append(l.hashes, h)
		at += m[1]
	}
}

// parseArgs reads name [extras] (versions) ; marker. What is by URL or path has no name here: it is left alone.
func (l *line) parseArgs(j *joiner, lead int) {
	m := nameForm.FindStringSubmatchIndex(l.args)
	if m == nil {
		return
	}
	rest, at := l.args[m[1]:], lead+m[1]
	spec, marker, _ := strings.Cut(rest, ";")
	if strings.HasPrefix(rest, "@") || strings.ContainsAny(spec, `/\:`) {
		return
	}
	l.name, l.marker = pep440.Normalize(l.args[m[2]:m[3]]), strings.TrimSpace(marker)
	if m[4] >= 0 {
		l.extras = l.args[m[4]:m[5]]
	}
	if open := strings.TrimLeft(spec, " \t"); strings.HasPrefix(open, "(") && strings.HasSuffix(strings.TrimRight(open, " \t"), ")") {
		at += len(spec) - len(open) + 1
		spec = strings.TrimSuffix(strings.TrimRight(open, " \t"), ")")[1:]
	}
	exact := 0
	for clause := range strings.SplitSeq(spec, ",") {
		trimmed := strings.TrimLeft(clause, " \t")
		from := at + len(clause) - len(trimmed)
		at += len(clause) + 1
		trimmed = strings.TrimRight(trimmed, " \t")
		if p := pinForm.FindStringSubmatchIndex(trimmed); p != nil {
			exact++
			l.pinned, l.version = trimmed[p[4]:p[5]], j.span(from+p[4], from+p[5])
		} else if trimmed != "" {
			l.others = append(l.others, trimmed)
		}
	}
	if exact > 1 {
		l.pinned, l.version = "", span{}
	}
}

// hashWords counts the hashes of a line by another reading: every word that pip takes for one.
func (l line) hashWords() int {
	n := 0
	for word := range strings.FieldsSeq(l.body[len(l.args):]) {
		if strings.HasPrefix(word, "--h") {
			n++
		}
	}
	return n
}
