package planner

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// printable makes what an outsider wrote fit for one line of a terminal or a document: no control
// characters, no line breaks, not endless.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	if r := []rune(s); len(r) > 300 {
		s = string(r[:300]) + "…"
	}
	return s
}

func day(t *time.Time) string {
	if t == nil {
		return "unknown date"
	}
	return t.UTC().Format(time.DateOnly)
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04Z") }

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
