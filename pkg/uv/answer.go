package uv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
)

// parseAnswer reads the output file and holds every pin to what was offered.
func parseAnswer(dir string, s *server) (Answer, error) {
	f, err := os.Open(filepath.Join(dir, outFile))
	if err != nil {
		return Answer{}, fmt.Errorf("read its answer: %w", bare(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxAnswer+1))
	switch {
	case err != nil:
		return Answer{}, fmt.Errorf("read its answer: %w", bare(err))
	case len(data) > maxAnswer:
		return Answer{}, fmt.Errorf("its answer has more than %d MB", maxAnswer>>20)
	case bytes.HasPrefix(data, []byte(unanswered)):
		return Answer{}, errors.New("it said that it is done and wrote no answer")
	}
	pins, via, err := parseOutput(data)
	if err != nil {
		return Answer{}, fmt.Errorf("its answer can't be read: %w", err)
	}
	a := Answer{Pins: make(map[string]string, len(pins)), Via: map[string][]string{}}
	for name, version := range pins {
		as, ok := s.offeredAs(name, version)
		if !ok {
			return Answer{}, fmt.Errorf("its answer has %s %s, which was not offered", name, version)
		}
		a.Pins[name] = as
		for _, by := range via[name] {
			if _, picked := pins[by]; picked && by != name {
				a.Via[name] = append(a.Via[name], by)
			}
		}
	}
	return a, nil
}

// parseOutput reads the output of uv pip compile: lines name[extras]==version [; marker] and, in any of its
// forms, comments that say through whom:
//
//	flask==2.2.2              # via -r in.txt, other
//	flask==2.2.2
//	    # via flask
//	flask==2.2.2
//	    # via
//	    #   -r in.txt
//	    #   other
//
// Versions are in normal form.
func parseOutput(data []byte) (pins map[string]string, via map[string][]string, err error) {
	pins, via = map[string]string{}, map[string][]string{}
	last, number, inVia := "", 0, false
	for line := range strings.Lines(string(data)) {
		number++
		code, comment, commented := strings.Cut(line, "#")
		if code = strings.TrimSpace(code); code != "" {
			inVia = false
			if last, err = pin(code, pins); err != nil {
				return nil, nil, fmt.Errorf("line %d, %q: %w", number, clip(plain(strings.TrimSpace(line))), err)
			}
		}
		if !commented {
			continue
		}
		comment = strings.TrimSpace(comment)
		if rest, ok := strings.CutPrefix(comment+" ", "via "); ok {
			inVia, comment = true, strings.TrimSpace(rest)
		}
		if inVia && last != "" {
			via[last] = append(via[last], sources(comment)...)
		}
	}
	for name, list := range via {
		slices.Sort(list)
		via[name] = slices.Compact(list)
	}
	return pins, via, nil
}

// pin adds one line and returns the name.
func pin(code string, pins map[string]string) (string, error) {
	r, err := pep508.Parse(code)
	if err != nil {
		return "", err
	}
	text, exact := strings.CutPrefix(r.Specifier, "==")
	v, err := pep440.Parse(text)
	if !exact || err != nil || r.URL != "" {
		return "", errors.New("it is no pin")
	}
	if old, twice := pins[r.Name]; twice && old != v.String() {
		return "", fmt.Errorf("%s is pinned twice", r.Name)
	}
	pins[r.Name] = v.String()
	return r.Name, nil
}

// sources are the packages that a comment names; -r and -c files are none.
func sources(comment string) []string {
	var out []string
	for part := range strings.SplitSeq(comment, ",") {
		part = strings.TrimSpace(part)
		part, _, _ = strings.Cut(part, "[")
		if name := pep440.Normalize(part); isName(name) {
			out = append(out, name)
		}
	}
	return out
}
