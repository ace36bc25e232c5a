// Package artifact seals what was validated, so that it is what runs (design §1.4): every file of a folder stands
// in one manifest, whose digest names the artifact. An artifact is written once, read-only, and verified by its
// manifest before each use.
package artifact

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gowebpki/jcs"

	"github.com/drydock-dev/drydock/pkg/evidence"
)

// Schema is the `schema` of a Manifest.
const Schema = "drydock.artifact/v1"

// Manifest is everything an artifact is. Two builds of the same thing have the same manifest, wherever and
// whenever they are made: it holds no time, no owner and no place.
type Manifest struct {
	Schema      string      `json:"schema"`
	Application string      `json:"application"`
	Source      Source      `json:"source"`
	Interpreter Interpreter `json:"interpreter,omitzero"`
	Entries     []Entry     `json:"entries"` // by path
}

// Source is where the application's files come from.
type Source struct {
	Revision string   `json:"revision,omitempty"` // commit of the base
	Updates  []string `json:"updates,omitempty"`  // "flask 2.2.2 2.2.5", sorted: the update set
}

// Interpreter is what runs the artifact. It is of the host and no part of the artifact; another one is another
// artifact.
type Interpreter struct {
	Path    string `json:"path"`    // absolute
	Version string `json:"version"` // "3.11.7"
	Digest  string `json:"digest"`  // sha256:… of the program
}

// Kind says what an entry is.
type Kind string

// The kinds there are. Everything else (devices, sockets, pipes) can't be sealed.
const (
	File       Kind = "file"
	Executable Kind = "exec" // a file with an execute bit; no other mode bit is kept
	Link       Kind = "link" // a symbolic link
	Folder     Kind = "dir"
)

// Entry is one file, link or folder beneath the root.
type Entry struct {
	Path   string `json:"path"` // relative, with '/', cleaned
	Kind   Kind   `json:"kind"`
	Size   int64  `json:"size,omitempty"`
	Digest string `json:"digest,omitempty"` // sha256:… of a file's content
	Target string `json:"target,omitempty"` // of a link, as it is
}

// ErrManifest reports a manifest that can't be meant: unsorted, with paths that leave the root, of another schema.
var ErrManifest = errors.New("not a manifest of an artifact")

// Encode is the canonical form (RFC 8785) and the digest that names the artifact.
func (m *Manifest) Encode() ([]byte, string, error) {
	if err := m.validate(); err != nil {
		return nil, "", err
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, "", fmt.Errorf("write the manifest: %w", err)
	}
	data, err := jcs.Transform(raw)
	if err != nil {
		return nil, "", fmt.Errorf("write the manifest: %w", err)
	}
	return data, string(evidence.Of(data)), nil
}

// Decode reads a manifest and holds it to the digest that named it.
func Decode(data []byte, digest string) (*Manifest, error) {
	if got := string(evidence.Of(data)); got != digest {
		return nil, fmt.Errorf("read the manifest %s: its content is %s: %w", digest, got, ErrManifest)
	}
	m := &Manifest{}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("read the manifest %s: %w: %w", digest, err, ErrManifest)
	}
	if err := m.validate(); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *Manifest) validate() error {
	if m.Schema != Schema {
		return fmt.Errorf("schema %q, want %s: %w", m.Schema, Schema, ErrManifest)
	}
	before := ""
	for _, e := range m.Entries {
		switch {
		case !local(e.Path):
			return fmt.Errorf("entry %q leaves the root or is not clean: %w", e.Path, ErrManifest)
		case e.Path <= before:
			return fmt.Errorf("entry %q is out of order or there twice: %w", e.Path, ErrManifest)
		case (e.Kind == File || e.Kind == Executable) != (e.Digest != ""), (e.Kind == Link) != (e.Target != ""):
			return fmt.Errorf("entry %q is no %s: %w", e.Path, e.Kind, ErrManifest)
		}
		switch e.Kind {
		case File, Executable, Link, Folder:
		default:
			return fmt.Errorf("entry %q is of kind %q: %w", e.Path, e.Kind, ErrManifest)
		}
		before = e.Path
	}
	return nil
}

// local reports whether a slash path is clean, relative and stays beneath the root.
func local(p string) bool {
	return p != "" && p != "." && p == path.Clean(p) && !path.IsAbs(p) && p != ".." && !strings.HasPrefix(p, "../") && !strings.ContainsRune(p, 0)
}

// Change is what differs between a manifest and a folder.
type Change struct {
	Path string
	What string // "is new", "is gone", "has other content", "is a link to …, was a file"
}

func (c Change) String() string { return c.Path + " " + c.What }

// Compare lists what differs, by path. It is empty exactly if both are the same.
func Compare(sealed, found []Entry) []Change {
	var out []Change
	add := func(p, what string) { out = append(out, Change{p, what}) }
	i, j := 0, 0
	for i < len(sealed) || j < len(found) {
		switch {
		case j == len(found) || i < len(sealed) && sealed[i].Path < found[j].Path:
			add(sealed[i].Path, "is gone")
			i++
		case i == len(sealed) || found[j].Path < sealed[i].Path:
			add(found[j].Path, "is new")
			j++
		default:
			if sealed[i] != found[j] {
				add(sealed[i].Path, differs(sealed[i], found[j]))
			}
			i, j = i+1, j+1
		}
	}
	return out
}

func differs(was, is Entry) string {
	switch {
	case was.Kind == File && is.Kind == Executable && was.Digest == is.Digest:
		return "became executable"
	case was.Kind == Executable && is.Kind == File && was.Digest == is.Digest:
		return "is no longer executable"
	case was.Kind != is.Kind:
		return fmt.Sprintf("is a %s, was a %s", is.Kind, was.Kind)
	case was.Kind == Link:
		return fmt.Sprintf("is a link to %q, was to %q", is.Target, was.Target)
	}
	return "has other content"
}

func sortEntries(entries []Entry) {
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Path, b.Path) })
}
