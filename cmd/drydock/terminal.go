package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// clean makes text safe for a terminal: what could move the cursor, set colours, reverse the direction of
// reading or hide itself is written out as an escape (\x1b, \u202e). Line ends stay.
func clean(s string) string {
	if !strings.ContainsFunc(s, unsafeRune) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !unsafeRune(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += n
	}
	return b.String()
}

// unsafeRune reports control characters (C0, DEL, C1), format characters (bidi controls, zero-width ones,
// tags), line and paragraph separators, private use and surrogates.
func unsafeRune(r rune) bool {
	if r == '\n' || r >= ' ' && r < 0x7f {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)
}

// oneLine is clean for a cell: line ends are written out too.
func oneLine(s string) string { return strings.ReplaceAll(clean(s), "\n", `\n`) }

// style is a colour (ECMA-48 SGR). It is only ever added to words that say the same.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	yellow style = "33"
	green  style = "32"
	strong style = "1;31"
)

// page is text for people: everything written to it is cleaned, and coloured only where colour is wanted.
type page struct {
	b      strings.Builder
	colour bool
	width  int
}

func (p *page) paint(s style, text string) string {
	if s == plain || !p.colour || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// line writes one line, broken like wrapped where it is too long.
func (p *page) line(s style, format string, args ...any) {
	p.wrapped(s, "        ", format, args...)
}

// whole writes one line that is never broken: a path to copy.
func (p *page) whole(format string, args ...any) {
	p.b.WriteString(oneLine(fmt.Sprintf(format, args...)) + "\n")
}

// gap writes an empty line.
func (p *page) gap() { p.b.WriteByte('\n') }

// wrapped writes text broken at spaces to the page's width, with further lines indented. A longer word
// stands out rather than be broken: a path or digest can still be copied.
func (p *page) wrapped(s style, indent, format string, args ...any) {
	text := oneLine(fmt.Sprintf(format, args...))
	for first := true; first || text != ""; first = false {
		lead := indent
		if first {
			lead = ""
		}
		part := cut(text, p.width-len(lead))
		text = strings.TrimLeft(text[len(part):], " ")
		p.b.WriteString(lead + p.paint(s, strings.TrimRight(part, " ")) + "\n")
	}
}

// cut takes the words that fit into room runes, at least one.
func cut(text string, room int) string {
	if utf8.RuneCountInString(text) <= room {
		return text
	}
	indent := len(text) - len(strings.TrimLeft(text, " "))
	head := string([]rune(text)[:max(room, 8)+1])
	if i := strings.LastIndexByte(head, ' '); i > indent {
		return text[:i]
	}
	if i := strings.IndexByte(text[indent:], ' '); i >= 0 {
		return text[:indent+i]
	}
	return text
}

// cell is one field of a table.
type cell struct {
	text  string
	style style
}

// column says how a column of a table behaves when there is no room.
type column struct {
	head   string
	shrink bool // may be shortened
	path   bool // is shortened inside, rather than at its end
}

// room is what a table leaves of the page's width when nothing of it is shortened.
func (p *page) room(columns []column, rows [][]cell) int {
	room := p.width - 2*(len(columns)-1)
	for i, c := range columns {
		widest := utf8.RuneCountInString(c.head)
		for _, r := range rows {
			widest = max(widest, utf8.RuneCountInString(oneLine(r[i].text)))
		}
		room -= widest
	}
	return room
}

// table writes rows aligned, no line wider than the page.
func (p *page) table(columns []column, rows [][]cell) {
	width := make([]int, len(columns))
	for i, c := range columns {
		width[i] = utf8.RuneCountInString(c.head)
	}
	for _, r := range rows {
		for i := range r {
			r[i].text = oneLine(r[i].text)
			width[i] = max(width[i], utf8.RuneCountInString(r[i].text))
		}
	}
	p.fit(columns, width)
	head := make([]cell, len(columns))
	for i, c := range columns {
		head[i] = cell{c.head, dim}
	}
	for _, r := range append([][]cell{head}, rows...) {
		p.row(columns, width, r)
	}
}

// fit takes room from the widest column that may shrink until the table fits.
func (p *page) fit(columns []column, width []int) {
	for {
		total, widest := 2*(len(width)-1), -1
		for i, w := range width {
			total += w
			if columns[i].shrink && w > 10 && (widest < 0 || w > width[widest]) {
				widest = i
			}
		}
		if total <= p.width || widest < 0 {
			return
		}
		width[widest]--
	}
}

func (p *page) row(columns []column, width []int, r []cell) {
	var b strings.Builder
	for i, c := range r {
		text := shorten(c.text, width[i], columns[i].path)
		pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(text))
		if i == len(r)-1 {
			pad = ""
		} else {
			pad += "  "
		}
		b.WriteString(p.paint(c.style, text) + pad)
	}
	p.b.WriteString(strings.TrimRight(b.String(), " "))
	p.b.WriteByte('\n')
}

func shorten(s string, width int, path bool) string {
	runes := []rune(s)
	if len(runes) <= width {
		return s
	}
	if path { // its folder tells one of a monorepo from the other, its end which file it is
		head := (width - 1) / 3
		return string(runes[:head]) + "…" + string(runes[len(runes)-width+1+head:])
	}
	return string(runes[:width-1]) + "…"
}

// terminal is the file behind w, when that is a terminal.
func terminal(w io.Writer) (*os.File, bool) {
	f, ok := w.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// page makes a page as wide as the terminal, or 80 columns.
func (c *cli) page() *page {
	p := &page{width: 80}
	if f, ok := terminal(c.Stdout); ok && c.opt.output == "" {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			p.width = min(max(w, 60), 160)
		}
		p.colour = !c.opt.noColor && c.getenv("NO_COLOR") == "" && c.getenv("TERM") != "dumb"
	}
	return p
}

// redraws reports whether lines may be written over: a person watches, and did not ask for plain lines.
func (c *cli) redraws(w io.Writer) bool {
	_, tty := terminal(w)
	return tty && !c.opt.plain && c.getenv("TERM") != "dumb" && c.getenv("CI") == "" && c.getenv("NO_COLOR") == "" && c.getenv("ACCESSIBLE") != "1"
}
