package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/scripts/plannerbench/world"
)

// verdict is a row of the table; every word of it comes from a program's answer.
type verdict struct {
	planner   string
	installs  string // yes | no
	coherent  string // pip check: yes | no | –
	clean     string
	change    difference
	hashes    string
	rest      string // everything but the changed pins is byte for byte the same
	phases    string // Drydock only: how many of its phase files install by themselves
	explained string
	remarks   []string
	wall      float64 // seconds

	good     bool     // installs, coherent, nothing left unsaid, hashes complete, all explained
	surprise []string // Drydock only: what is not as the situation expects
}

// judge installs a proposal in a fresh environment, scans what is installed and compares the pins.
func (b *bench) judge(ctx context.Context, s *situation, st stage, name string, p *proposal, before []finding) (*verdict, error) {
	v := &verdict{planner: name, remarks: p.remarks, wall: p.run.wall.Seconds(), installs: "no", coherent: "–", clean: "–"}
	old, err := readPins(filepath.Join(st.dir, "app"))
	if err != nil {
		return nil, err
	}
	now, err := readPins(p.dir)
	if err != nil {
		return nil, err
	}
	v.change = diffPins(old, now)
	if v.rest, err = restUntouched(filepath.Join(st.dir, "app"), p.dir, v.change); err != nil {
		return nil, err
	}
	v.explained = fmt.Sprintf("%d/%d", len(p.explained), len(before))
	if v.hashes, err = b.hashes(ctx, s, now); err != nil {
		return nil, err
	}
	if err := b.picked(ctx, s, v); err != nil {
		return nil, err
	}
	env := filepath.Join(st.dir, "env")
	o, err := b.install(ctx, s, st, p.dir, env)
	if err != nil {
		return nil, err
	}
	if o.code != 0 {
		v.remarks = append(v.remarks, "install: "+pipComplaint(o))
		return v, nil
	}
	v.installs = "yes"
	if o, err = b.pip(ctx, st.dir, "", env, "check"); err != nil {
		return nil, err
	}
	if v.coherent = "yes"; o.code != 0 {
		v.coherent = "no"
		v.remarks = append(v.remarks, "pip check: "+clip(strings.Split(strings.TrimSpace(o.stdout), "\n")[0]))
	}
	if err := b.rescan(ctx, st, env, p, v); err != nil {
		return nil, err
	}
	if err := b.unpinned(ctx, st, env, now, v); err != nil {
		return nil, err
	}
	v.good = v.coherent == "yes" && !strings.HasPrefix(v.clean, "no") && (v.hashes == "–" || v.hashes == "complete") && len(p.explained) == len(before)
	return v, nil
}

// install makes a fresh environment and installs the proposal with the customer's own installer.
func (b *bench) install(ctx context.Context, s *situation, st stage, dir, env string) (outcome, error) {
	if err := os.RemoveAll(env); err != nil {
		return outcome{}, fmt.Errorf("make a fresh environment: %w", err)
	}
	o, err := b.run(ctx, st.dir, nil, b.python, "-m", "venv", "--without-pip", env)
	if err != nil || o.code != 0 {
		return o, err
	}
	if s.Lock {
		return b.run(ctx, dir, []string{"UV_PROJECT_ENVIRONMENT=" + env, "UV_PYTHON=" + b.python, "UV_DEFAULT_INDEX=" + st.root + "simple/", "UV_PYTHON_DOWNLOADS=never", "UV_CACHE_DIR=" + filepath.Join(st.dir, "uv-cache")},
			b.uv, "sync", "--locked", "--no-install-project", "--no-progress")
	}
	args := []string{"install", "--quiet"}
	if s.Hashed {
		args = append(args, "--require-hashes")
	}
	for _, f := range s.Files {
		args = append(args, "-r", f)
	}
	return b.pip(ctx, dir, st.root, env, args...)
}

// phaseFiles lets pip resolve each requirements file Drydock wrote for a phase, each by itself, from nothing.
func (b *bench) phaseFiles(ctx context.Context, s *situation, st stage, v *verdict) error {
	files, _ := filepath.Glob(filepath.Join(st.dir, "plan", "requirements_*.txt")) // the pattern is well formed
	good := 0
	for _, f := range files {
		args := []string{"install", "--quiet", "--dry-run", "--ignore-installed", "-r", f}
		if s.Hashed {
			args = append(args, "--require-hashes")
		}
		o, err := b.pip(ctx, st.dir, st.root, filepath.Join(st.dir, "env"), args...)
		if err != nil {
			return err
		}
		if o.code == 0 {
			good++
		} else {
			v.surprise = append(v.surprise, fmt.Sprintf("%s does not install: %s", filepath.Base(f), pipComplaint(o)))
		}
	}
	v.phases = fmt.Sprintf("%d/%d", good, len(files))
	return nil
}

// rescan scans what is installed: clean, or only what the planner said it leaves.
func (b *bench) rescan(ctx context.Context, st stage, env string, p *proposal, v *verdict) error {
	left, err := b.scan(ctx, env, st.db, true)
	if err != nil {
		return err
	}
	var unsaid []string
	for _, f := range left {
		says := p.leaves[f.Package]
		if f.Kind == "malicious" {
			v.remarks = append(v.remarks, fmt.Sprintf("installs the malicious %s %s", f.Package, f.Version))
		}
		if !slices.Contains(says, f.Vulnerability) && !slices.Contains(says, "*") {
			unsaid = append(unsaid, fmt.Sprintf("%s %s", f.Package, f.Vulnerability))
		}
	}
	switch {
	case len(unsaid) > 0:
		slices.Sort(unsaid)
		unsaid = slices.Compact(unsaid)
		v.clean = fmt.Sprintf("no (%d)", len(unsaid))
		v.remarks = append(v.remarks, "left without a word: "+list(unsaid, 3))
	case len(left) > 0:
		v.clean = fmt.Sprintf("but %d, said", len(left))
	default:
		v.clean = "yes"
	}
	return nil
}

