package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// pin is one line `name==version`, or one entry of a lock file.
type pin struct {
	name, version, marker string
	hashes                []string // sha256, as written
}

var (
	pinLine  = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*==\s*([^\s;#\\]+)\s*(;[^#\\]*)?`)
	hashText = regexp.MustCompile(`--hash[= ]sha256:([0-9a-f]{64})`)
	lockText = regexp.MustCompile(`(?m)^name = "([^"]+)"\nversion = "([^"]+)"\n`)
)

// readPins reads the pins of all manifests beneath dir, by name and marker: what two packages with one name
// and different markers are, stays two.
func readPins(dir string) (map[string]pin, error) {
	out := map[string]pin{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		base := filepath.Base(path)
		if !strings.HasSuffix(base, ".txt") && base != "uv.lock" {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if base == "uv.lock" {
			for _, m := range lockText.FindAllStringSubmatch(string(data), -1) {
				p := pin{name: pep440.Normalize(m[1]), version: m[2]}
				out[rel+"\x00"+p.name] = p
			}
			return nil
		}
		for _, p := range parsePins(string(data)) {
			out[rel+"\x00"+p.name+p.marker] = p
		}
		return nil
	})
	return out, err
}

func parsePins(text string) []pin {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\\\n", " ")
	var out []pin
	for line := range strings.SplitSeq(text, "\n") {
		m := pinLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		p := pin{name: pep440.Normalize(m[1]), version: m[2]}
		marker, _, _ := strings.Cut(m[3], " --hash")
		p.marker = strings.Join(strings.Fields(marker), " ")
		for _, h := range hashText.FindAllStringSubmatch(line, -1) {
			p.hashes = append(p.hashes, h[1])
		}
		out = append(out, p)
	}
	return out
}

// difference is what changed between two sets of pins.
type difference struct {
	changed map[string]string // name → new version
	added   map[string]string
	removed []string
}

func diffPins(before, after map[string]pin) difference {
	d := difference{changed: map[string]string{}, added: map[string]string{}}
	for key, p := range after {
		old, ok := before[key]
		switch {
		case !ok:
			d.added[p.name] = p.version
		case old.version != p.version:
			d.changed[p.name] = p.version
		}
	}
	for key, p := range before {
		if _, ok := after[key]; !ok {
			d.removed = append(d.removed, p.name)
		}
	}
	return d
}
