package preflight

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// headTail keeps the beginning and the end of what is written to it.
type headTail struct {
	head, tail []byte
	all        int64
}

func (h *headTail) Write(b []byte) (int, error) {
	h.all += int64(len(b))
	n := min(len(b), maxHead-len(h.head))
	h.head = append(h.head, b[:n]...)
	if h.tail = append(h.tail, b[n:]...); len(h.tail) > 2*maxTail {
		h.tail = append(h.tail[:0], h.tail[len(h.tail)-maxTail:]...)
	}
	return len(b), nil
}

// text is what was kept, fit to be shown and stored, and whether something between was left out.
func (h *headTail) text() ([]byte, bool) {
	head, tail := h.head, h.tail
	if len(tail) > maxTail {
		tail = tail[len(tail)-maxTail:]
	}
	left := h.all - int64(len(head)+len(tail))
	if left == 0 {
		return harmless(slices.Concat(head, tail)), false
	}
	// Whole words, for half an address with a password in it is not known as one.
	if i := bytes.LastIndexAny(head, " \n"); i > 0 {
		left, head = left+int64(len(head)-i-1), head[:i+1]
	}
	if i := bytes.IndexAny(tail, " \n"); i >= 0 {
		left, tail = left+int64(i), tail[i:]
	}
	return slices.Concat(bytes.TrimRight(harmless(head), "\n"), fmt.Appendf(nil, "\n… %d bytes left out …\n", left), bytes.TrimLeft(harmless(tail), "\n")), true
}

var (
	// colours are the escape sequences of colours and bold print (ECMA-48, SGR); they go.
	colours = regexp.MustCompile("\x1b\\[[0-9;:]*m")
	// credentials are those in an address: scheme://user:password@host.
	credentials = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/\s:@]*:[^/\s]+@`)
)

// harmless makes output fit for a terminal and for evidence: lines stay lines, other control characters, what
// can't be seen and what is no UTF-8 become escapes, secrets dots.
func harmless(b []byte) []byte {
	b = colours.ReplaceAll(b, nil)
	b = bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	b = credentials.ReplaceAll(b, []byte("$1•••@"))
	for _, s := range secrets(os.Environ()) {
		b = bytes.ReplaceAll(b, []byte(s), []byte("•••"))
	}
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && n == 1, r < 0x80 && r != '\n' && r != '\t' && unicode.IsControl(r):
			out = fmt.Appendf(out, `\x%02x`, b[0])
		case r >= 0x80 && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)):
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = append(out, b[:n]...)
		}
		b = b[n:]
	}
	return out
}

// lastLine is the last line that says something.
func lastLine(log []byte) string {
	lines := strings.Split(string(log), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(lines[i]); line != "" {
			return clip(line)
		}
	}
	return "nothing"
}

// clip makes text one line that is not too long.
func clip(s string) string {
	s = strings.Join(strings.Fields(string(harmless([]byte(s)))), " ")
	if r := []rune(s); len(r) > maxDetail {
		return string(r[:maxDetail]) + "…"
	}
	return s
}
