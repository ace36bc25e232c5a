package uv

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
)

// Names of the files of a run.
const (
	inFile          = "in.txt"
	constraintsFile = "constraints.txt"
	outFile         = "out.txt"
)

// unanswered is the first line of the file of preferences: uv writes the file anew, so a file that has it is
// still ours, and no answer.
const unanswered = "# not answered yet"

// input is what the files say.
type input struct{ requirements, constraints, preferences []string }

// read takes a Problem apart and writes every line anew from what was understood: nothing of the caller's text
// reaches a file that uv reads as it is.
func read(p Problem) (input, error) {
	var in input
	if n := len(p.Requirements) + len(p.Constraints) + len(p.Preferences); n > maxRequirements {
		return in, fmt.Errorf("%d requirements, constraints and preferences, at most %d: %w", n, maxRequirements, ErrInput)
	}
	var err error
	if in.requirements, err = lines("requirement", p.Requirements); err != nil {
		return in, err
	}
	if in.constraints, err = lines("constraint", p.Constraints); err != nil {
		return in, err
	}
	in.preferences = []string{unanswered}
	for _, name := range slices.Sorted(maps.Keys(p.Preferences)) {
		v, err := pep440.Parse(p.Preferences[name])
		if err != nil {
			return in, fmt.Errorf("preference for %q: %w: %w", clip(name), ErrInput, err)
		}
		if !isName(pep440.Normalize(name)) {
			return in, fmt.Errorf("preference for %q, which is no package name: %w", clip(name), ErrInput)
		}
		in.preferences = append(in.preferences, pep440.Normalize(name)+"=="+v.String())
	}
	return in, nil
}

func lines(what string, texts []string) ([]string, error) {
	out := make([]string, 0, len(texts))
	for _, text := range texts {
		r, err := pep508.Parse(text)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s %q: %w: %w", what, clip(text), ErrInput, err)
		case r.URL != "":
			return nil, fmt.Errorf("%s on %s by URL: %w", what, r.Name, ErrInput)
		case what == "constraint" && len(r.Extras) > 0:
			return nil, fmt.Errorf("constraint on %s with extras: %w", r.Name, ErrInput)
		}
		line := r.String()
		// '#' begins a comment, '\' continues a line, '$' fills in a variable: none has business in a name, a
		// version or a marker.
		if !isName(r.Name) || len(line) > maxRequirement || strings.ContainsAny(line, "\\#$@\n\r") || line != plain(line) {
			return nil, fmt.Errorf("%s %q: %w", what, clip(plain(line)), ErrInput)
		}
		out = append(out, line)
	}
	return out, nil
}

func (in input) write(dir string) error {
	for name, lines := range map[string][]string{inFile: in.requirements, constraintsFile: in.constraints, outFile: in.preferences} {
		text := strings.Join(lines, "\n")
		if text != "" {
			text += "\n"
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("write %s for uv, where temporary files go: %w", name, bare(err))
		}
	}
	return nil
}

var normalName = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,198}[a-z0-9])?$`)

// isName says whether s is a normalised project name (PEP 503).
func isName(s string) bool { return normalName.MatchString(s) }

var pythonVersion = regexp.MustCompile(`^3\.(?:[6-9]|[1-9][0-9])(?:\.[0-9]{1,3})?$`)

// target are the arguments that name the target. uv names machines as Rust does.
func target(env pep508.Environment) ([]string, error) {
	if env.Python == "" {
		return nil, fmt.Errorf("the target Python is not known: put a python3 on PATH, or name the version (planner.python, requires-python, --python): %w", ErrInput)
	}
	if !pythonVersion.MatchString(env.Python) {
		return nil, fmt.Errorf("target Python %q, want 3.6 or newer as in 3.11 or 3.11.7: %w", clip(plain(env.Python)), ErrInput)
	}
	known, ok := platforms[env.Platform]
	if !ok {
		return nil, fmt.Errorf("target platform %q, want linux, darwin or win32: %w", clip(plain(env.Platform)), ErrInput)
	}
	platform, ok := known[strings.ToLower(env.Machine)]
	if !ok {
		platform = known[""]
	}
	return []string{"--python-version", env.Python, "--python-platform", platform}, nil
}

var (
	linux = map[string]string{"": "linux", "x86_64": "x86_64-unknown-linux-gnu", "amd64": "x86_64-unknown-linux-gnu",
		"aarch64": "aarch64-unknown-linux-gnu", "arm64": "aarch64-unknown-linux-gnu", "riscv64": "riscv64-unknown-linux"}
	// platforms is uv's word for each sys.platform and machine; "" is for a machine that is not known, or not to uv.
	platforms = map[string]map[string]string{
		"": linux, "linux": linux,
		"darwin": {"": "macos", "x86_64": "x86_64-apple-darwin", "arm64": "aarch64-apple-darwin", "aarch64": "aarch64-apple-darwin"},
		"win32": {"": "windows", "amd64": "x86_64-pc-windows-msvc", "x86_64": "x86_64-pc-windows-msvc",
			"arm64": "aarch64-pc-windows-msvc", "aarch64": "aarch64-pc-windows-msvc", "x86": "i686-pc-windows-msvc"},
	}
)
