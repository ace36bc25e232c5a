// Package coremeta reads core metadata (METADATA of a wheel, PKG-INFO of a source distribution, the .metadata
// files of an index; versions 1.0 to 2.5) for what decides whether a release can be installed: its name,
// version, Python and requirements.
package coremeta

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
)

// ErrMetadata is wrapped by every error about bytes that are no core metadata.
var ErrMetadata = errors.New("not core metadata")

// Metadata is what is kept of a file.
type Metadata struct {
	Version        string // of the metadata: "2.1"
	Name           string // of the package, normalised (PEP 503)
	Release        string // of the package, as written
	RequiresPython string // as written; empty: any
	Requires       []pep508.Requirement
	Extras         []string // Provides-Extra, normalised (PEP 685), in the order written, each once
	Dynamic        []string // fields a build may change (PEP 643), in lower case
	// Unread are the requirements that can't be read, as written (their white space joined, cut at 200
	// bytes). Where there is one, the requirements of the release are not known.
	Unread []string
}

// Parse reads the header section and ignores the body. Bytes that are no UTF-8 count as Latin-1. An error
// wraps ErrMetadata: the file is too large, names no package or version, names two, or follows a major
// version of the format that is not known.
func Parse(text []byte) (*Metadata, error) {
	m := &Metadata{}
	r := reader{into: m, seen: map[string]string{}}
	err := r.read(text)
	if err == nil {
		err = m.check()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMetadata, err)
	}
	return m, nil
}

func (m *Metadata) check() error {
	switch {
	case m.Version == "":
		return errors.New("it has no Metadata-Version")
	case m.Name == "":
		return errors.New("it has no Name")
	case m.Release == "":
		return errors.New("it has no Version")
	}
	if r, err := pep508.Parse(m.Name); err != nil || r.Name != m.Name {
		return fmt.Errorf("its Name %s is no name of a package", shown(m.Name))
	}
	if strings.ContainsFunc(m.Release, func(c rune) bool { return c == ' ' || !unicode.IsPrint(c) }) {
		return fmt.Errorf("its Version %s holds white space or control characters", shown(m.Release))
	}
	v, err := pep440.Parse(m.Version)
	if err != nil {
		return fmt.Errorf("its Metadata-Version %s is no version", shown(m.Version))
	}
	if v.Compare(versionOne) < 0 || v.Compare(versionThree) >= 0 {
		return fmt.Errorf("its Metadata-Version %s is not known; 1.0 to 2.x are", shown(m.Version))
	}
	return nil
}

var versionOne, versionStatic, versionThree = known("1.0"), known("2.2"), known("3.0.dev0")

func known(s string) pep440.Version {
	v, err := pep440.Parse(s)
	if err != nil {
		panic(err)
	}
	return v
}

// Static says whether the requirements in the PKG-INFO of a source distribution are those of every wheel built
// from it (PEP 643): metadata 2.2 or later in which neither Requires-Dist, Requires-Python nor Provides-Extra
// is dynamic. A wheel's own metadata can always be relied on.
func (m *Metadata) Static() bool {
	v, err := pep440.Parse(m.Version)
	if err != nil || v.Compare(versionStatic) < 0 {
		return false
	}
	return !slices.ContainsFunc(m.Dynamic, func(field string) bool {
		return field == "requires-dist" || field == "requires-python" || field == "provides-extra"
	})
}

// Needs returns what the release asks for in the environment with the extras that are wanted (in any
// spelling): certainly, or unless a part of the environment that is not known excludes it. The requirements
// without an extra always count, as does what each extra adds; one the release does not provide adds nothing.
// A requirement of the release on itself ("name[a]" in extra b) is followed and left out; it stays where it
// does not allow this very release. Of more than 1,000 extras that are wanted the others are not followed: what any
// extra adds is then unknown. Look at Unread too.
func (m *Metadata) Needs(env pep508.Environment, extras []string) (certain, unknown []pep508.Requirement) {
	truths := m.truths(env, extras)
	for i, r := range m.Requires {
		switch {
		case m.itself(r):
		case truths[i] == pep508.Certain:
			certain = append(certain, r)
		case truths[i] == pep508.Unknown:
			unknown = append(unknown, r)
		}
	}
	return certain, unknown
}

// itself says whether r asks for the very release that m describes.
func (m *Metadata) itself(r pep508.Requirement) bool {
	if r.Name != m.Name || r.URL != "" {
		return false
	}
	v, err := pep440.Parse(m.Release)
	return err == nil && r.Allows(v)
}

// shown quotes the front of a value for an error.
func shown(s string) string {
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}