// unpinned notes what got installed though no manifest pins it.
func (b *bench) unpinned(ctx context.Context, st stage, env string, pins map[string]pin, v *verdict) error {
	o, err := b.pip(ctx, st.dir, "", env, "list", "--format", "json")
	if err != nil {
		return err
	}
	var installed []struct{ Name, Version string }
	if err := json.Unmarshal([]byte(o.stdout), &installed); err != nil {
		return fmt.Errorf("list what is installed: %s: %w", o.lastLine(), err)
	}
	var free []string
	for _, x := range installed {
		name := pep440.Normalize(x.Name)
		found := false
		for _, p := range pins {
			found = found || p.name == name
		}
		if !found {
			free = append(free, name)
		}
	}
	if len(free) > 0 {
		slices.Sort(free)
		v.remarks = append(v.remarks, "installed without a pin: "+list(free, 4))
	}
	return nil
}

// hashes compares the hashes of every pin with those of all its distributions on the index page.
func (b *bench) hashes(ctx context.Context, s *situation, pins map[string]pin) (string, error) {
	if !s.Hashed {
		return "–", nil
	}
	var stale, missing int
	for _, p := range pins {
		page, err := b.world.Files(ctx, s.name, p.name)
		if err != nil {
			return "", err
		}
		var want []string
		for _, f := range page {
			if same(world.Version(p.name, f), p.version) {
				want = append(want, f.Hashes["sha256"])
			}
		}
		foreign := slices.ContainsFunc(p.hashes, func(h string) bool { return !slices.Contains(want, h) })
		lacking := slices.ContainsFunc(want, func(h string) bool { return !slices.Contains(p.hashes, h) })
		switch {
		case foreign:
			stale++
		case lacking:
			missing++
		}
	}
	switch {
	case stale > 0:
		return fmt.Sprintf("no: %d of another release", stale), nil
	case missing > 0:
		return fmt.Sprintf("no: %d incomplete", missing), nil
	}
	return "complete", nil
}

// picked notes new pins that nobody should be given: yanked releases, pre-releases, releases of the same day.
func (b *bench) picked(ctx context.Context, s *situation, v *verdict) error {
	names := make([]string, 0, len(v.change.changed)+len(v.change.added))
	all := map[string]string{}
	for _, m := range []map[string]string{v.change.changed, v.change.added} {
		for n, to := range m {
			all[n] = to
			names = append(names, n)
		}
	}
	sort.Strings(names)
	for _, n := range names {
		if parsed, err := pep440.Parse(all[n]); err == nil && parsed.IsPrerelease() {
			v.remarks = append(v.remarks, fmt.Sprintf("picks the pre-release %s %s", n, all[n]))
		}
		page, err := b.world.Files(ctx, s.name, n)
		if err != nil {
			return err
		}
		found, alive := false, false
		published := s.Now
		for _, f := range page {
			if same(world.Version(n, f), all[n]) {
				found, alive = true, alive || !f.IsYanked()
				if f.Uploaded.Before(published) {
					published = f.Uploaded
				}
			}
		}
		if age := s.Now.Sub(published); found && age < 24*time.Hour {
			v.remarks = append(v.remarks, fmt.Sprintf("picks %s %s, %.0f hours old", n, all[n], age.Hours()))
		}
		if found && !alive {
			v.remarks = append(v.remarks, fmt.Sprintf("picks the yanked %s %s", n, all[n]))
		}
	}
	return nil
}

func same(a, b string) bool {
	x, err := pep440.Parse(a)
	y, err2 := pep440.Parse(b)
	return err == nil && err2 == nil && x.Equal(y)
}

func list(s []string, most int) string {
	if len(s) > most {
		return strings.Join(s[:most], ", ") + fmt.Sprintf(" and %d more", len(s)-most)
	}
	return strings.Join(s, ", ")
}

// surprises compares Drydock's answer with what the situation expects.
func surprises(s *situation, p *proposal, v *verdict) []string {
	var out []string
	got := map[string]string{}
	for n, to := range v.change.changed {
		got[n] = to
	}
	for n, to := range v.change.added {
		got[n] = to
	}
	for _, n := range v.change.removed {
		if _, ok := got[n]; !ok {
			got[n] = "-"
		}
	}
	for n, to := range s.Expect.Changes {
		if got[n] != to {
			out = append(out, fmt.Sprintf("%s: %q, expected %s", n, got[n], to))
		}
	}
	for n, to := range got {
		if s.Expect.Changes[n] == "" {
			out = append(out, fmt.Sprintf("%s changed to %s, expected to stay", n, to))
		}
	}
	for id, o := range p.outcomes {
		want := s.Expect.Leaves[id]
		if want == "" {
			want = "planned"
		}
		if o != want {
			out = append(out, fmt.Sprintf("%s: %s, expected %s", id, o, want))
		}
	}
	for id := range s.Expect.Leaves {
		if p.outcomes[id] == "" {
			out = append(out, id+": no outcome")
		}
	}
	if !v.good && !s.Expect.Broken {
		out = append(out, "the result is not good")
	}
	sort.Strings(out)
	return out
}
