package planner

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/pep440"
)

// shelf is an index: releases by package, "2.2.5", "2.3.0 yanked", "5.0 py>=3.10", "1.0 at=2026-01-02",
// "2.0 needs=werkzeug>=2.2". Each has a source distribution and a wheel for everything, but "sdist" (none),
// "static" (none, and metadata that building can't change) and "foreign" (a wheel for another machine).
type shelf struct {
	releases map[string][]string
	pinned   map[string]map[string]bool // versions that manifests name and that are there too
	down     bool
	broken   map[string]error // pages that answer with an error
	mute     map[string]error // "name version" whose metadata can't be had
	hidden   map[string]bool  // packages whose pinned versions are not there
	secret   string           // that the addresses of files begin with
	asked    atomic.Int64     // pages and metadata
}

// Metadata says what the line of the release says it needs: "needs=werkzeug>=2.2".
func (s *shelf) Metadata(_ context.Context, p *index.Project, f index.File) ([]byte, error) {
	s.asked.Add(1)
	if s.down {
		return nil, fmt.Errorf("look up %s: %w", p.Name, index.ErrUnreachable)
	}
	v, _ := index.VersionOf(p.Name, f.Name)
	if err := s.mute[p.Name+" "+v.String()]; err != nil {
		return nil, err
	}
	text := fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", p.Name, v)
	for _, line := range s.releases[p.Name] {
		words := strings.Fields(line)
		if !sameVersion(words[0], v.String()) {
			continue
		}
		if slices.Contains(words, "static") {
			text = strings.Replace(text, "2.1", "2.2", 1)
		}
		for _, w := range words[1:] {
			if need, ok := strings.CutPrefix(w, "needs="); ok {
				text += "Requires-Dist: " + need + "\n"
			}
		}
	}
	return []byte(text), nil
}

func (s *shelf) Project(_ context.Context, name string) (*index.Project, error) {
	s.asked.Add(1)
	if s.down {
		return nil, fmt.Errorf("look up %s: %w", name, index.ErrUnreachable)
	}
	if err := s.broken[name]; err != nil {
		return nil, fmt.Errorf("look up %s: %w", name, err)
	}
	lines, ok := s.releases[name]
	if !ok {
		return nil, index.ErrUnknownProject
	}
	p := &index.Project{Name: name, Page: "https://index.example/" + name}
	lines = slices.Clone(lines)
	for _, v := range slices.Sorted(maps.Keys(s.pinned[name])) {
		if !s.hidden[name] && !slices.ContainsFunc(lines, func(l string) bool { return sameVersion(strings.Fields(l)[0], v) }) {
			lines = append(lines, v)
		}
	}
	p.Digest = "sha256:" + sum(strings.Join(lines, "\n"))
	for _, line := range lines {
		r := releaseOf(name, strings.Fields(line))
		for i := range r.Files {
			r.Files[i].URL = s.secret + r.Files[i].Name
		}
		p.Releases = append(p.Releases, r)
	}
	slices.SortFunc(p.Releases, func(a, b index.Release) int {
		va, _ := pep440.Parse(a.Version)
		vb, _ := pep440.Parse(b.Version)
		return va.Compare(vb)
	})
	return p, nil
}

// releaseOf makes a release of the words of its line.
func releaseOf(name string, words []string) index.Release {
	at := time.Date(2023, 5, 2, 0, 0, 0, 0, time.UTC)
	r := index.Release{Version: words[0], Released: &at}
	file := strings.ReplaceAll(name, "-", "_") + "-" + words[0]
	f := index.File{Name: file + ".tar.gz", Hashes: map[string]string{"sha256": sum(name + words[0])}, Uploaded: &at}
	tag := "py3-none-any"
	for _, w := range words[1:] {
		switch {
		case w == "yanked":
			r.Yanked, r.YankedReason, f.Yanked = true, "broken build", true
		case w == "undated":
			r.Released, f.Uploaded = nil, nil
		case w == "unhashed":
			f.Hashes = nil
		case w == "sdist", w == "static":
			tag = ""
		case w == "foreign":
			tag = "cp311-cp311-win_amd64"
		case strings.HasPrefix(w, "py"):
			r.RequiresPython, f.RequiresPython = w[2:], w[2:]
		case strings.HasPrefix(w, "at="):
			when, err := time.Parse(time.DateOnly, w[3:])
			if err != nil {
				panic(err)
			}
			r.Released, f.Uploaded = &when, &when
		}
	}
	r.Files = []index.File{f}
	if tag != "" {
		wheel := f
		wheel.Name = file + "-" + tag + ".whl"
		if f.Hashes != nil {
			wheel.Hashes = map[string]string{"sha256": sum("wheel " + name + words[0])}
		}
		r.Files = append(r.Files, wheel)
	}
	return r
}

func sum(s string) string { return strings.TrimPrefix(string(evidence.Of([]byte(s))), "sha256:") }
