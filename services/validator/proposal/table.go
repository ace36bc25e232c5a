package proposal

import (
	"strings"
	"unicode/utf8"
)

// writeTable writes a table whose columns line up in plain text, too; wide cells and the last column stand as they
// are. Every row has as many cells as the head.
func writeTable(b *strings.Builder, head []string, rows [][]md) {
	width := make([]int, len(head))
	for i, h := range head {
		width[i] = len(h)
		for _, r := range rows {
			if n := utf8.RuneCountInString(string(r[i])); n > width[i] && n <= maxColumn {
				width[i] = n
			}
		}
	}
	b.WriteString("\n")
	line := func(cell func(i int) string) {
		for i := range head {
			c := cell(i)
			b.WriteString("| " + c)
			if i < len(head)-1 {
				b.WriteString(strings.Repeat(" ", max(0, width[i]-utf8.RuneCountInString(c))))
			}
			b.WriteString(" ")
		}
		b.WriteString("|\n")
	}
	line(func(i int) string { return head[i] })
	line(func(i int) string {
		if i == len(head)-1 {
			return "---"
		}
		return strings.Repeat("-", max(3, width[i]))
	})
	for _, r := range rows {
		line(func(i int) string { return string(r[i]) })
	}
}

// writeItem writes one item of a list; its parts are put together without anything between them.
func writeItem(b *strings.Builder, parts ...md) {
	b.WriteString("- ")
	for _, p := range parts {
		b.WriteString(string(p))
	}
	b.WriteString("\n")
}

// list names things with commas between, no more than most of them, and counts the others.
func list[T any](things []T, most int, name func(T) md) md { return join(things, ", ", most, name) }

func join[T any](things []T, with string, most int, name func(T) md) md {
	var b strings.Builder
	for i, t := range things {
		if i == most {
			b.WriteString(" and " + count(len(things)-i, "more", "more"))
			break
		}
		if i > 0 {
			b.WriteString(with)
		}
		b.WriteString(string(name(t)))
	}
	return md(b.String())
}

// The usual ways to name things.
func asIs(m md) md     { return m }
func name(s string) md { return text(s, maxName) }
func path(s string) md { return code(s, maxPath) }
