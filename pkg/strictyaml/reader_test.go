package strictyaml

import (
	"strings"
	"testing"
)

// either is a list, or one word.
type either []string

func (e *either) ReadYAML(raw Raw) []Problem {
	var word string
	if found := raw.Lay((*[]string)(e)); len(found) == 0 || len(raw.Lay(&word)) > 0 {
		return found
	}
	*e = either{word}
	return nil
}

func TestReader(t *testing.T) {
	var doc struct {
		Here either            `yaml:"here"`
		Of   map[string]either `yaml:"of"`
	}
	lines, err := Locate("f", []byte("here: one\nof:\n  a: [x, y]\n  b: z\n"), &doc)
	if err != nil || len(doc.Here) != 1 || len(doc.Of["a"]) != 2 || doc.Of["b"][0] != "z" {
		t.Fatalf("%v, %+v", err, doc)
	}
	if line, ok := lines.At("of.b"); !ok || line != 4 {
		t.Errorf("of.b: %d, %v", line, ok)
	}
	if _, ok := lines.At("of.c"); ok || lines.Of("of.c") == 0 {
		t.Error("what the document does not name has a line of its own")
	}
	if err := Decode("f", []byte("of:\n  a: {b: c}\n"), &doc); err == nil || !strings.HasPrefix(err.Error(), "f:2: of.a: want a list, found a mapping") {
		t.Errorf("neither form: %v", err)
	}
}
