package application

import (
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		"pytest":                     {"pytest"},
		"  pytest  -q\ttests ":       {"pytest", "-q", "tests"},
		`pytest -k 'not slow' ""`:    {"pytest", "-k", "not slow", ""},
		`sh -c "a | b > $HOME"`:      {"sh", "-c", "a | b > $HOME"},
		`a --x='y z'`:                {"a", "--x=y z"},
		"pytest\n":                   {"pytest"},
		"":                           nil,
		"python -m pytest --cov=src": {"python", "-m", "pytest", "--cov=src"},
	} {
		got, err := Split(line)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", line, got, err)
		}
	}
	for line, want := range map[string]string{
		"a && b": "'&' has no meaning here", "a; b": "';'", "a > x": "'>'", "echo $HOME": "'$'", "a `b`": "'`'", "a *.py": "'*'", "a\nb": `'\n'`, `a \ b`: `'\\'`,
		"a 'b": "a quote (') is opened and not closed", "FOO=1 a": "not with a variable", "a # b": "'#'", "a {b,c}": "'{'", "~/x": "'~'",
	} {
		if _, err := Split(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", line, err, want)
		}
	}
}

func TestCommandForms(t *testing.T) {
	read := func(text string) (Command, error) {
		var doc struct {
			C Command `yaml:"c"`
		}
		err := strictyaml.Decode("f", []byte(text), &doc)
		return doc.C, err
	}
	for text, want := range map[string]string{
		"c: {a: b}": "f:1: c: want a command: a list of words such as [pytest, -q], or one line of text", "c: true": "want a command",
		"c: [a, [b]]": "f:1: c[1]: want text, found a list", "c: []": "c: empty", "c: ''": "c: empty", "c: [-x]": "it begins with an option", `c: ["a\0b"]`: "NUL",
		"c: [a, 'https://u:p@h/']": "looks like a password", "c: a --token=ghp_x": "looks like a password",
	} {
		if c, err := read(text); err == nil || !strings.Contains(err.Error(), want) || c != nil {
			t.Errorf("%q: %v, %v; want %s", text, c, err, want)
		}
	}
}

// FuzzSplit: what is shown is what runs: a command's line splits into its words again.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"pytest -q", `a 'b c' "d'e"`, `sh -c "x | y"`, "a ''", "a=b c", "'a=b' c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := Split(line)
		if err != nil || len(words) == 0 {
			return
		}
		again, err := Split(Command(words).String())
		if err != nil || !slices.Equal(words, again) {
			t.Errorf("%q is %q, shown as %q, which is %q, %v", line, words, Command(words).String(), again, err)
		}
	})
}
