package vex

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

// node is one JSON value, with where it ends its first token: decoding into structs stops at the first thing
// that is wrong and doesn't know its line.
type node struct {
	kind   jsontext.Kind // n f t " 0 { [
	offset int
	text   string // of text and numbers
	keys   []string
	values []*node // of a list, or beside keys
}

// tree reads the one JSON value that data holds. Names given twice, other texts than UTF-8, and what follows
// the value are refused.
func tree(name string, data []byte) (*node, error) {
	bad := func(p strictyaml.Problem) error {
		p.File = name
		return &strictyaml.Errors{Problems: []strictyaml.Problem{p}}
	}
	if len(data) > maxBytes {
		return nil, bad(strictyaml.Problem{Message: fmt.Sprintf("%d bytes are more than an OpenVEX document may have (%d)", len(data), maxBytes)})
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // RFC 8259 §8.1 lets readers ignore it
	g := &grower{decoder: jsontext.NewDecoder(bytes.NewReader(data))}
	n, err := g.value(0)
	if err == nil {
		if _, err = g.decoder.ReadToken(); errors.Is(err, io.EOF) {
			return n, nil
		} else if err == nil {
			err = errors.New("something follows the document: each file is one")
		}
	}
	p := strictyaml.Problem{Line: lineAt(data, int(g.decoder.InputOffset())), Path: dotted(g.decoder.StackPointer()), Message: err.Error()}
	if syntax := (*jsontext.SyntacticError)(nil); errors.As(err, &syntax) {
		p.Line, p.Path, p.Message = lineAt(data, int(syntax.ByteOffset)), dotted(syntax.JSONPointer), "not JSON: "+cause(syntax)
	}
	if errors.Is(err, io.EOF) && len(bytes.TrimSpace(data)) == 0 {
		p = strictyaml.Problem{Message: "the file is empty: want an OpenVEX document"}
	}
	return nil, bad(p)
}

func cause(err *jsontext.SyntacticError) string {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it ends in the middle"
	case errors.Is(err, jsontext.ErrDuplicateName):
		return "the key stands there twice"
	case err.Err != nil:
		return strings.TrimPrefix(err.Err.Error(), "jsontext: ")
	}
	return err.Error()
}

// lineAt is the line of an offset, from 1.
func lineAt(data []byte, offset int) int {
	return 1 + bytes.Count(data[:min(max(offset, 0), len(data))], []byte("\n"))
}

// dotted writes /statements/0/status as statements[0].status.
func dotted(p jsontext.Pointer) string {
	var b strings.Builder
	for token := range p.Tokens() {
		switch _, err := strconv.Atoi(token); {
		case err == nil:
			b.WriteString("[" + token + "]")
		case b.Len() > 0:
			b.WriteString("." + token)
		default:
			b.WriteString(token)
		}
	}
	return b.String()
}

type grower struct {
	decoder *jsontext.Decoder
	nodes   int
}

func (g *grower) value(depth int) (*node, error) {
	token, err := g.decoder.ReadToken()
	if err != nil {
		return nil, err
	}
	if g.nodes++; g.nodes > maxNodes {
		return nil, fmt.Errorf("more than %d values: split the document", maxNodes)
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	n := &node{kind: token.Kind(), offset: int(g.decoder.InputOffset())}
	switch n.kind {
	case '"', '0':
		n.text = token.String()
	case '{':
		for g.decoder.PeekKind() != '}' {
			key, err := g.decoder.ReadToken()
			if err != nil {
				return nil, err
			}
			name := key.String()
			v, err := g.value(depth + 1)
			if err != nil {
				return nil, err
			}
			n.keys, n.values = append(n.keys, name), append(n.values, v)
		}
		_, err = g.decoder.ReadToken()
	case '[':
		for g.decoder.PeekKind() != ']' {
			v, err := g.value(depth + 1)
			if err != nil {
				return nil, err
			}
			n.values = append(n.values, v)
		}
		_, err = g.decoder.ReadToken()
	}
	return n, err
}

// called is what messages call the value.
func (n *node) called() string {
	switch n.kind {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return fmt.Sprintf("%q", clip(n.text))
	case '0':
		return clip(n.text)
	case 't':
		return "true"
	case 'f':
		return "false"
	}
	return "null"
}

// clip keeps a message readable.
func clip(text string) string {
	if len(text) > 80 {
		return strings.ToValidUTF8(text[:80], "") + "…"
	}
	return text
}
