package planner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/services/planner/resolution"
)

// digester is an index that can say what a page is without reading it again.
type digester interface {
	Digest(ctx context.Context, name string) (digest string, ok bool)
}

// answers remembers resolutions by everything they depend on: the task, the advisories, and the index pages
// they rest on. It knows no application, so that those with the same requirements share one answer.
type answers struct {
	dir string

	mu   sync.Mutex
	kept map[string]remembered
	size int // of the tapes kept
}

// remembered is an answer with the tape of what it was made from.
type remembered struct {
	Solved solved `json:"solved"`
	Tape   []byte `json:"tape"`
}

func newAnswers(dir string) *answers { return &answers{dir: dir, kept: map[string]remembered{}} }

// answer resolves every environment, or remembers. The tapes say what each answer was made from.
func (s *Service) answer(ctx context.Context, in *situation) (out []solved, tapes [][]byte) {
	for i, t := range in.tasks() {
		if len(t.Wants) == 0 && !t.Wishes.Full {
			out, tapes = append(out, nothing()), append(tapes, nil)
			continue
		}
		ix, m := s.index(t.Wishes.IndexURL), s.matcher()
		key := ""
		if m != nil && ix != nil {
			key = t.key(m.Digest(), s.cfg.Build)
			if known, ok := s.answers.find(ctx, key, ix, in.Now); ok && (known.Tape != nil || s.cfg.Provisional) && known.Solved.harmless(m, t.Holds) {
				out, tapes = append(out, known.Solved), append(tapes, known.Tape)
				continue
			}
		}
		r := record(live{index: ix, matcher: m})
		a := in.Envs[i].solve(ctx, t, r, s.engine, s.verdicts, s.cfg.ResolveLimit, in.Now)
		in.keep(ctx, i, &a, r)
		said := r.said()
		a.Pages = said.digests()
		var tape []byte
		var err error
		if !s.cfg.Provisional { // else nobody makes it again
			if tape, err = said.pack(t.versions(), s.press); err != nil { // of plain data: can't be
				tape = nil
			}
		}
		if ctx.Err() == nil && key != "" && a.whole() && err == nil {
			s.answers.keep(key, remembered{a, tape})
		}
		out, tapes = append(out, a), append(tapes, tape)
	}
	return out, tapes
}

// harmless reports that no advisory hits what was picked and no rejection holds it. Neither is ever so, since both are
// part of the key; but a folder of answers may come from elsewhere, and nothing that is known to be bad is planned from there either.
func (a solved) harmless(m advisory.Matcher, holds []hold) bool {
	for _, st := range a.Steps {
		for _, move := range st.Moves {
			if hits, err := m.Match(pypi, move.Package, move.To); err != nil || len(hits) > 0 || isHeld(holds, move.Package, move.To) {
				return false
			}
		}
	}
	return true
}

// nothing is the answer of an environment that asks for none.
func nothing() solved {
	return solved{Steps: []step{}, Fates: map[string]fate{}, Pages: map[string]string{}}
}

// solve plans one environment with what a world says.
func (e environment) solve(ctx context.Context, t task, w outside, engine func(context.Context) (resolution.Engine, error), verdicts *resolution.Verdicts, limit time.Duration, now time.Time) solved {
	s := &solver{task: t, engine: engine, verdicts: verdicts, limit: limit, now: now,
		book: &book{world: w, pins: t.versions(), bounds: t.Bounds, holds: t.Holds, hashed: t.Hashed, wishes: t.Wishes, now: now, pages: map[string]*judgedPage{}}}
	out := s.solve(ctx)
	out.Made = now
	return out
}

// versions are the pins by package.
func (t task) versions() map[string]string {
	out := map[string]string{}
	for _, p := range t.Pins {
		out[p.Package] = p.Version
	}
	return out
}

// whole reports whether everything outside answered: only then is an answer worth remembering.
func (a solved) whole() bool {
	if a.Patchy || len(a.Open) > 0 {
		return false
	}
	for _, f := range a.Fates {
		if f.Kind == fateFailed {
			return false
		}
	}
	return true
}

