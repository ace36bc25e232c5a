package test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Sizes above which a file or a function is no longer read at one sitting.
const (
	maxFileLines     = 450
	maxFunctionLines = 80
)

// packageDocs notes for each package folder whether a file of it carries a
// package comment. External test packages need none.
type packageDocs map[string]bool

func (d packageDocs) missing() []string {
	var out []string
	for _, dir := range slices.Sorted(maps.Keys(d)) {
		if !d[dir] {
			out = append(out, dir+": no file has a package comment")
		}
	}
	return out
}

// vagueNames say nothing of what a package is about.
var vagueNames = []string{"util", "utils", "common", "helper", "helpers", "types", "manager", "misc", "shared"}

// checkSource returns what is wrong with one Go file.
func checkSource(name string, data []byte, docs packageDocs) []string {
	var out []string
	generated := bytes.HasPrefix(data, []byte("// Code generated"))
	if n := bytes.Count(data, []byte("\n")); n > maxFileLines && !generated {
		out = append(out, fmt.Sprintf("%s: %d lines, at most %d", name, n, maxFileLines))
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, data, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return append(out, err.Error())
	}
	dir := path.Dir(name)
	if !strings.HasSuffix(f.Name.Name, "_test") {
		docs[dir] = docs[dir] || f.Doc.Text() != ""
	}
	if slices.Contains(vagueNames, f.Name.Name) {
		out = append(out, fmt.Sprintf("%s: package %s is not a noun of the domain", name, f.Name.Name))
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if fn.Name.Name == "init" && fn.Recv == nil {
			out = append(out, fmt.Sprintf("%s: func init: registration is a visible table, set-up a function that is called", name))
		}
		if n := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1; n > maxFunctionLines && !generated {
			out = append(out, fmt.Sprintf("%s: func %s has %d lines, at most %d", name, fn.Name.Name, n, maxFunctionLines))
		}
	}
	return out
}

const module = "github.com/drydock-dev/drydock"

// layers is the direction of imports: a package may import packages of its own
// layer's list and of those below, never above. Nouns of the domain that know
// no events stand at the bottom.
var layers = []struct {
	name     string
	packages []string // below the module path; "x/..." means everything beneath too
}{
	{"nouns", []string{"pkg/evidence", "pkg/inventory", "pkg/report", "pkg/pep440", "pkg/pep508", "pkg/coremeta", "pkg/wheel/...", "pkg/advisory/...", "pkg/index/...", "pkg/telemetry/...", "pkg/version", "pkg/isolation/...", "pkg/uv/...", "pkg/uvlock", "pkg/pyproject", "pkg/strictyaml/...", "pkg/artifact", "pkg/attest", "pkg/bisect", "pkg/wheelhouse", "pkg/pybuild", "pkg/manifest/...", "pkg/vex", "pkg/forge/..."}},
	{"events", []string{"pkg/events/..."}},
	{"policy", []string{"pkg/policy/...", "pkg/application/...", "pkg/check/...", "pkg/preflight", "pkg/waiver", "pkg/freeze"}},
	{"bus", []string{"pkg/bus/..."}},
	{"worker", []string{"pkg/worker/..."}},
	{"services", []string{"services/..."}},
	{"programs", []string{"cmd/...", "test/...", "scripts/...", "deploy/...", "."}},
}

// upward lists the imports that go against the table on purpose, each with its reason.
var upward = map[string]string{
	"pkg/advisory -> pkg/events": "the names of finding kinds and the urgency of a hit are the events' own",
	"pkg/policy -> pkg/events":   "a policy classifies the urgency that events carry",
}

func layerOf(pkg string) int {
	rel := strings.TrimPrefix(strings.TrimPrefix(pkg, module), "/")
	if rel == "" {
		rel = "."
	}
	for i, l := range layers {
		for _, p := range l.packages {
			base, deep := strings.CutSuffix(p, "/...")
			if rel == base || deep && strings.HasPrefix(rel, base+"/") {
				return i
			}
		}
	}
	return -1
}

// checkImports returns the imports of pkg that go the wrong way. A test may
// look up (a conformance suite over a real server), but never across services.
func checkImports(pkg string, imports []string, test bool) []string {
	var out []string
	from := layerOf(pkg)
	if from < 0 {
		return []string{pkg + ": no row of the table of layers (test/source.go) has it"}
	}
	short := func(p string) string { return strings.TrimPrefix(p, module+"/") }
	for _, i := range imports {
		if i != module && !strings.HasPrefix(i, module+"/") {
			continue
		}
		to := layerOf(i)
		a, b := service(pkg), service(i)
		switch {
		case a != "" && b != "" && a != b:
			out = append(out, fmt.Sprintf("%s imports %s: services never import one another", short(pkg), short(i)))
		case to > from && !test && upward[short(pkg)+" -> "+short(i)] == "":
			out = append(out, fmt.Sprintf("%s (%s) imports %s (%s): imports go events ← bus ← worker ← services ← cmd", short(pkg), layers[from].name, short(i), layers[to].name))
		}
	}
	return out
}

// service is the name of the service a package belongs to, or "".
func service(pkg string) string {
	rest, ok := strings.CutPrefix(pkg, module+"/services/")
	name, _, _ := strings.Cut(rest, "/")
	if !ok {
		return ""
	}
	return name
}

var replaceLine = regexp.MustCompile(`(?m)^\s*replace\b`)

// outside are the modules that stay out of go.work on purpose.
var outside = map[string]string{
	"tools":                   "what developer tools need must not move what Drydock builds with",
	"cmd/drydock-osv-scanner": "150 modules and 2.5 minutes to compile (docs/adr)",
}

func checkModule(file string, data, work []byte) []string {
	var out []string
	if replaceLine.Match(data) {
		out = append(out, file+": a replace in a go.mod makes go install refuse: it belongs in go.work")
	}
	dir := path.Dir(file)
	use := "./" + dir
	if dir == "." {
		use = "."
	}
	used := regexp.MustCompile(`(?m)^\s*` + regexp.QuoteMeta(use) + `$`).Match(work)
	if _, out2 := outside[dir]; used == out2 {
		out = append(out, fmt.Sprintf("%s: in go.work: %v, meant to be outside: %v", file, used, out2))
	}
	return out
}

// machinePaths find absolute places that exist on one machine only.
var machinePaths = regexp.MustCompile(`(?:^|[\s"'=(:\x60])((?:/home|/Users|/root|/work)/[A-Za-z0-9._-]+)`)

// allowedPaths may stand in files: a fixed example, or part of a test of paths.
var allowedPaths = []string{"/home/user", "/home/nobody", "/home/drydock"}

func checkPaths(file string, data []byte) []string {
	var out []string
	if bytes.IndexByte(data[:min(len(data), 8000)], 0) >= 0 {
		return nil // not text
	}
	for _, m := range machinePaths.FindAllSubmatch(data, -1) {
		if p := string(m[1]); !slices.Contains(allowedPaths, p) {
			out = append(out, fmt.Sprintf("%s: names %s, a place on one machine", file, p))
		}
	}
	return out
}
