// Command generate writes the JSON Schemas of the two files that declare an application. Run it from anywhere
// in the repository:
//
//	go run ./pkg/application/generate          write
//	go run ./pkg/application/generate -check   only report what has drifted; exit status 1 if anything has
package main

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

func main() {
	check := flag.Bool("check", false, "write nothing; list files that differ from the structures")
	flag.Parse()
	if err := run(*check, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// files are the schemas and where each is kept.
var files = map[string]struct{ name, title string }{
	application.Schema:           {"schemas/applications.json", "The applications of a Drydock server"},
	application.RepositorySchema: {"schemas/repository.json", "What a repository says of itself (" + application.RepositoryFile + ")"},
}

func run(check bool, out io.Writer) error {
	dir, err := findPackage()
	if err != nil {
		return err
	}
	doc, err := readComments(dir)
	if err != nil {
		return err
	}
	for schema, value := range application.Documents() {
		want, err := render(schema, files[schema].title, value, doc)
		if err != nil {
			return err
		}
		file := filepath.Join(dir, filepath.FromSlash(files[schema].name))
		have, err := os.ReadFile(file)
		switch {
		case err == nil && bytes.Equal(have, want):
		case check:
			return fmt.Errorf("%s differs from the structures; run: go run ./pkg/application/generate", files[schema].name)
		default:
			if err := os.WriteFile(file, want, 0o644); err != nil {
				return err
			}
			fmt.Fprintln(out, "wrote", files[schema].name)
		}
	}
	return nil
}

// findPackage walks up to the repository and names the package's folder.
func findPackage() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		found := filepath.Join(dir, "pkg", "application")
		if _, err := os.Stat(filepath.Join(found, "schema.go")); err == nil {
			return found, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no directory above this one holds pkg/application; run it inside the repository")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}

func render(schema, title string, value any, doc map[string]string) ([]byte, error) {
	lookup := func(t reflect.Type, field string) string { return doc[strings.TrimSuffix(t.Name()+"."+field, ".")] }
	r := jsonschema.Reflector{Anonymous: true, ExpandedStruct: true, DoNotReference: true, FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, LookupComment: lookup, Mapper: special}
	s := r.Reflect(value)
	s.ID, s.Title, s.Description = jsonschema.ID("urn:drydock:schema:"+schema), title, ""
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", schema, err)
	}
	return append(data, '\n'), nil
}

// special are the types that are not written as their Go structure looks.
func special(t reflect.Type) *jsonschema.Schema {
	zero := reflect.New(t)
	if _, ok := zero.Interface().(*strictyaml.Raw); ok {
		return &jsonschema.Schema{Type: "object"}
	}
	if _, ok := zero.Interface().(*application.Command); ok {
		least := uint64(1)
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string", MinLength: &least}, {Type: "array", MinItems: &least, Items: &jsonschema.Schema{Type: "string"}}}}
	}
	if c, ok := zero.Elem().Interface().(strictyaml.Choice); ok {
		s := &jsonschema.Schema{Type: "string"}
		for _, v := range c.Allowed() {
			s.Enum = append(s.Enum, v)
		}
		return s
	}
	if _, ok := zero.Interface().(encoding.TextUnmarshaler); ok { // durations are the only ones
		return &jsonschema.Schema{Type: "string", Pattern: `^([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?$`}
	}
	return nil
}

// readComments are the words beside the package's types and fields: "Type" and "Type.Field".
func readComments(dir string) (map[string]string, error) {
	out := map[string]string{}
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if st, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range st.Fields.List {
					for _, field := range f.Names {
						out[spec.Name.Name+"."+field.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
					}
				}
			}
			return false
		})
	}
	return out, nil
}
