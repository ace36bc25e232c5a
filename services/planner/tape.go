package planner

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/pep440"
)

// The form of a page on a tape: what decisions rest on and nothing else. Addresses of files are left out, because
// a private index may write a secret into them, and a plan made again downloads nothing.
type (
	tapedPage struct {
		Error    string         `json:"error,omitempty"`
		Kind     string         `json:"kind,omitempty"`
		Name     string         `json:"name,omitempty"`
		Digest   string         `json:"digest,omitempty"`
		Index    string         `json:"index,omitempty"` // without credentials
		Page     string         `json:"page,omitempty"`
		Releases []tapedRelease `json:"releases,omitempty"`
	}
	tapedRelease struct {
		Version  string      `json:"version"`
		Yanked   bool        `json:"yanked,omitempty"`
		Reason   string      `json:"yanked_reason,omitempty"`
		Requires string      `json:"requires_python,omitempty"`
		Released *time.Time  `json:"released,omitempty"`
		Files    []tapedFile `json:"files"`
	}
	tapedFile struct {
		Name      string     `json:"filename"`
		SHA256    string     `json:"sha256,omitempty"`
		Requires  string     `json:"requires_python,omitempty"`
		Uploaded  *time.Time `json:"uploaded,omitempty"`
		Yanked    bool       `json:"yanked,omitempty"`
		Described bool       `json:"described,omitempty"` // its metadata lies beside it (PEP 658)
	}
)

// taped is the form of a page. pin is the version that is pinned; releases below it are left out, as nobody looks
// at them.
func (p page) taped(pin string) tapedPage {
	out := tapedPage{Error: p.Error, Kind: p.Kind}
	q := p.Project
	if q == nil {
		return out
	}
	out.Name, out.Digest, out.Index, out.Page = q.Name, q.Digest, q.Index, q.Page
	releases := q.Releases
	if v, err := pep440.Parse(pin); err == nil && v.Local() == "" {
		i, _ := slices.BinarySearchFunc(releases, v, func(r index.Release, v pep440.Version) int {
			if w, err := pep440.Parse(r.Version); err == nil {
				return w.Compare(v)
			}
			return -1 // what has no order stands first
		})
		releases = releases[i:]
	}
	out.Releases = make([]tapedRelease, len(releases))
	for i, r := range releases {
		files := make([]tapedFile, len(r.Files))
		for j, f := range r.Files {
			files[j] = tapedFile{f.Name, f.Hashes["sha256"], f.RequiresPython, f.Uploaded, f.Yanked, f.Metadata != nil}
		}
		out.Releases[i] = tapedRelease{r.Version, r.Yanked, r.YankedReason, r.RequiresPython, r.Released, files}
	}
	return out
}

// page reads the form.
func (in tapedPage) page() page {
	p := page{Error: in.Error, Kind: in.Kind}
	if in.Name == "" {
		return p
	}
	p.Project = &index.Project{Name: in.Name, Digest: in.Digest, Index: in.Index, Page: in.Page, Releases: make([]index.Release, len(in.Releases))}
	for i, r := range in.Releases {
		files := make([]index.File, len(r.Files))
		for j, f := range r.Files {
			files[j] = index.File{Name: f.Name, Hashes: map[string]string{}, RequiresPython: f.Requires, Uploaded: f.Uploaded, Yanked: f.Yanked}
			if f.SHA256 != "" {
				files[j].Hashes["sha256"] = f.SHA256
			}
			if f.Described {
				files[j].Metadata = map[string]string{}
			}
		}
		p.Project.Releases[i] = index.Release{Version: r.Version, Yanked: r.Yanked, YankedReason: r.Reason, RequiresPython: r.Requires, Released: r.Released, Files: files}
	}
	return p
}

// tapeForm is a tape as it is written.
type tapeForm struct {
	Pages    map[string]tapedPage      `json:"pages"`    // by normalised name
	Metadata map[string]spoken         `json:"metadata"` // by name/file
	Hits     map[string][]advisory.Hit `json:"hits"`     // by ecosystem/name@version
	Misses   map[string]string         `json:"misses"`   // questions to the database without an answer, with the error
}

// pack writes a tape as evidence: JSON, compressed, because pages are long and repeat themselves. Names stand in order.
func (t tape) pack(pins map[string]string, p *press) ([]byte, error) {
	data, err := t.press(pins, p)
	if err != nil {
		return nil, fmt.Errorf("write down what the index said: %w", err)
	}
	return data, nil
}

func (t tape) press(pins map[string]string, p *press) ([]byte, error) {
	var out bytes.Buffer
	before := `{"pages":{`
	for _, name := range slices.Sorted(maps.Keys(t.Pages)) {
		said, project := t.Pages[name], index.Project{}
		if said.Project != nil {
			project = *said.Project
		}
		made := func() any { return said.taped(pins[name]) }
		// The digest of a page is that of all that it says of releases.
		depends := []string{"page", pins[name], said.Error, said.Kind, project.Name, project.Digest, project.Index, project.Page}
		if said.Project != nil && project.Digest == "" {
			depends = nil
		}
		if err := p.member(&out, before, name, made, depends...); err != nil {
			return nil, err
		}
		before = ","
	}
	before = after(before, `{"pages":{`) + `},"metadata":{`
	first := before
	for _, name := range slices.Sorted(maps.Keys(t.Metadata)) {
		said := t.Metadata[name]
		if err := p.member(&out, before, name, func() any { return said }, "metadata", said.Text, said.Error, said.Kind); err != nil {
			return nil, err
		}
		before = ","
	}
	rest, err := json.Marshal(struct {
		Hits   map[string][]advisory.Hit `json:"hits"`
		Misses map[string]string         `json:"misses"`
	}{t.Hits, t.Misses})
	if err != nil {
		return nil, err
	}
	rest[0] = ',' // it goes on
	if err := squeeze(&out, []byte(after(before, first)+"}"), rest, []byte("\n")); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// after is what has yet to be written of an opening: all of it where nothing stands behind it.
func after(before, opening string) string {
	if before == opening {
		return opening
	}
	return ""
}

func unpackTape(data []byte) (*tape, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read what the index said: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(z, maxTape+1))
	if err != nil {
		return nil, fmt.Errorf("read what the index said: %w", err)
	}
	if len(text) > maxTape {
		return nil, fmt.Errorf("read what the index said: more than %d bytes", maxTape)
	}
	form := tapeForm{}
	if err := json.Unmarshal(text, &form); err != nil {
		return nil, fmt.Errorf("read what the index said: %w", err)
	}
	t := &tape{map[string]page{}, form.Metadata, form.Hits, form.Misses}
	for name, p := range form.Pages {
		t.Pages[name] = p.page()
	}
	return t, nil
}
