package scanner

import (
	"errors"
	"fmt"
	"strings"
)

// option is one option of a requirements line, by its long name.
type option struct{ name, value string }

// pipOptions are the options pip takes in a requirements file; true: with a value.
var pipOptions = map[string]bool{
	"--requirement": true, "--constraint": true, "--editable": true, "--hash": true,
	"--index-url": true, "--pypi-url": true, "--extra-index-url": true, "--find-links": true, "--trusted-host": true,
	"--no-binary": true, "--only-binary": true, "--use-feature": true, "--global-option": true,
	"--config-settings": true, "--config-setting": true, "--build-constraint": true, "--uploaded-prior-to": true,
	"--no-index": false, "--prefer-binary": false, "--require-hashes": false, "--pre": false, "--always-unzip": false,
}

var shortOptions = map[byte]string{'r': "--requirement", 'c': "--constraint", 'e': "--editable", 'i': "--index-url", 'f': "--find-links", 'C': "--config-settings", 'Z': "--always-unzip"}

// splitOptions is pip's break_args_options and its option parser: what stands before the first word with a
// dash is the requirement, the rest are options.
func splitOptions(line string) (string, []option, error) {
	words := strings.Split(line, " ")
	n := 0
	for n < len(words) && !strings.HasPrefix(words[n], "-") {
		n++
	}
	args := strings.TrimSpace(strings.Join(words[:n], " "))
	rest, err := shellWords(strings.Join(words[n:], " "))
	if err != nil {
		return "", nil, err
	}
	var opts []option
	for len(rest) > 0 {
		o, left, err := nextOption(rest)
		if err != nil {
			return "", nil, err
		}
		opts, rest = append(opts, o), left
	}
	return args, opts, nil
}

func nextOption(words []string) (option, []string, error) {
	word, rest := words[0], words[1:]
	var name, value string
	attached := false
	switch {
	case strings.HasPrefix(word, "--"):
		name, value, attached = strings.Cut(word, "=")
		full, err := longOption(name)
		if err != nil {
			return option{}, nil, err
		}
		name = full
	case len(word) > 1 && word[0] == '-':
		long, ok := shortOptions[word[1]]
		if !ok {
			return option{}, nil, fmt.Errorf("option %.40q is not one of a requirements file", word)
		}
		name, value, attached = long, word[2:], len(word) > 2
	default:
		return option{}, nil, fmt.Errorf("unexpected %.80q after an option", cleanReference(word))
	}
	if !pipOptions[name] {
		if attached {
			return option{}, nil, fmt.Errorf("option %s takes no value", name)
		}
		return option{name: name}, rest, nil
	}
	if !attached {
		if len(rest) == 0 {
			return option{}, nil, fmt.Errorf("option %s needs a value", name)
		}
		value, rest = rest[0], rest[1:]
	}
	return option{name: name, value: value}, rest, nil
}

// longOption completes an abbreviation, as Python's optparse does.
func longOption(name string) (string, error) {
	if _, ok := pipOptions[name]; ok {
		return name, nil
	}
	match := ""
	for known := range pipOptions {
		if len(name) > 2 && strings.HasPrefix(known, name) {
			if match != "" {
				return "", fmt.Errorf("option %.40q is ambiguous", name)
			}
			match = known
		}
	}
	if match == "" {
		return "", fmt.Errorf("option %.40q is not one of a requirements file", name)
	}
	return match, nil
}

// shellWords splits as Python's shlex.split does: quotes, and a backslash that takes the next character as
// it is.
func shellWords(s string) ([]string, error) {
	if !strings.ContainsAny(s, `'"\`) {
		return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' }), nil
	}
	var words []string
	var word strings.Builder
	open, quote := false, byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && quote != '\'':
			if i+1 == len(s) {
				return nil, errors.New("nothing stands after a backslash")
			}
			if i++; quote == '"' && s[i] != '"' && s[i] != '\\' {
				word.WriteByte('\\')
			}
			word.WriteByte(s[i])
			open = true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '\'' || c == '"':
			quote, open = c, true
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			if open {
				words = append(words, word.String())
				word.Reset()
				open = false
			}
		default:
			word.WriteByte(c)
			open = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quotation is not closed")
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}
