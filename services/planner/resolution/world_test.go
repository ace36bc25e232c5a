package resolution

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/uv"
)

var linux = pep508.Environment{Python: "3.11", Platform: "linux", Machine: "x86_64"}

// world is an index in memory, and what of it may be picked above the pins.
type world struct {
	rel  map[string][]published // ascending
	pins map[string]string
	down map[string]error // by package, or "name version" for the metadata

	mu    sync.Mutex
	reads int
}

type published struct {
	version, python string
	withheld        string
	requires        []string
	unknown         bool
}

// newWorld reads one release a line: "flask 2.3.0 | werkzeug>=2.3 | jinja2>=3", "flask 3.0 !is younger than 7d",
// "old 1.0 ?" (its requirements are not known), "django 5.0 py>=3.12".
func newWorld(t testing.TB, text string) *world {
	t.Helper()
	w := &world{rel: map[string][]published{}, pins: map[string]string{}, down: map[string]error{}}
	for line := range strings.Lines(text) {
		parts := strings.Split(strings.TrimSpace(line), "|")
		head, withheld, _ := strings.Cut(strings.TrimSpace(parts[0]), " !")
		fields := strings.Fields(head)
		if len(fields) == 0 {
			continue
		}
		if len(fields) < 2 {
			t.Fatalf("no release: %q", line)
		}
		p := published{version: fields[1], withheld: withheld}
		for _, f := range fields[2:] {
			if py, ok := strings.CutPrefix(f, "py"); ok {
				p.python = py
			}
			p.unknown = p.unknown || f == "?"
		}
		for _, r := range parts[1:] {
			p.requires = append(p.requires, strings.TrimSpace(r))
		}
		w.rel[fields[0]] = append(w.rel[fields[0]], p)
	}
	for _, rs := range w.rel {
		slices.SortFunc(rs, func(a, b published) int { return parsed(a.version).Compare(parsed(b.version)) })
	}
	return w
}

func parsed(s string) pep440.Version {
	v, err := pep440.Parse(s)
	if err != nil {
		panic(err)
	}
	return v
}

// pin makes the pins of "flask==2.2.0 requests[socks]==2.28" and tells the world of them.
func (w *world) pin(text string) []Pin {
	var out []Pin
	for f := range strings.FieldsSeq(text) {
		name, version, _ := strings.Cut(f, "==")
		name, extras, _ := strings.Cut(strings.TrimSuffix(name, "]"), "[")
		p := Pin{Package: name, Version: version}
		if extras != "" {
			p.Extras = strings.Split(extras, ",")
		}
		w.pins[name] = version
		out = append(out, p)
	}
	return out
}

func (w *world) above(name string) ([]published, error) {
	if err := w.down[name]; err != nil {
		return nil, err
	}
	rs, ok := w.rel[name]
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, index.ErrUnknownProject)
	}
	var out []published
	for _, r := range rs {
		if p, ok := w.pins[name]; !ok || parsed(r.version).Compare(parsed(p)) > 0 {
			out = append(out, r)
		}
	}
	return out, nil
}

func (w *world) Candidates(_ context.Context, name string) ([]Candidate, error) {
	rs, err := w.above(name)
	var out []Candidate
	for _, r := range rs {
		if r.withheld == "" {
			out = append(out, Candidate{r.version, r.python})
		}
	}
	return out, err
}

func (w *world) Withheld(_ context.Context, name string) ([]Withheld, error) {
	rs, err := w.above(name)
	var out []Withheld
	for _, r := range rs {
		if r.withheld != "" {
			out = append(out, Withheld{r.version, r.withheld})
		}
	}
	return out, err
}

func (w *world) Metadata(_ context.Context, name, version string) ([]byte, error) {
	w.mu.Lock()
	w.reads++
	w.mu.Unlock()
	if err := w.down[name+" "+version]; err != nil {
		return nil, err
	}
	for _, r := range w.rel[name] {
		if r.version != version {
			continue
		}
		if r.unknown {
			return nil, ErrNoMetadata
		}
		return r.metadata(name), nil
	}
	return nil, fmt.Errorf("%s %s was never published", name, version)
}

func (r published) metadata(name string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "Metadata-Version: 2.1\nName: %s\nVersion: %s\n", name, r.version)
	if r.python != "" {
		fmt.Fprintf(&b, "Requires-Python: %s\n", r.python)
	}
	seen := map[string]bool{}
	for _, q := range r.requires {
		fmt.Fprintf(&b, "Requires-Dist: %s\n", q)
		if _, x, ok := strings.Cut(q, "extra == '"); ok {
			x, _, _ = strings.Cut(x, "'")
			if !seen[x] {
				fmt.Fprintf(&b, "Provides-Extra: %s\n", x)
			}
			seen[x] = true
		}
	}
	return []byte(b.String())
}

