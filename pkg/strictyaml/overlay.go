package strictyaml

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// decoder lays a YAML tree over a value.
type decoder struct {
	lines    *Lines
	problems []Problem
}

func (d *decoder) fail(n ast.Node, path, message string, allowed []string) {
	d.problems = append(d.problems, Problem{File: d.lines.File, Line: lineOf(n), Path: path, Message: message, Allowed: allowed})
}

func lineOf(n ast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 0
	}
	return n.GetToken().Position.Line
}

func (d *decoder) value(n ast.Node, v reflect.Value, path string) {
	if path != "" {
		d.lines.at[path] = lineOf(n)
	}
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		d.fail(n, path, "anchors, aliases and tags are not read here: write the value out", nil)
		return
	case *ast.NullNode:
		d.fail(n, path, "no value: leave the key out to keep the default", nil)
		return
	}
	switch u := v.Addr().Interface().(type) {
	case *Raw:
		*u = Raw{node: n, path: path, lines: d.lines}
		return
	case Reader:
		d.problems = append(d.problems, u.ReadYAML(Raw{node: n, path: path, lines: d.lines})...)
		return
	case *time.Time:
		d.text(n, path, "a date or time", func(text string) (err error) { *u, _, err = moment(text); return err })
		return
	case encoding.TextUnmarshaler:
		d.text(n, path, "text", func(text string) error { return u.UnmarshalText([]byte(text)) })
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
	var all, plain []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		all = m.Values
	case *ast.MappingValueNode:
		all = []*ast.MappingValueNode{m}
	default:
		d.fail(n, path, "want a mapping (key: value), found "+kindOf(n), nil)
		return nil, false
	}
	for _, kv := range all {
		if _, ok := textOf(kv.Key); ok {
			plain = append(plain, kv)
		} else {
			d.fail(kv.Key, path, "a key is plain text, found "+kindOf(kv.Key), nil)
		}
	}
	return plain, true
}

func (d *decoder) fields(n ast.Node, v reflect.Value, path string) {
	pairs, ok := d.pairs(n, path)
	if !ok {
		return
	}
	index, names := map[string]int{}, []string{}
	for i := range v.NumField() {
		if tag, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ","); tag != "" && tag != "-" {
			index[tag], names = i, append(names, tag)
		}
	}
	for _, kv := range pairs {
		key := keyOf(kv)
		at := join(path, key)
		i, ok := index[key]
		if !ok {
			d.fail(kv.Key, at, "unknown key"+Suggest(key, names), names)
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
		text := keyOf(kv)
		key := reflect.ValueOf(text).Convert(v.Type().Key())
		if c, closed := key.Interface().(Choice); closed && !slices.Contains(c.Allowed(), text) {
			d.fail(kv.Key, join(path, text), "unknown key"+Suggest(text, c.Allowed()), c.Allowed())
			continue
		}
		item := reflect.New(v.Type().Elem()).Elem()
		if old := v.MapIndex(key); old.IsValid() {
			item.Set(old)
		}
		d.value(kv.Value, item, join(path, text))
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

// text hands a scalar to whoever reads it.
func (d *decoder) text(n ast.Node, path, what string, read func(string) error) {
	text, ok := textOf(n)
	if !ok {
		d.fail(n, path, "want "+what+", found "+kindOf(n), nil)
		return
	}
	if err := read(text); err != nil {
		d.fail(n, path, err.Error(), nil)
	}
}

func (d *decoder) scalar(n ast.Node, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.String:
		text, ok := textOf(n)
		if !ok {
			d.fail(n, path, "want text, found "+kindOf(n), nil)
			return
		}
		if c, closed := v.Interface().(Choice); closed && !slices.Contains(c.Allowed(), text) {
			d.fail(n, path, fmt.Sprintf("%q is not known", text)+Suggest(text, c.Allowed()), c.Allowed())
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
	case reflect.Int, reflect.Int64:
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
		value, ok := numberOf(n)
		if !ok {
			d.fail(n, path, "want a number, found "+kindOf(n), nil)
			return
		}
		v.SetFloat(value)
	default:
		panic(fmt.Sprintf("strictyaml: %s: a %s can't be read from YAML", path, v.Type())) // the first test shows it
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

// numberOf reads a finite number as YAML writes one.
func numberOf(n ast.Node) (float64, bool) {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		value, err := strconv.ParseFloat(n.GetToken().Value, 64)
		return value, err == nil
	}
	return 0, false
}

func keyOf(kv *ast.MappingValueNode) string { text, _ := textOf(kv.Key); return text }

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

// Suggest is `, did you mean "…"?` with the closest known word, when one is close; else nothing.
func Suggest(word string, known []string) string {
	best, least := "", closeWord+1
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
