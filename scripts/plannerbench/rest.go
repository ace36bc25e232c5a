package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// restUntouched says whether everything but the lines of changed packages is byte for byte what it was: "yes",
// or "no". A line is what an installer takes for one, with the comments below it that are set in.
func restUntouched(before, after string, d difference) (string, error) {
	changed := map[string]bool{}
	for name := range d.changed {
		changed[name] = true
	}
	for name := range d.added {
		changed[name] = true
	}
	for _, name := range d.removed {
		changed[name] = true
	}
	same := true
	err := filepath.WalkDir(before, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || !same {
			return err
		}
		rel, _ := filepath.Rel(before, path)
		if filepath.Base(rel) == "uv.lock" {
			return nil // written by its own tool
		}
		old, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		now, err := os.ReadFile(filepath.Join(after, rel))
		if err != nil {
			return err
		}
		same = slices.Equal(blocks(string(old), changed), blocks(string(now), changed))
		return nil
	})
	if same {
		return "yes", err
	}
	return "no", err
}

// blocks are the lines of a manifest but those of the packages named.
func blocks(text string, but map[string]bool) []string {
	var out []string
	var block strings.Builder
	var open, skip bool
	flush := func() {
		if block.Len() > 0 && !skip {
			out = append(out, block.String())
		}
		block.Reset()
	}
	for line := range strings.Lines(text) {
		bare := strings.TrimRight(line, "\r\n")
		isNote := strings.HasPrefix(strings.TrimLeft(bare, " \t"), "#") && strings.TrimLeft(bare, " \t") != bare
		if !open && !isNote {
			flush()
			m := pinLine.FindStringSubmatch(strings.TrimSpace(bare))
			skip = m != nil && but[pep440.Normalize(m[1])]
		}
		block.WriteString(line)
		open = strings.HasSuffix(bare, `\`)
	}
	flush()
	return out
}
