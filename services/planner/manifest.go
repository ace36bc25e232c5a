package planner

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/report"
)

// A requirements file is written back by changing the bytes of a version and of a set of hashes and nothing
// else: order, comments, markers, extras, options, spacing and line ends stay as they are.

// gap is white space inside one requirement, continued lines included.
const gap = `(?:[ \t]|\\(?:\r\n|\n|\r))*`

var (
	pinForm = regexp.MustCompile(`^` + gap + `([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)` + gap + `(?:\[[^\]\n]*\])?` + gap +
		`\(?` + gap + `(===?)` + gap + `([^\s;,#()\\]+)`)
	hashForm   = regexp.MustCompile(`((?:[ \t]|\\(?:\r\n|\n|\r))+)--hash[= ]([A-Za-z0-9]+:[0-9A-Fa-f]+)`)
	markerForm = regexp.MustCompile(`(?s)^` + gap + `\)?` + gap + `;(.*)$`)
)

// rewrite moves pins in the text of a requirements file. moves gives for a normalised name the updates that
// may apply to it; done is told of each one that did.
func rewrite(text []byte, moves map[string][]report.Update, t pep508.Environment, done func(report.Update)) []byte {
	if order := utf16Order(text); order != nil {
		// What PowerShell's `pip freeze > requirements.txt` writes goes back as it came.
		return encodeUTF16(rewrite(decodeUTF16(text[2:], order), moves, t, done), text[:2], order)
	}
	var out bytes.Buffer
	for _, line := range logicalLines(text) {
		out.Write(rewriteLine(line, moves, t, done))
	}
	return out.Bytes()
}

// breaks are the line ends pip knows (str.splitlines).
const breaks = "\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029"

// logicalLines cuts a text after each line that no backslash continues. A comment is never continued, as pip
// reads it: its backslash is part of the comment.
func logicalLines(text []byte) [][]byte {
	var out [][]byte
	start := 0
	for at := 0; at < len(text); {
		end := bytes.IndexAny(text[at:], breaks)
		if end < 0 {
			break
		}
		line := text[at : at+end]
		_, n := utf8.DecodeRune(text[at+end:])
		if bytes.HasPrefix(text[at+end:], []byte("\r\n")) {
			n = 2
		}
		at += end + n
		if bytes.HasSuffix(line, []byte(`\`)) && !bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) {
			continue
		}
		out = append(out, text[start:at])
		start = at
	}
	if start < len(text) {
		out = append(out, text[start:])
	}
	return out
}

func rewriteLine(line []byte, moves map[string][]report.Update, t pep508.Environment, done func(report.Update)) []byte {
	bom := 0
	if bytes.HasPrefix(line, []byte("\xef\xbb\xbf")) {
		bom = 3
	}
	body := line[bom:]
	m := pinForm.FindSubmatchIndex(body)
	if m == nil {
		return line
	}
	name, version := pep440.Normalize(string(body[m[2]:m[3]])), string(body[m[6]:m[7]])
	rest := body[m[7]:]
	if trimmed := bytes.TrimLeft(rest, " \t\\\r\n"); bytes.HasPrefix(trimmed, []byte(",")) {
		return line // a range that happens to begin with ==
	}
	i := slices.IndexFunc(moves[name], func(u report.Update) bool { return sameVersion(u.From, version) })
	if i < 0 {
		return line
	}
	u := moves[name][i]
	if holds(markerOf(rest), t) == pep508.Untrue {
		return line
	}
	done(u)
	var out bytes.Buffer
	out.Write(line[:bom+m[6]])
	out.WriteString(u.To)
	out.Write(replaceHashes(rest, u.Hashes))
	return out.Bytes()
}

// sameVersion compares as written first: an arbitrary version (===) has no order.
func sameVersion(a, b string) bool {
	if a == b {
		return true
	}
	va, erra := pep440.Parse(a)
	vb, errb := pep440.Parse(b)
	return erra == nil && errb == nil && va.Equal(vb)
}

// markerOf finds the marker in what follows the version of a requirement.
func markerOf(rest []byte) string {
	m := markerForm.FindSubmatch(rest)
	if m == nil {
		return ""
	}
	text := string(m[1])
	for _, end := range []string{" #", "\t#", "--hash", "\n"} {
		if end == "\n" {
			text = strings.NewReplacer("\\\r\n", " ", "\\\n", " ").Replace(text)
		}
		if i := strings.Index(text, end); i >= 0 {
			text = text[:i]
		}
	}
	return strings.TrimSpace(strings.TrimRight(strings.TrimSpace(text), `\`))
}

// replaceHashes puts another set of hashes in the place of the one there, in its own spacing. Old ones are
// never kept beside new ones: they belong to another release.
func replaceHashes(rest []byte, hashes []string) []byte {
	found := hashForm.FindAllSubmatchIndex(rest, -1)
	if len(found) == 0 {
		return rest
	}
	first, last := found[0], found[len(found)-1]
	between := rest[first[2]:first[3]]
	var out bytes.Buffer
	out.Write(rest[:first[0]])
	for _, h := range hashes {
		out.Write(between)
		out.WriteString("--hash=" + h)
	}
	out.Write(rest[last[1]:])
	return out.Bytes()
}

// utf16Order reads a byte order mark; nil when there is none.
func utf16Order(text []byte) binary.ByteOrder {
	switch {
	case len(text)%2 != 0:
	case bytes.HasPrefix(text, []byte("\xff\xfe")):
		return binary.LittleEndian
	case bytes.HasPrefix(text, []byte("\xfe\xff")):
		return binary.BigEndian
	}
	return nil
}

func decodeUTF16(text []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(text)/2)
	for i := range units {
		units[i] = order.Uint16(text[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}

func encodeUTF16(text, mark []byte, order binary.ByteOrder) []byte {
	out := bytes.Clone(mark)
	for _, u := range utf16.Encode([]rune(string(text))) {
		out = append(out, 0, 0)
		order.PutUint16(out[len(out)-2:], u)
	}
	return out
}

// checkMoves reports updates of a file that has no pin for them.
func checkMoves(want []report.Update, did map[moveKey]bool) error {
	for _, u := range want {
		if !did[moveKey{u.Package, u.From, u.Source}] {
			return fmt.Errorf("write %s back: no pin %s==%s found in it; the file is left as it is and nothing was written", u.Source, u.Package, u.From)
		}
	}
	return nil
}
