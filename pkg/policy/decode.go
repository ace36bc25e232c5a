package policy

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"

	"github.com/drydock-dev/drydock/pkg/evidence"
)

// Problem is one thing that is wrong with a policy.
type Problem struct {
	File    string   `json:"file"`
	Line    int      `json:"line,omitempty"`
	Path    string   `json:"path,omitempty"` // "classes.emergency.soak.staging"
	Message string   `json:"message"`
	Allowed []string `json:"allowed,omitempty"`
}

// Errors are all problems of a policy, by line.
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

// parse lays data over base, which it owns, and checks the result.
func parse(name string, data []byte, base *Policy) (*Policy, error) {
	d := &decoder{file: name, lines: map[string]int{}}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, &Errors{Problems: []Problem{syntaxProblem(name, err)}}
	}
	for i, doc := range file.Docs {
		if i > 0 && doc.Body != nil {
			d.fail(doc.Body, "", "a policy is one YAML document, this is another", nil)
			break
		}
		if doc.Body != nil {
			d.value(doc.Body, reflect.ValueOf(base).Elem(), "")
		}
	}
	for _, p := range base.Validate() {
		p.File, p.Line = name, d.lineOf(p.Path)
		d.problems = append(d.problems, p)
	}
	if len(d.problems) > 0 {
		slices.SortStableFunc(d.problems, func(a, b Problem) int { return a.Line - b.Line })
		return nil, &Errors{Problems: d.problems}
	}
	return base.seal()
}

// seal derives what is derived.
func (p *Policy) seal() (*Policy, error) {
	text, err := yaml.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("write policy: %w", err)
	}
	p.text, p.digest = text, evidence.Of(text)
	p.member = map[string]map[string]bool{}
	for list, names := range p.Lists {
		p.member[list] = make(map[string]bool, len(names))
		for _, n := range names {
			p.member[list][normalize(n)] = true
		}
	}
	return p, nil
}

func syntaxProblem(name string, err error) Problem {
	p := Problem{File: name, Message: "not YAML: " + firstLine(err.Error())}
	var at yaml.Error
	if errors.As(err, &at) {
		p.Message = "not YAML: " + at.GetMessage()
		if t := at.GetToken(); t != nil && t.Position != nil {
			p.Line = t.Position.Line
		}
	}
	return p
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
