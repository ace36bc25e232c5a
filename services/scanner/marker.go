package scanner

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// markerVariables are those of PEP 508 and its older spellings, which pip still takes.
var markerVariables = []string{"python_version", "python_full_version", "os_name", "sys_platform", "platform_release", "platform_system",
	"platform_version", "platform_machine", "platform_python_implementation", "implementation_name", "implementation_version", "extra",
	"extras", "dependency_groups", "os.name", "sys.platform", "platform.version", "platform.machine", "platform.python_implementation", "python_implementation"}

// checkMarker reports why text is no environment marker (PEP 508, "Environment Markers"). It is read, not
// evaluated: every line counts, whatever its marker.
func checkMarker(text string) error {
	if text == "" {
		return nil
	}
	m := &marker{rest: text}
	m.next()
	if m.expression(0); m.err == nil && m.token != "" {
		m.fail()
	}
	if m.err == nil && !printable(text) {
		m.err = errors.New("it holds control characters")
	}
	if m.err != nil {
		return fmt.Errorf("marker %.80q: %w", text, m.err)
	}
	return nil
}

// marker is a parser with one token of look-ahead.
type marker struct {
	rest  string
	token string // "" at the end
	err   error
}

func (m *marker) next() {
	if strings.TrimSpace(m.rest) == "" {
		m.token, m.rest = "", ""
		return
	}
	rest := strings.TrimLeft(m.rest, pythonSpace)
	n := tokenLength(rest)
	if n == 0 {
		m.token = rest
		m.fail()
		return
	}
	m.token, m.rest = rest[:n], rest[n:]
}

// tokenLength is the length of the parenthesis, string, operator or word at the front of s; 0: none.
func tokenLength(s string) int {
	switch c := s[0]; {
	case c == '(' || c == ')':
		return 1
	case c == '\'' || c == '"':
		return 2 + strings.IndexByte(s[1:], c) // 1 without an end, which then is no value
	case strings.IndexByte("=~!<>", c) >= 0:
		for _, op := range [...]string{"===", "~=", "==", "!=", "<=", ">=", "<", ">"} {
			if strings.HasPrefix(s, op) {
				return len(op)
			}
		}
		return 0
	case !isAlphanumeric(c) && c != '_':
		return 0
	}
	n := 0
	for n < len(s) && (isAlphanumeric(s[n]) || s[n] == '_' || s[n] == '.') {
		n++
	}
	return n
}

func (m *marker) fail() {
	if m.err == nil {
		m.err = fmt.Errorf("unexpected %.40q", m.token)
	}
}

func (m *marker) expression(depth int) {
	if depth > maxDepth {
		m.fail()
		return
	}
	for {
		if m.token == "(" {
			m.next()
			m.expression(depth + 1)
			if m.token != ")" {
				m.fail()
			}
			m.next()
		} else {
			m.comparison()
		}
		if m.err != nil || m.token != "and" && m.token != "or" {
			return
		}
		m.next()
	}
}

func (m *marker) comparison() {
	m.value()
	switch {
	case m.token == "in":
		m.next()
	case m.token == "not":
		if m.next(); m.token != "in" {
			m.fail()
		}
		m.next()
	case m.token != "" && strings.ContainsAny(m.token[:1], "=~!<>"):
		m.next()
	default:
		m.fail()
	}
	m.value()
}

func (m *marker) value() {
	if m.err != nil {
		return
	}
	if quoted := len(m.token) > 1 && strings.IndexByte(`'"`, m.token[0]) >= 0; !quoted && !slices.Contains(markerVariables, m.token) {
		m.fail()
		return
	}
	m.next()
}
