package pep508

import (
	"errors"
	"fmt"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// ErrMarker is wrapped by every error about a text that is no environment marker.
var ErrMarker = errors.New("not an environment marker")

// Marker says where a requirement counts (PEP 508, "Environment Markers"). The zero value holds everywhere.
type Marker struct{ root *node }

// node is "and", "or" over others, or a comparison.
type node struct {
	join        string // "and", "or"; empty: a comparison
	among       []*node
	op          string // as written; "not in" with one space
	left, right operand
}

// operand is a variable under its name of today, or a text.
type operand struct {
	text     string
	variable bool
}

// variables gives each spelling of a variable its name of today (PEP 508; the dotted ones are of PEP 345).
var variables = map[string]string{
	"python_version": "python_version", "python_full_version": "python_full_version",
	"os_name": "os_name", "os.name": "os_name", "sys_platform": "sys_platform", "sys.platform": "sys_platform",
	"platform_release": "platform_release", "platform_system": "platform_system",
	"platform_version": "platform_version", "platform.version": "platform_version",
	"platform_machine": "platform_machine", "platform.machine": "platform_machine",
	"platform_python_implementation": "platform_python_implementation", "platform.python_implementation": "platform_python_implementation",
	"python_implementation": "platform_python_implementation",
	"implementation_name":   "implementation_name", "implementation_version": "implementation_version",
	"extra": "extra", "extras": "extras", "dependency_groups": "dependency_groups",
}

// ParseMarker reads a marker; an empty text is the marker that holds everywhere. An error wraps ErrMarker.
func ParseMarker(text string) (Marker, error) {
	if strings.Trim(text, space) == "" {
		return Marker{}, nil
	}
	p := &markerParser{rest: text}
	err := printable(text)
	if len(text) > maxMarker {
		err = fmt.Errorf("%d bytes long, at most %d", len(text), maxMarker)
	}
	var root *node
	if err == nil {
		if root, err = p.expression("or", 0); err == nil && !p.done() {
			err = fmt.Errorf("unexpected %s", shown(p.rest))
		}
	}
	if err != nil {
		return Marker{}, fmt.Errorf("%w: %s: %w", ErrMarker, shown(text), err)
	}
	return Marker{root}, nil
}

// IsZero says whether the marker holds everywhere because there is none.
func (m Marker) IsZero() bool { return m.root == nil }

// MentionsExtra says whether the marker speaks of an extra: the requirement then belongs to it.
func (m Marker) MentionsExtra() bool { return m.root != nil && m.root.mentions("extra") }

func (n *node) mentions(variable string) bool {
	for _, kid := range n.among {
		if kid.mentions(variable) {
			return true
		}
	}
	return n.left.variable && n.left.text == variable || n.right.variable && n.right.text == variable
}

// String writes the marker in normal form: today's names, double quotes, parentheses only where needed.
func (m Marker) String() string {
	if m.root == nil {
		return ""
	}
	var b strings.Builder
	m.root.write(&b, "or")
	return b.String()
}

func (n *node) write(b *strings.Builder, outer string) {
	if n.join == "" {
		n.left.write(b)
		b.WriteString(" " + n.op + " ")
		n.right.write(b)
		return
	}
	if parens := n.join == "or" && outer == "and"; parens {
		b.WriteByte('(')
		defer b.WriteByte(')')
	}
	for i, kid := range n.among {
		if i > 0 {
			b.WriteString(" " + n.join + " ")
		}
		kid.write(b, n.join)
	}
}

func (o operand) write(b *strings.Builder) {
	quote := `"`
	if strings.Contains(o.text, quote) {
		quote = "'" // a text holds at most one of the two: it stood in the other
	}
	if o.variable {
		quote = ""
	}
	b.WriteString(quote + o.text + quote)
}

type markerParser struct{ rest string }

func (p *markerParser) done() bool {
	p.rest = strings.TrimLeft(p.rest, space)
	return p.rest == ""
}

// accept takes a symbol or a whole word off the front.
func (p *markerParser) accept(token string) bool {
	if p.done() || !strings.HasPrefix(p.rest, token) {
		return false
	}
	after := p.rest[len(token):]
	if wordByte(token[0]) && after != "" && wordByte(after[0]) {
		return false
	}
	p.rest = after
	return true
}

func wordByte(c byte) bool { return c == '_' || c == '.' || alphanumeric(c) }

// expression reads terms joined by "or", or by "and", which binds tighter.
func (p *markerParser) expression(join string, depth int) (*node, error) {
	next := func() (*node, error) {
		if join == "or" {
			return p.expression("and", depth)
		}
		return p.term(depth)
	}
	first, err := next()
	if err != nil {
		return nil, err
	}
	all := flatten(nil, first, join)
	for p.accept(join) {
		more, err := next()
		if err != nil {
			return nil, err
		}
		all = flatten(all, more, join)
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return &node{join: join, among: all}, nil
}

// flatten adds n to all: "a and (b and c)" is "a and b and c".
func flatten(all []*node, n *node, join string) []*node {
	if n.join == join {
		return append(all, n.among...)
	}
	return append(all, n)
}

func (p *markerParser) term(depth int) (*node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested more than %d deep", maxDepth)
	}
	if p.accept("(") {
		n, err := p.expression("or", depth+1)
		if err == nil && !p.accept(")") {
			err = errors.New("a parenthesis that does not close")
		}
		return n, err
	}
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	op, err := p.operator()
	if err != nil {
		return nil, err
	}
	right, err := p.operand()
	if err != nil {
		return nil, err
	}
	n := &node{op: op, left: left, right: right}
	if left.isExtra() {
		n.right.text = pep440.Normalize(n.right.text)
	} else if right.isExtra() {
		n.left.text = pep440.Normalize(n.left.text)
	}
	return n, nil
}

func (o operand) isExtra() bool { return o.variable && o.text == "extra" }

func (p *markerParser) operand() (operand, error) {
	if p.done() {
		return operand{}, errors.New("it ends where a value should stand")
	}
	if c := p.rest[0]; c == '\'' || c == '"' {
		text, rest, closed := strings.Cut(p.rest[1:], string(c))
		if !closed {
			return operand{}, errors.New("a quote that does not end")
		}
		p.rest = rest
		return operand{text: text}, nil
	}
	n := 0
	for n < len(p.rest) && wordByte(p.rest[n]) {
		n++
	}
	name, ok := variables[p.rest[:n]]
	if !ok {
		return operand{}, fmt.Errorf("%s stands where a quoted text or one of the variables should", shown(p.rest))
	}
	p.rest = p.rest[n:]
	return operand{text: name, variable: true}, nil
}

func (p *markerParser) operator() (string, error) {
	for _, op := range [...]string{"===", "~=", "==", "!=", "<=", ">=", "<", ">", "in"} {
		if p.accept(op) {
			return op, nil
		}
	}
	if p.accept("not") {
		if p.accept("in") {
			return "not in", nil
		}
		return "", errors.New(`"not" without "in"`)
	}
	if p.done() {
		return "", errors.New("it ends where a comparison should stand")
	}
	return "", fmt.Errorf("%s stands where a comparison should", shown(p.rest))
}