// realUV finds the real uv, or skips.
func realUV(t testing.TB) Engine {
	t.Helper()
	path := os.Getenv("DRYDOCK_UV")
	if path == "" {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for ; path == "" && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			at := filepath.Join(dir, ".cache", "tools", "uv-"+uv.Version, "uv")
			if _, err := os.Stat(at); err == nil {
				path = at
			}
		}
	}
	if path == "" {
		t.Skip("no uv " + uv.Version + ": set DRYDOCK_UV, or run make test, which fetches it")
	}
	tool, err := uv.Locator{Path: path, Lookup: filepath.SplitList(os.Getenv("PATH"))}.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

// fake resolves as uv does, slowly and by itself: it shares no code with the solver.
type fake struct {
	runs int
	err  error // answered instead
}

func (f *fake) Compile(ctx context.Context, p uv.Problem) (uv.Answer, error) {
	f.runs++
	if f.err != nil {
		return uv.Answer{}, f.err
	}
	g := &guess{p: p, ctx: ctx, at: map[string]string{}, extras: map[string]map[string]bool{}}
	for _, text := range p.Requirements {
		r, err := pep508.Parse(text)
		if err != nil {
			return uv.Answer{}, err
		}
		g.reqs = append(g.reqs, r)
	}
	g.direct = len(g.reqs)
	found, err := g.solve()
	if err != nil {
		return uv.Answer{}, err
	}
	if found == nil {
		return uv.Answer{}, &uv.Conflict{Text: "the requirements are unsatisfiable"}
	}
	return uv.Answer{Pins: found}, nil
}

type guess struct {
	p      uv.Problem
	ctx    context.Context
	reqs   []pep508.Requirement
	direct int
	at     map[string]string
	extras map[string]map[string]bool
}

func (g *guess) solve() (map[string]string, error) {
	// All that is required by what was picked, with extras; then the first that is not picked.
	reqs := slices.Clone(g.reqs)
	extras := map[string][]string{}
	for again := true; again; {
		again = false
		reqs = reqs[:g.direct]
		for _, name := range slices.Sorted(keys(g.at)) {
			m, err := meta(g.ctx, g.p.Offer, name, g.at[name])
			if err != nil {
				return nil, err
			}
			certain, _ := m.Needs(g.p.Env, extras[name])
			reqs = append(reqs, certain...)
		}
		for _, r := range reqs {
			for _, x := range r.Extras {
				if !slices.Contains(extras[r.Name], x) {
					extras[r.Name], again = append(extras[r.Name], x), true
				}
			}
		}
	}
	next := ""
	for _, r := range reqs {
		if v, ok := g.at[r.Name]; !ok && next == "" {
			next = r.Name
		} else if ok && !r.Allows(parsed(v)) {
			return nil, nil
		}
	}
	if next == "" {
		out := map[string]string{}
		for _, r := range reqs {
			out[r.Name] = g.at[r.Name]
		}
		return out, nil
	}
	return g.pick(next, reqs)
}

func (g *guess) pick(next string, reqs []pep508.Requirement) (map[string]string, error) {
	offered, err := g.p.Offer.Versions(g.ctx, next)
	if err != nil && !errors.Is(err, uv.ErrUnknown) {
		return nil, fmt.Errorf("%w: %w", uv.ErrOffer, err)
	}
	direct, pre := false, false
	for i, r := range reqs {
		if i < g.direct && r.Name == next {
			direct = true
			pre = pre || slices.ContainsFunc(specs(r), func(s pep440.Specifier) bool { return parsed(s.Version).IsPrerelease() })
		}
	}
	if !slices.ContainsFunc(offered, func(o uv.Offered) bool { return !parsed(o.Version).IsPrerelease() }) {
		pre = true
	}
	slices.SortFunc(offered, func(a, b uv.Offered) int {
		d := parsed(a.Version).Compare(parsed(b.Version))
		if !direct {
			d = -d
		}
		liked := g.p.Preferences[next]
		if a.Version == liked || b.Version == liked {
			d = map[bool]int{true: -1, false: 1}[a.Version == liked]
		}
		return d
	})
	defer delete(g.at, next)
	for _, o := range offered {
		if fits, _ := g.p.Env.Fits(o.RequiresPython); !fits || parsed(o.Version).IsPrerelease() && !pre {
			continue
		}
		if m, err := meta(g.ctx, g.p.Offer, next, o.Version); err != nil || m == nil {
			if err != nil {
				return nil, err
			}
			continue
		} else if fits, _ := g.p.Env.Fits(m.RequiresPython); !fits {
			continue
		}
		g.at[next] = o.Version
		if out, err := g.solve(); out != nil || err != nil {
			return out, err
		}
	}
	return nil, nil
}
