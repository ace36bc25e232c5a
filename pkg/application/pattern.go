package application

import (
	"fmt"
	"regexp"
	"strings"
)

var form = regexp.MustCompile(`^([a-z0-9][a-z0-9-]{0,62}|([a-z0-9][a-z0-9-]{0,61})?\*)$`)

// Pattern is the name of an application, or how names begin and a star: "payments", "payments-*", "*".
type Pattern string

// Parse reads a pattern; the error says what one looks like.
func Parse(text string) (Pattern, error) {
	if !form.MatchString(text) {
		return "", fmt.Errorf("%q: want the name of an application (a-z, 0-9 and -, at most 63), or how names begin and a star, such as payments-*", text)
	}
	return Pattern(text), nil
}

// UnmarshalText reads a pattern; see [Parse].
func (p *Pattern) UnmarshalText(text []byte) (err error) {
	*p, err = Parse(string(text))
	return err
}

// Covers says whether the application is one of those the pattern names. The empty pattern names none.
func (p Pattern) Covers(name string) bool {
	if start, ok := strings.CutSuffix(string(p), "*"); ok {
		return strings.HasPrefix(name, start)
	}
	return p != "" && string(p) == name
}
