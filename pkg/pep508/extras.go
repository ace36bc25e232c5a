package pep508

// Extras are the extras that the marker speaks of, as written. all: what it says may be another for any extra ("extra
// in 'a b'"), so none can be left out; else [Marker.Holds] is for every other extra what it is without one.
func (m Marker) Extras() (names []string, all bool) {
	if m.root == nil {
		return nil, false
	}
	return m.root.extras()
}

func (n *node) extras() (names []string, all bool) {
	for _, kid := range n.among {
		some, any := kid.extras()
		names, all = append(names, some...), all || any
	}
	isExtra := func(o operand) bool { return o.variable && o.text == "extra" }
	var other operand
	switch {
	case isExtra(n.left):
		other = n.right
	case isExtra(n.right):
		other = n.left
	default:
		return names, all
	}
	// None asked for is the empty one: compared with that, all others differ from it.
	if n.op == "in" || n.op == "not in" || other.text == "" {
		all = true
	}
	return append(names, other.text), all
}
