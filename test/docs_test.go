package test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root(t), file))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestDependencies: each direct requirement of each go.mod has its line, with a reason.
func TestDependencies(t *testing.T) {
	doc := string(read(t, "docs/dependencies.md"))
	for _, f := range tracked(t) {
		if filepath.Base(f) != "go.mod" || strings.Contains(f, "testdata/") {
			continue
		}
		cmd := exec.Command("go", "mod", "edit", "-json", filepath.Join(root(t), f))
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		var m struct {
			Require []struct {
				Path     string
				Indirect bool
			}
			Tool []struct{ Path string }
		}
		if err := json.Unmarshal(out, &m); err != nil {
			t.Fatal(err)
		}
		for _, r := range m.Require {
			tool := slices.ContainsFunc(m.Tool, func(tool struct{ Path string }) bool { return strings.HasPrefix(tool.Path, r.Path+"/") })
			if strings.HasPrefix(r.Path, module) || r.Indirect && !tool {
				continue
			}
			if !strings.Contains(doc, "| `"+r.Path+"` | ") {
				t.Errorf("docs/dependencies.md has no line for %s (%s)", r.Path, f)
			}
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestLinks: what a document of ours links to is there, the anchors in it too.
func TestLinks(t *testing.T) {
	files := tracked(t)
	for _, f := range files {
		if !strings.HasSuffix(f, ".md") || strings.Contains(f, "testdata/") {
			continue
		}
		for _, m := range link.FindAllSubmatch(read(t, f), -1) {
			target, anchor, _ := strings.Cut(string(m[1]), "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			to := f
			if target != "" {
				to = path.Join(path.Dir(f), target)
			}
			switch {
			case !slices.Contains(files, to) && !slices.ContainsFunc(files, func(g string) bool { return strings.HasPrefix(g, to+"/") }):
				t.Errorf("%s links to %s, which is not there", f, m[1])
			case anchor != "" && strings.HasSuffix(to, ".md") && !hasAnchor(read(t, to), anchor):
				t.Errorf("%s links to %s, which has no such heading", f, m[1])
			}
		}
	}
}

var notInAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)

// hasAnchor looks for a heading by the name forges give it.
func hasAnchor(doc []byte, anchor string) bool {
	for line := range bytes.Lines(doc) {
		heading := strings.TrimLeft(string(line), "#")
		if heading == string(line) {
			continue
		}
		name := notInAnchor.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
		if strings.ReplaceAll(name, " ", "-") == anchor {
			return true
		}
	}
	return false
}

// TestConfiguration: docs/config.md has a row for each key of the configuration file, and no other.
func TestConfiguration(t *testing.T) {
	sections := map[string]string{ // type of a section → where it is declared
		"Config": "cmd/drydock/config.go", "NATSConfig": "cmd/drydock/config.go", "AdvisoryConfig": "cmd/drydock/config.go", "IndexConfig": "cmd/drydock/config.go", "UVConfig": "cmd/drydock/config.go",
		"GitConfig": "cmd/drydock/forges.go", "GitLimits": "cmd/drydock/forges.go",
		"gateway.Config": "services/gateway/gateway.go", "scanner.Config": "services/scanner/scanner.go", "planner.Config": "services/planner/planner.go",
		"validator.Config": "services/validator/validator.go",
		"telemetry.Config": "pkg/telemetry/telemetry.go",
	}
	var keys []string
	var collect func(typ, prefix string)
	collect = func(typ, prefix string) {
		for key, field := range yamlKeys(t, sections[typ], typ[strings.LastIndex(typ, ".")+1:]) {
			if sections[field] != "" {
				collect(field, prefix+key+".")
			} else {
				keys = append(keys, prefix+key)
			}
		}
	}
	collect("Config", "")
	var rows []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\|").FindAllSubmatch(read(t, "docs/config.md"), -1) {
		rows = append(rows, string(m[1]))
	}
	for _, k := range keys {
		if !slices.Contains(rows, k) {
			t.Errorf("docs/config.md has no row for %s", k)
		}
	}
	for _, r := range rows {
		if !slices.Contains(keys, r) {
			t.Errorf("docs/config.md has a row for %s, which is no key of the configuration", r)
		}
	}
}

// yamlKeys returns key → type of the fields of a struct.
func yamlKeys(t *testing.T, file, typ string) map[string]string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, read(t, file), 0)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != typ {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			if field.Tag == nil {
				continue
			}
			tag, _ := strconv.Unquote(field.Tag.Value) // the parser checked it
			key, _, _ := strings.Cut(reflect.StructTag(tag).Get("yaml"), ",")
			if key == "" || key == "-" {
				continue
			}
			switch x := field.Type.(type) {
			case *ast.Ident:
				keys[key] = x.Name
			case *ast.SelectorExpr:
				keys[key] = x.X.(*ast.Ident).Name + "." + x.Sel.Name
			default:
				keys[key] = ""
			}
		}
		return false
	})
	return keys
}

var stop = regexp.MustCompile("\\[`([A-Za-z]+)`\\]\\(\\.\\./([^)]+\\.go)\\)")

// TestWalkthrough: each stop of docs/walkthrough.md is declared in the file it names.
func TestWalkthrough(t *testing.T) {
	stops := stop.FindAllStringSubmatch(string(read(t, "docs/walkthrough.md")), -1)
	if len(stops) < 20 {
		t.Fatalf("only %d stops were found", len(stops))
	}
	for _, s := range stops {
		declared := regexp.MustCompile(`(?m)^(func (\([^)]*\) )?|type |var )` + s[1] + `\b`)
		if !declared.Match(read(t, s[2])) {
			t.Errorf("docs/walkthrough.md sends readers to %s in %s, which is not declared there", s[1], s[2])
		}
	}
}
