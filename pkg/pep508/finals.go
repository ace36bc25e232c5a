package pep508

import (
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// Finals returns a marker that is as true as m on every final release of Python, and in which no order of Python
// versions names a pre-release: "python_full_version <= '3.11.0a6'" is "python_full_version < '3.11.0'" there, since
// nothing final lies between. Who leaves the pre-release out of a comparison (as uv does) then reads it rightly. What
// is no such order stays as it is.
func (m Marker) Finals() Marker {
	if m.root == nil {
		return m
	}
	return Marker{m.root.finals()}
}

func (n *node) finals() *node {
	if n.join != "" {
		out := &node{join: n.join}
		for _, kid := range n.among {
			out.among = append(out.among, kid.finals())
		}
		return out
	}
	op, ordered := map[string]string{"<": "<", "<=": "<", ">": ">=", ">=": ">="}[n.op]
	python := n.left.variable && (n.left.text == "python_version" || n.left.text == "python_full_version")
	v, err := pep440.Parse(n.right.text)
	if !ordered || !python || n.right.variable || err != nil || !v.IsPrerelease() {
		return n
	}
	text := v.String()
	end := strings.IndexFunc(text, func(c rune) bool { return c != '.' && (c < '0' || c > '9') })
	if v.IsPostrelease() || v.Local() != "" || end < 0 || text[end] == '!' {
		return n
	}
	return &node{op: op, left: n.left, right: operand{text: strings.TrimSuffix(text[:end], ".")}}
}
