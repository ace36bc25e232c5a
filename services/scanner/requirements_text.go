package scanner

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// logical is a line as pip reads it: continued lines joined, comments gone.
type logical struct {
	number int // of its first line in the file, from 1
	text   string
	via    []string // names pip-compile gives in its "# via" comments below the line
}

var (
	// codingLine is PEP 263's: pip obeys it in the first two lines.
	codingLine = regexp.MustCompile(`^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)`)
	// pipComment is pip's COMMENT_RE: a # at the beginning or after white space.
	pipComment = regexp.MustCompile(`(^|\s+)#.*$`)
)

// decodeText reads a requirements file as pip does: a byte order mark, else a PEP 263 comment, else UTF-8.
func decodeText(data []byte) (string, error) {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		data = data[3:]
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return decodeUTF16(data)
	default:
		for i, line := range bytes.SplitN(data, []byte("\n"), 3) {
			if i == 2 {
				break
			}
			if m := codingLine.FindSubmatch(line); m != nil {
				return decodeAs(strings.ToLower(string(m[1])), data)
			}
		}
	}
	return decodeAs("utf-8", data)
}

func decodeAs(coding string, data []byte) (string, error) {
	switch strings.ReplaceAll(coding, "_", "-") {
	case "utf-8", "utf8", "ascii", "us-ascii":
		if i := invalidUTF8(data); i >= 0 {
			return "", fmt.Errorf("line %d is not %s text; save the file as UTF-8", 1+bytes.Count(data[:i], []byte("\n")), strings.ToUpper(coding))
		}
		return string(data), nil
	case "latin-1", "latin1", "iso-8859-1", "iso8859-1":
		var b strings.Builder
		for _, c := range data {
			b.WriteRune(rune(c))
		}
		return b.String(), nil
	}
	return "", fmt.Errorf("its coding comment asks for %.40q, which is not known; save the file as UTF-8", coding)
}

func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		if data[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// decodeUTF16 is what PowerShell's `pip freeze > requirements.txt` needs.
func decodeUTF16(data []byte) (string, error) {
	if len(data)%2 != 0 {
		return "", errors.New("is cut in the middle of a UTF-16 character")
	}
	var order binary.ByteOrder = binary.LittleEndian
	if data[0] == 0xfe {
		order = binary.BigEndian
	}
	units := make([]uint16, 0, len(data)/2)
	for i := 2; i < len(data); i += 2 {
		units = append(units, order.Uint16(data[i:]))
	}
	return string(utf16.Decode(units)), nil
}

// logicalLines follows pip's preprocess: split, join what ends in a backslash (a comment ends a continued
// line too), drop comments. emit gets lines that are not empty.
func logicalLines(text string, emit func(logical)) {
	var parts strings.Builder
	joined, first := false, 0
	var pending *logical
	via := viaReader{}
	flush := func() {
		if pending != nil {
			pending.via = via.names
			emit(*pending)
			pending = nil
		}
		via = viaReader{}
	}
	end := func(number int, line string) {
		comment := strings.TrimSpace(line)
		if !joined && strings.HasPrefix(comment, "#") {
			via.line(comment)
			return
		}
		if i := strings.Index(line, "#"); i >= 0 {
			line = pipComment.ReplaceAllString(line, "")
		}
		line = strings.TrimSpace(line)
		if line == "" {
			return
		}
		flush()
		if i := strings.Index(comment, "# via "); i > 0 {
			via.line(comment[i:])
		}
		pending = &logical{number: number, text: line}
	}
	number := 0
	for raw := range splitLines(text) {
		number += raw.counts
		line := raw.text
		isComment := strings.HasPrefix(strings.TrimSpace(line), "#")
		if strings.HasSuffix(line, `\`) && !isComment {
			if !joined {
				first, joined = number, true
			}
			parts.WriteString(strings.TrimRight(line, `\`))
			continue
		}
		if !joined {
			end(number, line)
			continue
		}
		if isComment {
			line = " " + line
		}
		parts.WriteString(line)
		line = parts.String()
		parts.Reset()
		end(first, line)
		joined = false
	}
	if joined {
		end(first, parts.String())
	}
	flush()
}

// physical is one line; counts is 1 where an editor counts a new one.
type physical struct {
	text   string
	counts int
}

// splitLines splits where Python's str.splitlines does, which is at more places than an editor shows: what pip
// takes for a line of its own must not hide in a comment.
func splitLines(text string) func(func(physical) bool) {
	const breaks = "\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029"
	return func(yield func(physical) bool) {
		counts := 1
		for text != "" {
			i := strings.IndexAny(text, breaks)
			if i < 0 {
				yield(physical{text, counts})
				return
			}
			if !yield(physical{text[:i], counts}) {
				return
			}
			_, n := utf8.DecodeRuneInString(text[i:])
			counts = 0
			if text[i] == '\n' || text[i] == '\r' {
				counts = 1
			}
			if strings.HasPrefix(text[i:], "\r\n") {
				n = 2
			}
			text = text[i+n:]
		}
	}
}

// viaReader collects the names of pip-compile's annotations: "# via flask" or "# via" and one "#   name" a line.
type viaReader struct {
	open  bool
	names []string
}

func (v *viaReader) line(comment string) {
	body := strings.TrimSpace(strings.TrimPrefix(comment, "#"))
	if rest, ok := strings.CutPrefix(body, "via"); ok && (rest == "" || rest[0] == ' ') {
		v.open, body = true, strings.TrimSpace(rest)
	} else if !v.open || !strings.HasPrefix(comment, "#   ") {
		v.open = false
		return
	}
	for name := range strings.SplitSeq(body, ",") {
		if name = strings.TrimSpace(name); name != "" {
			v.names = append(v.names, name)
		}
	}
}
