package check

import (
	"errors"
	"fmt"
	"io"
)

// guard lets through what encoding/xml can read within bounds. The decoder holds a whole element with all its
// attributes in memory, some ten times what they have as text; and it knows comments, CDATA and document types, which
// pytest never writes and in which much could be hidden.
type guard struct {
	r           io.Reader
	limit, left int64
	state       byte // what r is in: 0 text, '<' just after it, 't' a tag, '?' an instruction, '>' perhaps its end, a quote: a value
	attrs       int
}

// maxAttributes of an element: pytest writes nine, and whatever record_xml_attribute adds.
const maxAttributes = 64

func (g *guard) Read(p []byte) (int, error) {
	if g.left <= 0 {
		return 0, fmt.Errorf("more than %d bytes", g.limit)
	}
	n, err := g.r.Read(p[:min(int64(len(p)), g.left)])
	g.left -= int64(n)
	for _, c := range p[:n] {
		if err := g.see(c); err != nil {
			return 0, err
		}
	}
	return n, err
}

func (g *guard) see(c byte) error {
	switch g.state {
	case 0:
		if c == '<' {
			g.state, g.attrs = '<', 0
		}
	case '<':
		switch c {
		case '!':
			return errors.New("a comment, CDATA or a document type, which no report has")
		case '?':
			g.state = '?'
		case '>':
			g.state = 0
		default:
			g.state = 't'
		}
	case '?':
		if c == '?' {
			g.state = '>'
		}
	case '>':
		switch c {
		case '>':
			g.state = 0
		case '?':
		default:
			g.state = '?'
		}
	case 't':
		switch c {
		case '>':
			g.state = 0
		case '"', '\'':
			g.state = c
			if g.attrs++; g.attrs > maxAttributes {
				return fmt.Errorf("an element of more than %d attributes", maxAttributes)
			}
		}
	default: // within quotes
		if c == g.state {
			g.state = 't'
		}
	}
	return nil
}
