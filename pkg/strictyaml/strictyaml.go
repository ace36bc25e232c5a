// Package strictyaml reads what people write by hand, as YAML, into Go values, and says everything that is
// wrong with it at once: file and line, YAML path, what was found, what is allowed there, what was perhaps
// meant. Unknown keys, anchors, aliases, tags, empty values and second documents are refused.
//
// It is our own rather than the YAML library's because that one stops at the first problem and does not say
// what is allowed, and because anchors (which can blow a small file up) have no business in such files.
package strictyaml

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Choice is text out of a closed set: a string type with this method takes no other value.
type Choice interface{ Allowed() []string }

// Validator checks what the form of a document can't say. [Decode] calls it on what it read and adds File
// and Line to the problems, which name a Path, and leaves out those of values that could not even be read.
type Validator interface{ Validate() []Problem }

// Reader reads a value that may be written in more than one form: it gets that part of the document.
type Reader interface{ ReadYAML(Raw) []Problem }

// Problem is one thing that is wrong with a document.
type Problem struct {
	File    string   `json:"file"`
	Line    int      `json:"line,omitempty"`
	Path    string   `json:"path,omitempty"` // "classes.emergency.soak.staging", "waivers[0].owner"
	Message string   `json:"message"`
	Allowed []string `json:"allowed,omitempty"`
}

// Errors are all problems of a document, by line.
type Errors struct{ Problems []Problem }

// Error gives one line for each problem.
func (e *Errors) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// String is "file:line: path: message; allowed: …".
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if len(p.Allowed) > 0 {
		b.WriteString("; allowed: " + strings.Join(p.Allowed, ", "))
	}
	return b.String()
}

// Decode lays the one YAML document in data over into, a pointer to a struct or map: a mapping adds to what
// is there, everything else takes its place; an empty document changes nothing. Fields are found by their
// `yaml:"name"` tags; a field without one can't be written. name stands for the file in errors.
//
// Besides structs, maps, slices, pointers, text, numbers and booleans it reads a [Choice], any
// encoding.TextUnmarshaler (its error becomes the message), [Reader], time.Time, [Until] and [Raw]. An error is an *[Errors].
func Decode(name string, data []byte, into any) error {
	_, err := Locate(name, data, into)
	return err
}

// Locate is [Decode] for who has more to say about the document afterwards: it also tells the lines, beside
// an error too, unless nothing could be read at all.
func Locate(name string, data []byte, into any) (*Lines, error) {
	d := &decoder{lines: &Lines{File: name, at: map[string]int{}}}
	if len(data) > maxSize {
		return nil, &Errors{Problems: []Problem{{File: name, Message: fmt.Sprintf("%d bytes are more than such a file may have (%d)", len(data), maxSize)}}}
	}
	tokens := lexer.Tokenize(strings.TrimPrefix(string(data), "\ufeff")) // YAML 1.2, 5.2: a mark, and no content
	if line := tooDeep(tokens); line > 0 {
		return nil, &Errors{Problems: []Problem{{File: name, Line: line, Message: fmt.Sprintf("nested deeper than %d levels", maxDepth)}}}
	}
	if line := second(tokens); line > 0 {
		return nil, &Errors{Problems: []Problem{{File: name, Line: line, Message: "the file is one YAML document, this is another: leave out the --- before it"}}}
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		return nil, &Errors{Problems: []Problem{syntaxProblem(name, err)}}
	}
	for i, doc := range file.Docs {
		if i > 0 && doc.Body != nil {
			d.fail(doc.Body, "", "the file is one YAML document, this is another: leave out what divides them", nil)
			break
		}
		if doc.Body != nil {
			d.value(doc.Body, reflect.ValueOf(into).Elem(), "")
		}
	}
	if v, ok := into.(Validator); ok {
		d.problems = append(d.problems, d.lines.Place(d.fresh(v.Validate()))...)
	}
	return d.lines, NewErrors(d.problems)
}

