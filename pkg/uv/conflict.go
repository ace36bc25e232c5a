package uv

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// conflict makes uv's explanation an error of ours. It reads
//
//	error: No solution found when resolving dependencies
//	  cause: Because a depends on b>=2 and you require a, we can conclude that you require b>=2.
//	         And because you require b<2, we can conclude that your requirements are unsatisfiable.
//
//	hint: …
func conflict(text string, s *server, dir string) *Conflict {
	c := &Conflict{Text: clean(explanation(text), s, dir)}
	for _, name := range s.missing() {
		if strings.Contains(text, name+" was not found in the package registry") {
			c.Missing = append(c.Missing, name)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, release := range slices.Sorted(maps.Keys(s.unusable)) {
		name, version, _ := strings.Cut(release, " ")
		if strings.Contains(text, name+"=="+version) || strings.Contains(text, "versions of "+name+" ") {
			if c.Unusable == nil {
				c.Unusable = map[string]string{}
			}
			c.Unusable[release] = s.unusable[release]
			c.Text += fmt.Sprintf(" %s can't be used: %s.", release, s.unusable[release])
		}
	}
	c.Text = shorten(c.Text)
	return c
}

// explanation is what stands between the error's first line and the hints, which speak of uv's options.
func explanation(text string) string {
	var words []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "hint:") {
			break
		}
		if strings.HasPrefix(line, "warning:") || strings.HasPrefix(line, "error: No solution found") || line == "" {
			continue
		}
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(line, "error:"), " cause:"))
		words = append(words, strings.TrimSpace(strings.TrimPrefix(line, "cause:")))
	}
	return strings.Join(words, " ")
}

// problem is the error and its causes, on one line.
func problem(text string) string {
	_, after, ok := strings.Cut("\n"+text, "\nerror:")
	if !ok {
		return lastLine([]byte(text))
	}
	var words []string
	for line := range strings.Lines(after) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "hint:") || strings.HasPrefix(line, "For more information") {
			break
		}
		if line = strings.TrimSpace(strings.TrimPrefix(line, "cause:")); line != "" && !strings.HasPrefix(line, "warning:") {
			words = append(words, line)
		}
	}
	return clip(strings.Join(words, ": "))
}

var (
	loopback = regexp.MustCompile(`http://127\.0\.0\.1(?::\d+)?(?:/[^\s,)\x60]*)?`)
	// temporary are uv's own folders below the one for temporary files.
	temporary = regexp.MustCompile(`tmp/(?:\.tmp[A-Za-z0-9]+/?)+`)
	byURL     = regexp.MustCompile(regexp.QuoteMeta(urlPrefix) + `([a-z0-9-]*[a-z0-9])`)
)

// clean takes out of a text what means nothing to its reader: our folder, port and token, and the words that
// stand for something else.
func clean(text string, s *server, dir string) string {
	text = strings.ReplaceAll(text, dir+"/", "")
	text = strings.ReplaceAll(text, dir, "")
	text = temporary.ReplaceAllString(text, "")
	text = loopback.ReplaceAllString(text, "the index")
	text = strings.ReplaceAll(text, s.token, "")
	text = byURL.ReplaceAllString(text, "$1 (asked for by URL)")
	text = strings.ReplaceAll(text, "was not found in the package registry", "is not offered by the index")
	text = strings.ReplaceAll(text, "has invalid metadata", "has metadata that can't be used")
	return strings.Join(strings.Fields(text), " ")
}

// shorten keeps whole sentences of a long explanation: the last ones, which draw the conclusion, tell most.
func shorten(text string) string {
	if len(text) <= maxText {
		return text
	}
	cut := text[len(text)-maxText:]
	if _, rest, ok := strings.Cut(cut, ". "); ok {
		cut = rest
	}
	return "… " + strings.ToValidUTF8(cut, "")
}
