package check

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// journal keeps the beginning and the end of what is written to it.
type journal struct {
	first, last int // how much of either
	mu          sync.Mutex
	head        []byte
	tail        []byte // a ring once it is full
	at          int    // where the ring goes on
	total       int64
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := len(p)
	j.total += int64(n)
	take := min(j.first-len(j.head), len(p))
	j.head, p = append(j.head, p[:take]...), p[take:]
	if len(p) > j.last {
		p = p[len(p)-j.last:]
	}
	if room := j.last - len(j.tail); room > 0 {
		take = min(room, len(p))
		j.tail, p = append(j.tail, p[:take]...), p[take:]
	}
	for len(p) > 0 {
		took := copy(j.tail[j.at:], p)
		p, j.at = p[took:], (j.at+took)%j.last
	}
	return n, nil
}

// text is what is kept, harmless, and whether something is missing.
func (j *journal) text() ([]byte, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	tail := append(append([]byte{}, j.tail[j.at:]...), j.tail[:j.at]...)
	missing := j.total - int64(len(j.head)+len(tail))
	if missing == 0 {
		return harmless(append(append([]byte{}, j.head...), tail...)), false
	}
	out := harmless(j.head)
	out = fmt.Appendf(out, "\n[drydock: %d bytes of %d are missing here; the first %d KiB and the last %d KiB are kept]\n", missing, j.total, j.first>>10, j.last>>10)
	return append(out, harmless(tail)...), true
}

// harmless is text that does nothing to a terminal, a browser or a reader: UTF-8, no control characters but newline
// and tab, nothing that turns the direction of writing. Colours are taken out; of what else is replaced a
// question mark stays. It is never longer than p.
func harmless(p []byte) []byte {
	out := make([]byte, 0, len(p))
	for len(p) > 0 {
		r, size := utf8.DecodeRune(p)
		switch {
		case r == '\r':
			if len(p) == 1 || p[1] != '\n' { // a line that is drawn again and again
				out = append(out, '\n')
			}
		case r == '\n' || r == '\t':
			out = append(out, byte(r))
		case r == 0x1b:
			if n := colours(p); n > 0 {
				size = n
			} else {
				out = append(out, '?')
			}
		case r == utf8.RuneError && size == 1, mischievous(r):
			out = append(out, '?')
		default:
			out = append(out, p[:size]...)
		}
		p = p[size:]
	}
	return out
}

func mischievous(r rune) bool {
	return unicode.IsControl(r) || r == 0xfeff || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

// colours is the length of the control sequence that p begins with (ECMA-48 §5.4: CSI, parameters, a final byte),
// or 0.
func colours(p []byte) int {
	if len(p) < 3 || p[1] != '[' {
		return 0
	}
	for i := 2; i < min(len(p), 34); i++ {
		switch {
		case p[i] >= 0x40 && p[i] <= 0x7e:
			return i + 1
		case p[i] < 0x20 || p[i] > 0x3f:
			return 0
		}
	}
	return 0
}

// word is a piece of text on one line of at most limit bytes.
func word(s string, limit int) string {
	s = strings.Join(strings.Fields(string(harmless([]byte(s[:min(len(s), 8*limit)])))), " ")
	if len(s) <= limit {
		return s
	}
	cut := limit - len("…")
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// lastLine is the last line that is not empty.
func lastLine(log []byte) string {
	log = bytes.TrimRight(log, " \t\n")
	return string(log[bytes.LastIndexByte(log, '\n')+1:])
}
