// Package wheel reads the file names of wheels (PEP 427, 491) and says which of them an environment can use
// (PEP 425, with the platform tags of PEP 513, 571, 599, 600 and 656).
package wheel

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// ErrName is wrapped by every error about a text that is no wheel's file name.
var ErrName = errors.New("not a wheel's file name")

// Name is what a wheel's file name says. The last three are compressed tag sets: the wheel stands for each
// combination of one of each.
type Name struct {
	Distribution string   // normalised (PEP 503)
	Version      string   // in normal form (PEP 440)
	Build        string   // build tag, which begins with a digit; usually empty
	Pythons      []string // "cp311", "py3"; lower case, as those below
	ABIs         []string // "cp311", "abi3", "none"
	Platforms    []string // "manylinux_2_17_x86_64", "any"
}

// Parse reads distribution-version[-build]-python-abi-platform.whl. Accepted beyond the letter of PEP 427,
// because old files have it: dots, dashes written twice and capitals in the name, and "_" for the "-" of a
// version. An error wraps ErrName.
func Parse(filename string) (Name, error) {
	n, err := parse(filename)
	if err != nil {
		if len(filename) > maxShown {
			filename = filename[:maxShown] + "…"
		}
		return Name{}, fmt.Errorf("%w: %q: %w", ErrName, filename, err)
	}
	return n, nil
}

func parse(filename string) (Name, error) {
	if len(filename) > maxFilename {
		return Name{}, fmt.Errorf("%d bytes long, at most %d", len(filename), maxFilename)
	}
	stem, ok := strings.CutSuffix(filename, ".whl")
	if !ok {
		return Name{}, errors.New("it does not end in .whl")
	}
	parts := strings.Split(stem, "-")
	if len(parts) != 5 && len(parts) != 6 {
		return Name{}, fmt.Errorf("%d parts between dashes, want 5 or 6", len(parts))
	}
	tags := parts[len(parts)-3:]
	n := Name{Pythons: split(tags[0]), ABIs: split(tags[1]), Platforms: split(tags[2])}
	for _, set := range [][]string{n.Pythons, n.ABIs, n.Platforms} {
		if slices.ContainsFunc(set, func(tag string) bool { return !word(tag, "_") }) {
			return Name{}, errors.New("a tag that is empty or holds other than letters, digits and _")
		}
	}
	if len(parts) == 6 {
		if n.Build = parts[2]; n.Build == "" || n.Build[0] < '0' || n.Build[0] > '9' || !word(n.Build, "_.+!") {
			return Name{}, errors.New("the build tag does not begin with a digit")
		}
	}
	if !word(parts[0], "_.") || strings.Trim(parts[0], "_.") == "" {
		return Name{}, errors.New("the name is empty or holds other than letters, digits, dots and _")
	}
	n.Distribution = pep440.Normalize(parts[0])
	v, err := version(parts[1])
	n.Version = v.String()
	return n, err
}

// version reads the version as it stands, else with the "-" that old tools had written as "_".
func version(text string) (pep440.Version, error) {
	v, err := pep440.Parse(text)
	if err == nil || !strings.Contains(text, "_") {
		return v, err
	}
	if v, again := pep440.Parse(strings.ReplaceAll(text, "_", "-")); again == nil {
		return v, nil
	}
	return v, err
}

func split(set string) []string { return strings.Split(strings.ToLower(set), ".") }

func word(s, also string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte(also, c) < 0 {
			return false
		}
	}
	return s != ""
}
