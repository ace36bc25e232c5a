package index

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/pep440"
)

// parsePage turns an answer into a project. base resolves relative file URLs.
func parsePage(name string, data []byte, base *url.URL) (*Project, error) {
	pg, err := readPage(data)
	if err != nil {
		return nil, fmt.Errorf("read its JSON: %w", err)
	}
	if major, _, _ := strings.Cut(pg.version, "."); major != "1" {
		return nil, fmt.Errorf("its api-version is %q, this Drydock reads 1.x (PEP 691)", clip(pg.version))
	}
	if !pg.has {
		return nil, errors.New(`it has no "files"`)
	}
	if got := pep440.Normalize(pg.name); pg.name != "" && got != name {
		return nil, fmt.Errorf("it speaks of %q", clip(pg.name))
	}
	return assemble(name, pg.files, base), nil
}

// assemble groups files by the version in their names, ascending. Files of other kinds than wheels and
// source distributions, and those whose version can't be read, can't be installed by name and are left out.
func assemble(name string, files []pageFile, base *url.URL) *Project {
	type release struct {
		version pep440.Version
		Release
	}
	var rs []*release
	byVersion := make(map[string]*release, len(files)/2)
	asWritten := make(map[string]*release, len(files)/2) // a version is parsed once for all its files
	for i := range files {
		f := &files[i]
		raw, ok := versionIn(name, f.filename)
		if !ok {
			continue
		}
		r := asWritten[raw]
		if r == nil {
			v, ok := parsed(raw)
			if !ok {
				continue
			}
			key := v.String()
			if r = byVersion[key]; r == nil {
				r = &release{version: v, Release: Release{Version: key, Yanked: true, Files: make([]File, 0, 2)}}
				byVersion[key] = r
				rs = append(rs, r)
			}
			asWritten[raw] = r
		}
		r.add(f, base)
	}
	slices.SortFunc(rs, func(a, b *release) int {
		return cmp.Or(a.version.Compare(b.version), cmp.Compare(a.Version, b.Version))
	})
	p := &Project{Name: name, Releases: make([]Release, len(rs))}
	for i, r := range rs {
		slices.SortStableFunc(r.Files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
		p.Releases[i] = r.Release
	}
	return p
}

func (r *Release) add(f *pageFile, base *url.URL) {
	file := File{Name: f.filename, URL: absolute(f.url, base), Hashes: wellFormed(f.hashes), RequiresPython: f.requires, Size: f.size, Yanked: f.yanked}
	if f.metadata != nil {
		file.Metadata = wellFormed(f.metadata)
	}
	if t, err := time.Parse(time.RFC3339Nano, f.uploaded); err == nil && t.Year() > 0 && t.Year() <= lastYear {
		t = t.UTC()
		file.Uploaded = &t
		if r.Released == nil || t.Before(*r.Released) {
			r.Released = &t
		}
	}
	r.YankedReason = cmp.Or(r.YankedReason, f.reason)
	r.Yanked = r.Yanked && f.yanked
	if r.RequiresPython == "" {
		r.RequiresPython = f.requires
	}
	r.Files = append(r.Files, file)
}

// absolute resolves a file's address and takes credentials out of it.
func absolute(raw string, base *url.URL) string {
	if plainAddress(raw) {
		return raw
	}
	u, err := base.Parse(raw)
	if err != nil {
		return ""
	}
	u.User = nil
	return u.String()
}

// plainAddress recognises what nearly all addresses are: absolute, without anything that resolving would change.
func plainAddress(s string) bool {
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok {
		if rest, ok = strings.CutPrefix(s, "http://"); !ok {
			return false
		}
	}
	if i := strings.IndexByte(rest, '/'); i <= 0 || strings.Contains(rest, "/.") {
		return false
	}
	return only(rest, asAddress)
}

// What a byte may be part of.
const (
	asAddress = 1 << iota // an address that resolving does not change
	asHex
	asLower // anything but letters in upper case
	asName  // the name of a file
)

var classes = func() (t [256]uint8) {
	for c := range 256 {
		b := byte(c)
		digit, letter := '0' <= b && b <= '9', 'a' <= b|0x20 && b|0x20 <= 'z'
		if digit || letter || strings.IndexByte("/.-_", b) >= 0 {
			t[c] |= asAddress
		}
		if digit || 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F' {
			t[c] |= asHex
		}
		if b < 'A' || b > 'Z' {
			t[c] |= asLower
		}
		if b > ' ' && b != 0x7f && b != '/' && b != '\\' {
			t[c] |= asName
		}
	}
	return t
}()

func only(s string, class uint8) bool {
	for i := range len(s) {
		if classes[s[i]]&class == 0 {
			return false
		}
	}
	return true
}

