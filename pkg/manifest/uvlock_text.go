package manifest

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/drydock-dev/drydock/pkg/uv"
	"github.com/drydock-dev/drydock/pkg/uvlock"
)

var (
	registryField = regexp.MustCompile(`registry = "[^"\n]*"`)
	urlField      = regexp.MustCompile(`\burl = "([^"\n]*)"`)
	indexField    = regexp.MustCompile(`, index = "[^"\n]*"`) // of a requirement of the project itself: tool.uv.sources
	nameField     = regexp.MustCompile(`\bname = "([^"\n]*)"`)
)

// optionsForUV is the header's part that says how a lock was made. exclude-newer is left out, which uv would
// apply to what the plan chose; pre-releases are chosen or not before uv sees them.
func (l *locked) optionsForUV() string {
	out := "[options]\n"
	if l.Options.ResolutionMode != "" {
		out += fmt.Sprintf("resolution-mode = %q\n", l.Options.ResolutionMode)
	}
	out += "prerelease-mode = \"allow\"\n"
	if l.Options.ForkStrategy != "" {
		out += fmt.Sprintf("fork-strategy = %q\n", l.Options.ForkStrategy)
	}
	return out
}

// forUV is the lock as uv is to see it: at the loopback index, with options of our making, and for a project
// that is what projectsOf wrote.
func (l *locked) forUV() []byte {
	var b strings.Builder
	skip := false
	for line := range strings.Lines(string(l.Header())) {
		if strings.HasPrefix(line, "[") {
			table := strings.Trim(strings.TrimSpace(line), "[]")
			skip = table == "options" || strings.HasPrefix(table, "options.") || table == "manifest.dependency-metadata"
		}
		if !skip {
			b.WriteString(line)
		}
	}
	header := strings.TrimRight(b.String(), "\n")
	b.Reset()
	b.WriteString(header + "\n\n" + l.optionsForUV())
	for _, p := range l.Packages {
		b.WriteString("\n" + strings.TrimRight(l.blockForUV(p), "\n") + "\n")
	}
	return []byte(b.String())
}

func (l *locked) blockForUV(p *uvlock.Package) string {
	text := registryField.ReplaceAllString(string(l.Block(p)), `registry = "`+uv.LockIndex+`"`)
	if l.root[p] {
		if text = indexField.ReplaceAllString(text, ""); p.Version == "" {
			text = strings.Replace(text, "\nsource = ", "\nversion = \"0\"\nsource = ", 1)
		}
		return text
	}
	return urlField.ReplaceAllStringFunc(text, func(field string) string {
		f := uvlock.File{URL: urlField.FindStringSubmatch(field)[1]}
		return `url = "` + uv.LockFile(p.Name, f.Name()) + `"`
	})
}

// parts are the pieces of a block, each with its lines: the beginning (name, version, source), markers,
// dependencies, files, the tables of extras and of groups, the metadata.
type parts struct{ head, markers, dependencies, files, optional, dev, metadata string }

// split takes a block apart. A line that belongs nowhere is an error: it is not how uv writes it.
func split(block string) (parts, error) {
	var p parts
	at := &p.head
	open := false // inside an array of several lines
	for line := range strings.Lines(block) {
		text := strings.TrimRight(line, "\n")
		key, _, _ := strings.Cut(text, " = ")
		switch {
		case open || text == "":
		case text == "[[package]]":
		case strings.HasPrefix(text, "[package.optional-dependencies]"):
			at = &p.optional
		case strings.HasPrefix(text, "[package.dev-dependencies]"):
			at = &p.dev
		case strings.HasPrefix(text, "[package.metadata"):
			at = &p.metadata
		case at == &p.optional, at == &p.dev, at == &p.metadata:
		case key == "resolution-markers":
			at = &p.markers
		case key == "dependencies":
			at = &p.dependencies
		case key == "sdist", key == "wheels":
			at = &p.files
		case key == "name", key == "version", key == "source":
			at = &p.head
		default:
			return p, fmt.Errorf("a line that uv does not write: %.80q: %w", text, ErrUnsupported)
		}
		if text != "" {
			*at += line
		}
		open = open && text != "]" || !open && strings.HasSuffix(text, " = [")
	}
	if open {
		return p, fmt.Errorf("a list without its end: %w", ErrUnsupported)
	}
	return p, nil
}

// text puts a block together, without the empty line after it.
func (p parts) text() string {
	out := p.head + p.markers + p.dependencies + p.files
	for _, table := range []string{p.optional, p.dev} {
		if table != "" {
			out += "\n" + table
		}
	}
	if p.metadata != "" {
		out += "\n" + strings.Replace(p.metadata, "\n[package.metadata.", "\n\n[package.metadata.", 1)
	}
	return out
}