// key names a task by all that its answer depends on but the index pages.
func (t task) key(advisories, build string) string {
	data, err := json.Marshal(struct {
		Task       task
		Advisories string
		Resolver   string
		Build      string
	}{t, advisories, resolverName, build})
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(string(evidence.Of(data)), "sha256:")
}

// find looks a key up; an answer counts while the clock makes no difference and every page it rests on is the same.
func (a *answers) find(ctx context.Context, key string, ix index.Source, now time.Time) (remembered, bool) {
	a.mu.Lock()
	known, ok := a.kept[key]
	a.mu.Unlock()
	if !ok {
		if known, ok = a.read(key); !ok {
			return remembered{}, false
		}
	}
	if known.Solved.Ripe != nil && !now.Before(*known.Solved.Ripe) || now.Before(known.Solved.Made) {
		return remembered{}, false
	}
	d, quick := ix.(digester)
	for name, digest := range known.Solved.Pages {
		if quick {
			if now, ok := d.Digest(ctx, name); ok {
				if pageDigest(now) != digest {
					return remembered{}, false
				}
				continue
			}
		}
		p, err := ix.Project(ctx, name)
		switch {
		case err == nil && p.Digest == digest:
		case errors.Is(err, index.ErrUnknownProject) && digest == noPage:
		default:
			return remembered{}, false
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.put(key, known)
	return known, true
}

func (a *answers) keep(key string, r remembered) {
	a.mu.Lock()
	a.put(key, r)
	a.mu.Unlock()
	a.write(key, r)
}

func (a *answers) put(key string, r remembered) {
	a.size += len(r.Tape) - len(a.kept[key].Tape)
	if len(a.kept) >= maxAnswers || a.size > maxKeptAnswers {
		clear(a.kept) // rare, and cheap to fill again from disk
		a.size = len(r.Tape)
	}
	a.kept[key] = r
}

func (a *answers) path(key string) string { return filepath.Join(a.dir, key+".json") }

func (a *answers) read(key string) (r remembered, ok bool) {
	if a.dir == "" {
		return r, false
	}
	data, err := os.ReadFile(a.path(key))
	if err != nil {
		return r, false
	}
	sum, text, ok := bytes.Cut(data, []byte("\n"))
	if !ok || string(sum) != sealOf(key, text) {
		return r, false
	}
	return r, json.Unmarshal(text, &r) == nil
}

// sealOf tells an answer that was kept whole, under its own name, from what a disk made of it.
func sealOf(key string, text []byte) string { return string(evidence.Of(append([]byte(key), text...))) }

// write keeps an answer for other runs; that it can't be kept is no error. The oldest make room.
func (a *answers) write(key string, r remembered) {
	data, err := json.Marshal(r)
	if a.dir == "" || err != nil || os.MkdirAll(a.dir, 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(a.dir, ".new-*")
	if err != nil {
		return
	}
	_, err = f.Write(slices.Concat([]byte(sealOf(key, data)), []byte("\n"), data))
	if cerr := f.Close(); err != nil || cerr != nil || os.Rename(f.Name(), a.path(key)) != nil {
		_ = os.Remove(f.Name()) // nothing half-written stays
		return
	}
	a.prune()
}

// prune removes the oldest answers above the limits.
func (a *answers) prune() {
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		return
	}
	var all []fs.FileInfo
	size := int64(0)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			all, size = append(all, info), size+info.Size()
		}
	}
	slices.SortFunc(all, func(x, y fs.FileInfo) int { return x.ModTime().Compare(y.ModTime()) })
	for len(all) > maxAnswers || size > maxStoredAnswers && len(all) > 1 {
		_ = os.Remove(filepath.Join(a.dir, all[0].Name())) // somebody else may have been quicker
		all, size = all[1:], size-all[0].Size()
	}
}