// fresh leaves out what a check says of values that could not be read: they only look missing to it.
func (d *decoder) fresh(found []Problem) []Problem {
	unread := map[string]bool{}
	for _, p := range d.problems {
		unread[p.Path] = true
	}
	return slices.DeleteFunc(found, func(p Problem) bool {
		for at := p.Path; ; at = at[:max(0, strings.LastIndexAny(at, ".["))] {
			if unread[at] || at == "" {
				return unread[at]
			}
		}
	})
}

// Raw is a part of a document that is read later, once it is known over what it is laid.
type Raw struct {
	node  ast.Node
	path  string
	lines *Lines
}

// Lay lays the part over into, as [Decode] does, and returns what is wrong with it.
func (r Raw) Lay(into any) []Problem {
	d := &decoder{lines: r.lines}
	d.value(r.node, reflect.ValueOf(into).Elem(), r.path)
	return d.problems
}

// Path is where in the document the part stands.
func (r Raw) Path() string { return r.path }

// Lines tell where the values of the whole document stand, once [Raw.Lay] has read this part of it.
func (r Raw) Lines() *Lines { return r.lines }

// NewErrors sorts problems by line; nil for none.
func NewErrors(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return a.Line - b.Line })
	if n := len(problems); n > maxProblems {
		problems = append(problems[:maxProblems:maxProblems], Problem{File: problems[0].File, Message: fmt.Sprintf("and %d more problems", n-maxProblems)})
	}
	return &Errors{Problems: problems}
}

// File reads a file for [Decode], bounded; what names it in errors ("policy").
func File(what, path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", what, err)
	case len(data) > maxSize:
		return nil, fmt.Errorf("read %s %s: more than %d bytes, which is all such a file may have", what, path, maxSize)
	}
	return data, nil
}

// Lines tell where in a document its values stand.
type Lines struct {
	File string
	at   map[string]int // path → line
}

// Of is the line of a path, or of the nearest thing above it that the document names; 0 where it names
// nothing of it.
func (l *Lines) Of(path string) int {
	for path != "" {
		if line, ok := l.at[path]; ok {
			return line
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 0
}

// At is the line of a path that the document itself names; false where it does not.
func (l *Lines) At(path string) (int, bool) {
	line, ok := l.at[path]
	return line, ok
}

// Place gives problems that name a path their file and line.
func (l *Lines) Place(problems []Problem) []Problem {
	for i := range problems {
		problems[i].File, problems[i].Line = l.File, l.Of(problems[i].Path)
	}
	return problems
}

// second is the line at which a second document begins; 0 for none. It is asked of the tokens, since the parser
// leaves out in silence what follows two `---` with nothing between them.
func second(tokens token.Tokens) int {
	begun, again := false, false
	for _, t := range tokens {
		switch t.Type {
		case token.CommentType, token.DocumentEndType:
		case token.DocumentHeaderType:
			again, begun = begun, true
		default:
			if again && t.Position != nil {
				return t.Position.Line
			}
			begun = true
		}
	}
	return 0
}

// tooDeep is the line at which nesting goes beyond maxDepth; 0 where it never does. Nesting comes from
// brackets, from indentation, and from what can open several levels on one line.
func tooDeep(tokens token.Tokens) int {
	flow, opened, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position == nil {
			continue
		}
		if t.Position.Line != line {
			line, opened = t.Position.Line, 0
		}
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.MappingValueType:
			if flow == 0 {
				opened++
			}
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType:
			opened++
		}
		if flow > maxDepth || opened > maxDepth || t.Position.IndentLevel > maxDepth {
			return line
		}
	}
	return 0
}

func syntaxProblem(name string, err error) Problem {
	line, _, _ := strings.Cut(err.Error(), "\n")
	p := Problem{File: name, Message: "not YAML: " + line}
	var at yaml.Error
	if errors.As(err, &at) {
		p.Message = "not YAML: " + at.GetMessage()
		if t := at.GetToken(); t != nil && t.Position != nil {
			p.Line = t.Position.Line
		}
	}
	return p
}