// wellFormed keeps the hashes that are hex digits. They end up in files that pip reads: anything else could be a
// line of its own there. A distribution without a hash can't be pinned by one.
func wellFormed(hashes map[string]string) map[string]string {
	if hashes == nil {
		return map[string]string{}
	}
	for algorithm, digits := range hashes {
		switch {
		case digits == "" || len(digits)%2 != 0 || !only(digits, asHex) || algorithm == "sha256" && len(digits) != 64:
			delete(hashes, algorithm)
		case !only(digits, asLower):
			hashes[algorithm] = strings.ToLower(digits)
		}
	}
	return hashes
}

var sdistEndings = []string{".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz"}

// VersionOf reads the version out of the name of a wheel (PEP 427) or source distribution (PEP 625 and the
// older forms) of the package.
func VersionOf(name, filename string) (pep440.Version, bool) {
	raw, ok := versionIn(name, filename)
	if !ok {
		return pep440.Version{}, false
	}
	return parsed(raw)
}

// versionIn finds where the version stands.
func versionIn(name, filename string) (string, bool) {
	// The name of a file never leads elsewhere, nor out of a line.
	if len(filename) > maxFilename || !only(filename, asName) {
		return "", false
	}
	if stem, ok := strings.CutSuffix(filename, ".whl"); ok {
		dashes := strings.Count(stem, "-")
		project, rest, _ := strings.Cut(stem, "-")
		version, _, _ := strings.Cut(rest, "-")
		if dashes != 4 && dashes != 5 || pep440.Normalize(project) != name {
			return "", false
		}
		return strings.ReplaceAll(version, "_", "-"), true
	}
	for _, ending := range sdistEndings {
		stem, ok := strings.CutSuffix(filename, ending)
		if !ok {
			continue
		}
		// The name may itself hold dashes, and so may an old version: take the cut whose left side is the name.
		for i := range len(stem) {
			if stem[i] != '-' || pep440.Normalize(stem[:i]) != name {
				continue
			}
			if _, ok := parsed(stem[i+1:]); ok {
				return stem[i+1:], true
			}
		}
	}
	return "", false
}

func parsed(s string) (pep440.Version, bool) {
	v, err := pep440.Parse(s)
	return v, err == nil
}

// written is a page in canonical form.
type written struct {
	Meta struct {
		Version string `json:"api-version"`
		Status  string `json:"project-status"` // stays, and stays empty: a digest never changes its meaning
	} `json:"meta"`
	Name  string        `json:"name"`
	Files []writtenFile `json:"files"`
}

type writtenFile struct {
	Filename       string            `json:"filename"`
	URL            string            `json:"url"`
	Hashes         map[string]string `json:"hashes"`
	RequiresPython string            `json:"requires-python,omitempty"`
	UploadTime     string            `json:"upload-time,omitempty"`
	Size           int64             `json:"size,omitempty"`
	Yanked         any               `json:"yanked,omitempty"` // the reason, where it is
	Metadata       any               `json:"core-metadata,omitempty"`
}

// Document is what the Digest of a project is taken of, what the cache keeps and what can be kept as evidence: what
// the index says of each file, in order, as a page of the simple API (PEP 691), and nothing of when, how or where it
// was fetched.
func (p *Project) Document() ([]byte, error) {
	pg := written{Name: p.Name, Files: []writtenFile{}}
	pg.Meta.Version = "1.1"
	for _, r := range p.Releases {
		for _, f := range r.Files {
			wf := writtenFile{Filename: f.Name, URL: f.URL, Hashes: f.Hashes, RequiresPython: f.RequiresPython, Size: f.Size}
			if f.Uploaded != nil {
				wf.UploadTime = f.Uploaded.Format(time.RFC3339Nano)
			}
			if f.Yanked {
				wf.Yanked = r.YankedReason
			}
			if len(f.Metadata) > 0 {
				wf.Metadata = f.Metadata
			} else if f.Metadata != nil {
				wf.Metadata = true
			}
			pg.Files = append(pg.Files, wf)
		}
	}
	return json.Marshal(pg)
}

// ReadDocument is the project of which data is the Document. Index, Page and Fetched are not part of it.
func ReadDocument(name string, data []byte) (*Project, error) {
	p, err := parsePage(name, data, &url.URL{})
	if err != nil {
		return nil, fmt.Errorf("read what the index said of %s: %w", clip(name), err)
	}
	p.Digest = string(evidence.Of(data))
	return p, nil
}

func (p *Project) seal() ([]byte, error) {
	data, err := p.Document()
	if err != nil {
		return nil, fmt.Errorf("write what the index says of %s: %w", p.Name, err)
	}
	p.Digest = string(evidence.Of(data))
	return data, nil
}

// clip bounds and cleans what an outsider wrote, for an error.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if len(s) > maxDetail {
		s = s[:maxDetail] + "…"
	}
	return s
}
