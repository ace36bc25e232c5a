package events

import (
	"errors"
	"fmt"
	"strings"
)

// Header values of the NATS binding (§3.1.3.2): every byte of a character outside U+0021 to U+007E, and
// space, '"' and '%', is written %XY.

const hexDigits = "0123456789ABCDEF"

func plain(c byte) bool { return c > ' ' && c < 0x7F && c != '"' && c != '%' }

func escape(s string) string {
	n := 0
	for i := range len(s) {
		if !plain(s[i]) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	b := make([]byte, 0, len(s)+2*n)
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return string(b)
}

// unescape undoes a quoted string (RFC 7230 §3.2.6), which older writers used, then one round of
// percent-coding. Whether the result is UTF-8 is for the caller to check.
func unescape(s string) (string, error) {
	if strings.HasPrefix(s, `"`) {
		var err error
		if s, err = unquote(s); err != nil {
			return "", err
		}
	}
	if !strings.Contains(s, "%") {
		return s, nil
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", fmt.Errorf("%q ends inside a percent-coded byte", s)
		}
		hi, lo := unhex(s[i+1]), unhex(s[i+2])
		if hi < 0 || lo < 0 {
			return "", fmt.Errorf("%q is not a percent-coded byte", s[i:i+3])
		}
		b = append(b, byte(hi<<4|lo))
		i += 2
	}
	return string(b), nil
}

func unquote(s string) (string, error) {
	b := make([]byte, 0, len(s))
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			if i != len(s)-1 {
				return "", errors.New("text follows a quoted string")
			}
			return string(b), nil
		case '\\':
			if i++; i == len(s) {
				return "", errors.New("a quoted string has no end")
			}
		}
		b = append(b, s[i])
	}
	return "", errors.New("a quoted string has no end")
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
