package policy

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// decoder lays a YAML tree over a value: a mapping adds to what is there, everything else takes its place.
// It is our own rather than the library's because a typo must be told with its path and what is allowed
// there, all of them at once, and because anchors (which can blow a small file up) have no business here.
type decoder struct {
	file     string
	problems []Problem
	lines    map[string]int // path → line
}

func (d *decoder) fail(n ast.Node, path, message string, allowed []string) {
	d.problems = append(d.problems, Problem{File: d.file, Line: lineOf(n), Path: path, Message: message, Allowed: allowed})
}

// lineOf finds the line of a path, or of the nearest thing above it that the file names; 0 when the path
// stands in the built-in policy only.
func (d *decoder) lineOf(path string) int {
	for path != "" {
		if line, ok := d.lines[path]; ok {
			return line
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 0
}

func lineOf(n ast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 0
	}
	return n.GetToken().Position.Line
}

func (d *decoder) value(n ast.Node, v reflect.Value, path string) {
	if path != "" {
		d.lines[path] = lineOf(n)
	}
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		d.fail(n, path, "anchors, aliases and tags are not read here: write the value out", nil)
		return
	case *ast.NullNode:
		d.fail(n, path, "no value: leave the key out to keep the default", nil)
		return
	}
	if _, ok := v.Interface().(Duration); ok {
		d.duration(n, v, path)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.fields(n, v, path)
	case reflect.Map:
		d.entries(n, v, path)
	case reflect.Slice:
		d.list(n, v, path)
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		d.value(n, p.Elem(), path)
		v.Set(p)
	default:
		d.scalar(n, v, path)
	}
}

// pairs returns the entries of a mapping.
func (d *decoder) pairs(n ast.Node, path string) ([]*ast.MappingValueNode, bool) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, true
	}
	d.fail(n, path, "want a mapping (key: value), found "+kindOf(n), nil)
	return nil, false
}

func (d *decoder) fields(n ast.Node, v reflect.Value, path string) {
	pairs, ok := d.pairs(n, path)
	if !ok {
		return
	}
	index, names := map[string]int{}, []string{}
	for i := range v.NumField() {
		if tag, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ","); tag != "" {
			index[tag], names = i, append(names, tag)
		}
	}
	for _, kv := range pairs {
		key := keyOf(kv)
		at := join(path, key)
		i, ok := index[key]
		if !ok {
			d.fail(kv.Key, at, "unknown key"+suggest(key, names), names)
			continue
		}
		d.value(kv.Value, v.Field(i), at)
	}
}

func (d *decoder) entries(n ast.Node, v reflect.Value, path string) {
	pairs, ok := d.pairs(n, path)
	if !ok {
		return
	}
	out := reflect.MakeMap(v.Type())
	for _, k := range v.MapKeys() {
		out.SetMapIndex(k, v.MapIndex(k))
	}
	for _, kv := range pairs {
		key := reflect.ValueOf(keyOf(kv))
		item := reflect.New(v.Type().Elem()).Elem()
		if old := v.MapIndex(key); old.IsValid() {
			item.Set(old)
		}
		d.value(kv.Value, item, join(path, keyOf(kv)))
		out.SetMapIndex(key, item)
	}
	v.Set(out)
}

func (d *decoder) list(n ast.Node, v reflect.Value, path string) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fail(n, path, "want a list, found "+kindOf(n), nil)
		return
	}
	out := reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values))
	for i, item := range seq.Values {
		d.value(item, out.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	v.Set(out)
}

func (d *decoder) duration(n ast.Node, v reflect.Value, path string) {
	text, ok := textOf(n)
	if !ok {
		d.fail(n, path, "want a duration such as 7d or 24h, found "+kindOf(n), nil)
		return
	}
	dur, err := ParseDuration(text)
	if err != nil {
		d.fail(n, path, err.Error(), nil)
		return
	}
	v.Set(reflect.ValueOf(dur))
}

func (d *decoder) scalar(n ast.Node, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.String:
		text, ok := textOf(n)
		if !ok {
			d.fail(n, path, "want text, found "+kindOf(n), nil)
			return
		}
		if c, closed := v.Interface().(choice); closed && !slices.Contains(c.allowed(), text) {
			d.fail(n, path, fmt.Sprintf("%q is not known", text)+suggest(text, c.allowed()), c.allowed())
			return
		}
		v.SetString(text)
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			d.fail(n, path, "want true or false, found "+kindOf(n), []string{"true", "false"})
			return
		}
		v.SetBool(b.Value)
	case reflect.Int:
		num, ok := n.(*ast.IntegerNode)
		var value int64
		if ok {
			_, err := fmt.Sscan(num.String(), &value)
			ok = err == nil
		}
		if !ok {
			d.fail(n, path, "want a whole number, found "+kindOf(n), nil)
			return
		}
		v.SetInt(value)
	case reflect.Float64:
		var value float64
		if _, err := fmt.Sscan(n.String(), &value); err != nil {
			d.fail(n, path, "want a number, found "+kindOf(n), nil)
			return
		}
		v.SetFloat(value)
	}
}

// textOf reads a plain or quoted scalar; a number counts as the text it was written as.
func textOf(n ast.Node) (string, bool) {
	switch t := n.(type) {
	case *ast.StringNode:
		return t.Value, true
	case *ast.LiteralNode:
		return t.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func keyOf(kv *ast.MappingValueNode) string { return kv.Key.GetToken().Value }

func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	}
	return fmt.Sprintf("%q", n.GetToken().Value)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// suggest names the closest known word when it is close.
func suggest(word string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if n := distance(word, k); n < least {
			best, least = k, n
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
