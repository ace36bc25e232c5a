package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

// comments are the words beside the declarations of pkg/events, so that documentation is written once.
type comments struct {
	types      map[string]string // type → doc comment
	fields     map[string]string // Type.Field → comment
	extensions []extension       // the Ext constants, in order
}

type extension struct{ name, meaning string }

func readComments(dir string) (comments, error) {
	c := comments{types: map[string]string{}, fields: map[string]string{}}
	files, err := os.ReadDir(dir)
	if err != nil {
		return c, err
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, f.Name()), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return c, err
		}
		for _, d := range tree.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				c.add(g)
			}
		}
	}
	return c, nil
}

func (c *comments) add(g *ast.GenDecl) {
	for _, s := range g.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			doc := s.Doc
			if doc == nil {
				doc = g.Doc
			}
			c.types[s.Name.Name] = oneLine(doc)
			st, ok := s.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, f := range st.Fields.List {
				for _, n := range f.Names {
					c.fields[s.Name.Name+"."+n.Name] = strings.TrimSpace(oneLine(f.Doc) + " " + oneLine(f.Comment))
				}
			}
		case *ast.ValueSpec:
			c.addExtension(s)
		}
	}
}

func (c *comments) addExtension(s *ast.ValueSpec) {
	for i, n := range s.Names {
		if !strings.HasPrefix(n.Name, "Ext") || i >= len(s.Values) {
			continue
		}
		if lit, ok := s.Values[i].(*ast.BasicLit); ok {
			if name, err := strconv.Unquote(lit.Value); err == nil {
				c.extensions = append(c.extensions, extension{name, oneLine(s.Comment)})
			}
		}
	}
}

func oneLine(g *ast.CommentGroup) string {
	if g == nil {
		return ""
	}
	return strings.Join(strings.Fields(g.Text()), " ")
}

// of returns what is said of a type, or of one of its fields; the signature is jsonschema's.
func (c comments) of(t reflect.Type, field string) string {
	if field == "" {
		return c.types[t.Name()]
	}
	return c.fields[t.Name()+"."+field]
}
