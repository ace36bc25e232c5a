package application

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

// Entry is what [Append] writes of a new application; what is empty is left out.
type Entry struct {
	Repository, Path, Base string
	Owners                 []string
}

// ErrExists reports that there is an application of the name.
var ErrExists = errors.New("there is an application of this name already")

// header begins a file that was not there.
const header = `# The applications Drydock keeps safe. "drydock app validate" says what is wrong with this file.
schema: ` + Schema + `

applications:
`

// Append adds an application to the text of a server's file, at the end of its applications, and leaves every
// byte that is there; no text at all makes a new file. file stands for it in errors. What results was
// read again: it has what it had, and the new one.
func Append(file string, data []byte, name string, e Entry) ([]byte, error) {
	var before *Set
	if len(bytes.TrimSpace(data)) == 0 {
		data = []byte(header)
		before = &Set{}
	} else {
		var err error
		if before, err = ParseSet(file, data); err != nil {
			return nil, fmt.Errorf("add %s to %s, which has to be put right first: %w", name, file, err)
		}
	}
	if have, ok := before.Get(name); ok {
		return nil, fmt.Errorf("add %s to %s: %w", name, have.origin(""), ErrExists)
	}
	if err := e.check(name); err != nil {
		return nil, err
	}
	out, err := insert(data, func(indent string) string { return e.block(name, indent) })
	if err != nil {
		return nil, fmt.Errorf("add %s to %s: %w; put this there by hand: %s", name, file, err, e.line(name))
	}
	after, err := ParseSet(file, out)
	if err != nil || !before.isIn(after, name) {
		return nil, fmt.Errorf("add %s to %s: its form is not one that can be added to; put this below applications by hand: %s", name, file, e.line(name))
	}
	return out, nil
}

// isIn says whether after is s and the application of the name, nothing else.
func (s *Set) isIn(after *Set, name string) bool {
	apps := maps.Clone(after.apps)
	delete(apps, name)
	return len(after.apps) == len(s.apps)+1 && bytes.Equal(encode(apps), encode(s.apps)) || len(s.apps) == 0 && len(after.apps) == 1 && len(apps) == 0
}

// check reads the entry as its file will be, so that a problem names the option rather than a line nobody wrote.
func (e Entry) check(name string) error {
	doc := document{Schema: Schema, Applications: map[string]Application{name: {Repository: e.Repository, Path: e.Path, Base: e.Base, Owners: e.Owners}}}
	found := doc.Validate()
	for i := range found {
		found[i].Path = strings.TrimPrefix(strings.TrimPrefix(found[i].Path, "applications."+name), ".")
		found[i].File = name
	}
	return strictyaml.NewErrors(found)
}

var (
	sectionForm = regexp.MustCompile(`^["']?applications["']?[ \t]*:[ \t]*(\{[ \t]*\})?[ \t]*(#.*)?$`)
	plainForm   = regexp.MustCompile(`^[A-Za-z0-9/][A-Za-z0-9/._@+:-]*[A-Za-z0-9/]$`)
	otherForm   = regexp.MustCompile(`(?i)^(true|false|null|yes|no|on|off|nan|[0-9.:_eox+-]+)$`) // YAML 1.1 and 1.2
)

// insert puts a block behind the last application.
func insert(data []byte, block func(indent string) string) ([]byte, error) {
	end := "\n"
	if bytes.Contains(data, []byte("\r\n")) {
		end = "\r\n"
	}
	lines := strings.SplitAfter(string(data), "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	} else {
		lines[last] += end
	}
	section := slices.IndexFunc(lines, func(l string) bool {
		return sectionForm.MatchString(strings.TrimPrefix(strings.TrimRight(l, "\r\n"), "\ufeff"))
	})
	if section < 0 {
		return nil, errors.New("its applications do not stand in lines of their own")
	}
	if open := strings.IndexByte(lines[section], '{'); open >= 0 && !strings.Contains(lines[section][:open], "#") {
		lines[section] = strings.TrimRight(lines[section][:open], " \t") + lines[section][strings.IndexByte(lines[section], '}')+1:]
	}
	indent, at := "", len(lines)
	for i := section + 1; i < len(lines); i++ {
		text := strings.TrimRight(lines[i], " \t\r\n")
		body := strings.TrimLeft(text, " ")
		if body == "" || body[0] == '#' {
			continue
		}
		if len(body) == len(text) { // the next key: it keeps the comments above it
			for at = i; at > section+1 && (strings.TrimSpace(lines[at-1]) == "" || lines[at-1][0] == '#'); {
				at--
			}
			break
		}
		if indent == "" {
			indent = text[:len(text)-len(body)]
		}
	}
	if indent == "" {
		indent = "  "
	}
	return []byte(strings.Join(slices.Insert(lines, at, strings.ReplaceAll(block(indent), "\n", end)), "")), nil
}

// line is the entry on one line, which fits below and between braces.
func (e Entry) line(name string) string {
	fields := strings.Split(strings.TrimSuffix(e.block(name, " "), "\n"), "\n")
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	return fields[0] + " {" + strings.Join(fields[1:], ", ") + "}"
}

func (e Entry) block(name, indent string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s:\n", indent, scalar(name))
	for _, f := range []struct{ key, value string }{{"repository", e.Repository}, {"path", e.Path}, {"base", e.Base}} {
		if f.value != "" {
			fmt.Fprintf(&b, "%s%s%s: %s\n", indent, indent, f.key, scalar(f.value))
		}
	}
	if len(e.Owners) > 0 {
		owners := make([]string, len(e.Owners))
		for i, o := range e.Owners {
			owners[i] = scalar(o)
		}
		fmt.Fprintf(&b, "%s%sowners: [%s]\n", indent, indent, strings.Join(owners, ", "))
	}
	return b.String()
}

// scalar writes text as YAML: plain where that is safe, else quoted.
func scalar(text string) string {
	if plainForm.MatchString(text) && !otherForm.MatchString(text) {
		return text
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		panic("application: " + err.Error()) // text can always be written
	}
	return string(quoted)
}
