package index

import (
	"cmp"
	"encoding/hex"
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

// page is the answer of the simple API (PEP 691 with PEP 700).
type page struct {
	Meta struct {
		Version string `json:"api-version"`
		Status  string `json:"project-status"`
	} `json:"meta"`
	Name  string     `json:"name"`
	Files []pageFile `json:"files"`
}

type pageFile struct {
	Filename       string            `json:"filename"`
	URL            string            `json:"url"`
	Hashes         map[string]string `json:"hashes"`
	RequiresPython string            `json:"requires-python,omitempty"`
	UploadTime     string            `json:"upload-time,omitempty"`
	Size           int64             `json:"size,omitempty"`
	Yanked         any               `json:"yanked,omitempty"` // false, true, or the reason
}

// parsePage turns an answer into a project. base resolves relative file URLs.
func parsePage(name string, data []byte, base *url.URL) (*Project, error) {
	var pg page
	if err := json.Unmarshal(data, &pg); err != nil {
		return nil, fmt.Errorf("read its JSON: %w", err)
	}
	if major, _, _ := strings.Cut(pg.Meta.Version, "."); major != "1" {
		return nil, fmt.Errorf("its api-version is %q, this Drydock reads 1.x (PEP 691)", clip(pg.Meta.Version))
	}
	if pg.Files == nil {
		return nil, errors.New(`it has no "files"`)
	}
	if got := pep440.Normalize(pg.Name); pg.Name != "" && got != name {
		return nil, fmt.Errorf("it speaks of %q", clip(pg.Name))
	}
	return assemble(name, pg.Files, base), nil
}

// assemble groups files by the version in their names, ascending. Files of other kinds than wheels and
// source distributions, and those whose version can't be read, can't be installed by name and are left out.
func assemble(name string, files []pageFile, base *url.URL) *Project {
	type release struct {
		version pep440.Version
		Release
	}
	byVersion := map[string]*release{}
	for _, f := range files {
		v, ok := VersionOf(name, f.Filename)
		if !ok {
			continue
		}
		key := v.String()
		r := byVersion[key]
		if r == nil {
			r = &release{version: v, Release: Release{Version: key, Yanked: true}}
			byVersion[key] = r
		}
		r.add(f, base)
	}
	rs := make([]*release, 0, len(byVersion))
	for _, r := range byVersion {
		rs = append(rs, r)
	}
	slices.SortFunc(rs, func(a, b *release) int {
		return cmp.Or(a.version.Compare(b.version), cmp.Compare(a.Version, b.Version))
	})
	p := &Project{Name: name, Releases: make([]Release, len(rs))}
	for i, r := range rs {
		slices.SortFunc(r.Files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
		p.Releases[i] = r.Release
	}
	return p
}

func (r *Release) add(f pageFile, base *url.URL) {
	file := File{Name: f.Filename, URL: f.URL, Hashes: wellFormed(f.Hashes), RequiresPython: f.RequiresPython, Size: f.Size}
	if u, err := base.Parse(f.URL); err == nil {
		u.User = nil
		file.URL = u.String()
	}
	if t, err := time.Parse(time.RFC3339Nano, f.UploadTime); err == nil {
		t = t.UTC()
		file.Uploaded = &t
		if r.Released == nil || t.Before(*r.Released) {
			r.Released = &t
		}
	}
	switch y := f.Yanked.(type) {
	case bool:
		file.Yanked = y
	case string: // a reason, even an empty one, means yanked (PEP 691)
		file.Yanked = true
		r.YankedReason = cmp.Or(r.YankedReason, y)
	}
	r.Yanked = r.Yanked && file.Yanked
	if r.RequiresPython == "" {
		r.RequiresPython = f.RequiresPython
	}
	r.Files = append(r.Files, file)
}

// wellFormed keeps the hashes that are hex digits. They end up in files that pip reads: anything else could be a
// line of its own there. A distribution without a hash can't be pinned by one.
func wellFormed(hashes map[string]string) map[string]string {
	out := make(map[string]string, len(hashes))
	for algorithm, digits := range hashes {
		_, err := hex.DecodeString(digits)
		if err == nil && digits != "" && (algorithm != "sha256" || len(digits) == 64) {
			out[algorithm] = strings.ToLower(digits)
		}
	}
	return out
}

var sdistEndings = []string{".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz"}

// VersionOf reads the version out of the name of a wheel (PEP 427) or source distribution (PEP 625 and the
// older forms) of the package.
func VersionOf(name, filename string) (pep440.Version, bool) {
	if len(filename) > maxFilename {
		return pep440.Version{}, false
	}
	if stem, ok := strings.CutSuffix(filename, ".whl"); ok {
		parts := strings.Split(stem, "-")
		if len(parts) != 5 && len(parts) != 6 || pep440.Normalize(parts[0]) != name {
			return pep440.Version{}, false
		}
		return parsed(strings.ReplaceAll(parts[1], "_", "-"))
	}
	for _, ending := range sdistEndings {
		stem, ok := strings.CutSuffix(filename, ending)
		if !ok {
			continue
		}
		// The name may itself hold dashes, and so may an old version: take the cut whose left side is the name.
		for i, c := range stem {
			if c == '-' && pep440.Normalize(stem[:i]) == name {
				if v, ok := parsed(stem[i+1:]); ok {
					return v, true
				}
			}
		}
	}
	return pep440.Version{}, false
}

func parsed(s string) (pep440.Version, bool) {
	v, err := pep440.Parse(s)
	return v, err == nil
}

// canonical is what the digest of a project is taken of and what the cache keeps: what the index says of
// each file, in order, and nothing of when or how it was fetched.
func (p *Project) canonical() ([]byte, error) {
	pg := page{Name: p.Name, Files: []pageFile{}}
	pg.Meta.Version = "1.1"
	for _, r := range p.Releases {
		for _, f := range r.Files {
			pf := pageFile{Filename: f.Name, URL: f.URL, Hashes: f.Hashes, RequiresPython: f.RequiresPython, Size: f.Size}
			if f.Uploaded != nil {
				pf.UploadTime = f.Uploaded.Format(time.RFC3339Nano)
			}
			if f.Yanked {
				pf.Yanked = r.YankedReason
			}
			pg.Files = append(pg.Files, pf)
		}
	}
	return json.Marshal(pg)
}

func (p *Project) seal() ([]byte, error) {
	data, err := p.canonical()
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
