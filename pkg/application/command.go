package application

import (
	"fmt"
	"strings"

	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

// Command is a program and its arguments. It is written as a list of words, or as one line of text, which is
// split at spaces; quotes keep words together. No shell ever sees it.
type Command []string

// ReadYAML reads both forms.
func (c *Command) ReadYAML(raw strictyaml.Raw) []strictyaml.Problem {
	at := func(format string, args ...any) []strictyaml.Problem {
		return raw.Lines().Place([]strictyaml.Problem{{Path: raw.Path(), Message: fmt.Sprintf(format, args...)}})
	}
	var words []string
	var line string
	if found := raw.Lay(&words); len(found) > 0 {
		if found[0].Path != raw.Path() {
			return found // of a word in the list
		}
		if len(raw.Lay(&line)) > 0 {
			return at("want a command: a list of words such as [pytest, -q], or one line of text")
		}
		var err error
		if words, err = Split(line); err != nil {
			return at("%s", err)
		}
	}
	if err := checkWords(words); err != nil {
		return at("%s", err)
	}
	*c = words
	return nil
}

// String is the command as one line that [Split] splits into the same words.
func (c Command) String() string {
	words := make([]string, len(c))
	for i, w := range c {
		words[i] = w
		if w == "" || strings.ContainsAny(w, meaning+" \t\n'\"") || i == 0 && strings.Contains(w, "=") {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'"'"'`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// meaning are the signs that a shell would give a meaning outside quotes.
const meaning = "|&;<>()$`\\*?[]{}~#!\n\r"

// Split splits a line into words at spaces and tabs. Single and double quotes keep what is between them
// together and as it is. What only a shell could understand is refused, not passed on as it stands.
func Split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	open, quote := false, rune(0)
	for i, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == ' ' || r == '\t':
			if open {
				words, open = append(words, word.String()), false
				word.Reset()
			}
		case r == '\n' && strings.TrimSpace(line[i:]) == "": // the end of a YAML block
		case strings.ContainsRune(meaning, r):
			return nil, fmt.Errorf("%q has no meaning here: no shell runs the command. Quote it, give a list of words, or run a script of your own, or [sh, -c, …]", r)
		default:
			word.WriteRune(r)
			open = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote (%c) is opened and not closed", quote)
	}
	if open {
		words = append(words, word.String())
	}
	if len(words) > 0 && strings.Contains(words[0], "=") {
		return nil, fmt.Errorf("a command begins with a program, not with a variable: no shell runs it; variables of a check stand under environment")
	}
	return words, nil
}

func checkWords(words []string) error {
	size := 0
	for _, w := range words {
		size += len(w)
		switch {
		case strings.ContainsRune(w, 0):
			return fmt.Errorf("a word has a NUL character")
		case holdsSecret(w):
			return fmt.Errorf("a word looks like a password or token: secrets don't belong in this file; remove it and replace the secret, since others have read it")
		}
	}
	switch {
	case len(words) == 0 || strings.TrimSpace(words[0]) == "":
		return fmt.Errorf("empty: want a program and its arguments")
	case strings.HasPrefix(words[0], "-"):
		return fmt.Errorf("it begins with an option; want the program first")
	case len(words) > maxWords || size > maxCommand:
		return fmt.Errorf("%d words of %d bytes are more than a command may have (%d, %d)", len(words), size, maxWords, maxCommand)
	}
	return nil
}
