package manifest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/uv"
	"github.com/drydock-dev/drydock/pkg/uvlock"
)

// joint is the lock that comes out: the old one, with what uv chose where the updates made it choose.
type joint struct {
	old     *locked
	chosen  *uvlock.Lock
	moves   moves
	offer   *lockOffer
	touched map[string]bool // names of which a version came or went
}

// write makes the text. Whatever uv chose beyond the updates and what they need is an error.
func (j *joint) write() ([]byte, error) {
	if err := j.compare(); err != nil {
		return nil, err
	}
	blocks := []string{strings.TrimRight(string(j.old.Header()), "\n") + "\n"}
	for _, p := range j.chosen.Packages {
		text, err := j.block(p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		blocks = append(blocks, text)
	}
	return []byte(strings.Join(blocks, "\n")), nil
}

// was is the package of the old lock that p is.
func (j *joint) was(p *uvlock.Package) *uvlock.Package {
	if p.Source.Registry == "" {
		for old := range j.old.root {
			if old.Name == p.Name {
				return old
			}
		}
		return nil
	}
	version, err := normal(p.Version)
	if err != nil {
		return nil
	}
	if old := find(j.old.Lock, p.Name, version); old != nil && !j.old.root[old] {
		return old
	}
	return nil
}

// compare holds what uv chose to what it may have chosen.
func (j *joint) compare() error {
	now := map[string]map[string]bool{}
	marked := false
	for _, p := range j.chosen.Packages {
		marked = marked || len(p.ResolutionMarkers) > 0
		if p.Source.Registry == "" {
			if j.was(p) == nil {
				return fmt.Errorf("uv wrote %s, which is no package of the project", p.Name)
			}
			continue
		}
		version, err := normal(p.Version)
		if err != nil {
			return fmt.Errorf("uv wrote %s %s: %w", p.Name, p.Version, err)
		}
		if now[p.Name] == nil {
			now[p.Name] = map[string]bool{}
		}
		now[p.Name][version] = true
		if j.was(p) == nil {
			j.touched[p.Name] = true
			if t := j.offer.told[p.Name]; t == nil || t.phantom {
				return fmt.Errorf("uv would also add %s %s, which the plan does not have: something in the lock needs it, perhaps for another Python or platform than the plan's", p.Name, p.Version)
			}
			if j.old.registry[p.Name] != "" && !j.moves.adds(p.Name, version) {
				return fmt.Errorf("uv would also move %s to %s", p.Name, p.Version)
			}
		}
	}
	for name, versions := range j.moves {
		j.touched[name] = true
		for _, to := range versions {
			if !now[name][to] {
				return fmt.Errorf("uv would not lock %s %s: nothing in the project needs it there", name, to)
			}
		}
	}
	for _, p := range j.old.Packages {
		if version, err := normal(p.Version); err == nil && !j.old.root[p] && !now[p.Name][version] {
			j.touched[p.Name] = true
			if _, moves := j.moves[p.Name][version]; !moves && now[p.Name] != nil {
				return fmt.Errorf("uv can't keep %s %s beside the updates", p.Name, p.Version)
			}
		}
	}
	if marked && !reflect.DeepEqual(j.chosen.ResolutionMarkers, j.old.ResolutionMarkers) {
		return fmt.Errorf("uv would divide the lock by other markers (%s): let uv write the lock again first: %w", strings.Join(j.chosen.ResolutionMarkers, "; "), ErrUnsupported)
	}
	return nil
}

// block is the text of one package of the result.
func (j *joint) block(p *uvlock.Package) (string, error) {
	fresh, err := split(string(j.chosen.Block(p)))
	if err != nil {
		return "", err
	}
	for _, part := range []*string{&fresh.dependencies, &fresh.optional, &fresh.dev} {
		*part = j.home(*part)
	}
	old := j.was(p)
	if old == nil {
		fresh.head = registryField.ReplaceAllLiteralString(fresh.head, fmt.Sprintf("registry = %q", j.registry(p.Name)))
		fresh.files, err = j.files(p.Name, fresh.files)
		return fresh.text(), err
	}
	text := strings.TrimRight(string(j.old.Block(old)), "\n") + "\n"
	if j.same(old, p) {
		return text, nil
	}
	kept, err := split(text)
	if err != nil {
		return "", err
	}
	kept.markers, kept.dependencies, kept.optional, kept.dev = fresh.markers, fresh.dependencies, fresh.optional, fresh.dev
	return kept.text(), nil
}

// same reports whether a package that stays needs what it needed, as far as the updates can have changed that:
// markers that another uv wrote in other words are none of it.
func (j *joint) same(old, now *uvlock.Package) bool {
	flat := func(p *uvlock.Package) map[string][]uvlock.Dependency {
		out := map[string][]uvlock.Dependency{}
		add := func(where string, list []uvlock.Dependency) {
			for _, d := range list {
				if d.Source != nil {
					d.Source = &uvlock.Source{}
				}
				key := where + "\x00" + d.Name
				out[key] = append(out[key], d)
			}
		}
		add("", p.Dependencies)
		for extra, list := range p.OptionalDependencies {
			add("extra "+extra, list)
		}
		for group, list := range p.DevDependencies {
			add("group "+group, list)
		}
		return out
	}
	was, is := flat(old), flat(now)
	if len(was) != len(is) || !slices.Equal(old.ResolutionMarkers, now.ResolutionMarkers) {
		return false
	}
	for key, list := range was {
		name := key[strings.IndexByte(key, 0)+1:]
		if is[key] == nil || j.touched[name] && !reflect.DeepEqual(list, is[key]) {
			return false
		}
	}
	return true
}

// registry is where a package comes from, as the lock writes it.
func (j *joint) registry(name string) string {
	if at := j.old.registry[name]; at != "" {
		return at
	}
	at := ""
	if t := j.offer.told[name]; t != nil && t.page != nil {
		at = strings.TrimRight(t.page.Index, "/")
	}
	for _, known := range j.old.registry {
		if strings.TrimRight(known, "/") == at {
			return known
		}
	}
	return at
}

// home puts the indexes of dependencies back to what they are.
func (j *joint) home(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if m := nameField.FindStringSubmatch(line); m != nil {
			line = registryField.ReplaceAllLiteralString(line, fmt.Sprintf("registry = %q", j.registry(m[1])))
		}
		b.WriteString(line)
	}
	return b.String()
}

// files puts the addresses of files back, and leaves out what only stood for one.
func (j *joint) files(name, text string) (string, error) {
	t := j.offer.told[name]
	if t == nil || t.offered == nil {
		return "", fmt.Errorf("uv locked it, and nobody offered it")
	}
	var out []string
	for line := range strings.Lines(text) {
		m := urlField.FindStringSubmatch(line)
		if m == nil {
			out = append(out, line)
			continue
		}
		of, filename, ok := uv.SplitLockFile(m[1])
		if !ok || of != name {
			return "", fmt.Errorf("uv wrote an address that is not the index's")
		}
		if f := fileNamed(t.offered, filename); f != nil {
			out = append(out, urlField.ReplaceAllLiteralString(line, fmt.Sprintf("url = %q", f.URL)))
		}
	}
	if n := len(out); n >= 2 && out[n-2] == "wheels = [\n" && out[n-1] == "]\n" {
		out = out[:n-2]
	}
	return strings.Join(out, ""), nil
}

func fileNamed(p *index.Project, filename string) *index.File {
	for i := range p.Releases {
		for k := range p.Releases[i].Files {
			if p.Releases[i].Files[k].Name == filename {
				return &p.Releases[i].Files[k]
			}
		}
	}
	return nil
}
