package gitforge

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/forge"
)

// Find looks at the branch, at the record of its closing, and, when neither says what happened, at the base.
func (f *Forge) Find(ctx context.Context, branch string, l forge.Lease) (forge.Found, error) {
	doing := fmt.Sprintf("look for %s in %s", clip(branch), f.remote.url)
	if err := checkAsk(doing, branch, l); err != nil {
		return forge.Found{}, err
	}
	known := l.Commits
	r, err := f.look(ctx, branch)
	if err != nil {
		return forge.Found{}, err
	}
	switch {
	case r.tip != "" && !slices.Contains(known, r.tip):
		return f.foundTouched(ctx, doing, branch, known, r)
	case r.tip == "" && len(known) == 0:
		return forge.Found{State: forge.Missing}, nil
	case r.tip == "" && slices.Contains(known, r.buried):
		reason, err := f.reason(ctx, doing, branch, r)
		return forge.Found{State: forge.Closed, Reason: reason}, err
	}
	last := r.tip
	if last == "" {
		last = known[len(known)-1]
	}
	m, err := f.merged(ctx, doing, last, r)
	switch {
	case r.tip == "" && !l.Seen && errors.Is(err, forge.ErrNoCommit):
		return forge.Found{State: forge.Missing}, nil // it was never pushed
	case err != nil:
		return forge.Found{}, err
	case m.How != forge.NotMerged:
		return forge.Found{State: forge.Merged, Tip: r.tip, Merge: m}, nil
	case r.tip == "" && !l.Seen:
		return forge.Found{State: forge.Missing}, nil
	case r.tip == "":
		return forge.Found{State: forge.Deleted}, nil
	}
	return forge.Found{State: forge.Ours, Tip: r.tip}, nil
}

// foundTouched tells a branch that a person went on with from one that was merged after that.
func (f *Forge) foundTouched(ctx context.Context, doing, branch string, known []string, r refs) (forge.Found, error) {
	if len(known) > 0 {
		m, err := f.merged(ctx, doing, known[len(known)-1], r)
		if err == nil && m.How == forge.Contained {
			return forge.Found{State: forge.Merged, Tip: r.tip, Merge: m}, nil
		}
		if err != nil && !errors.Is(err, forge.ErrNoCommit) {
			return forge.Found{}, err
		}
	}
	out := forge.Found{State: forge.Touched, Tip: r.tip}
	err := f.objects.use(ctx, doing, r.tip, func(repo string) error { return f.touched(ctx, doing, repo, branch, r.tip) })
	var e *forge.Error
	if !errors.As(err, &e) || !errors.Is(err, forge.ErrTouched) {
		return forge.Found{}, err
	}
	out.By = e.By
	return out, nil
}

// reason reads the record of a closed branch.
func (f *Forge) reason(ctx context.Context, doing, branch string, r refs) (string, error) {
	var reason string
	err := f.objects.use(ctx, doing, r.tomb, func(repo string) error {
		if err := f.objects.need(ctx, doing, repo, r.tomb); err != nil {
			return err
		}
		data, err := f.object(ctx, doing, repo, "tag", r.tomb, maxMessage+64<<10)
		if err != nil {
			return err
		}
		_, text, _ := strings.Cut(string(data), "\n\n")
		text, _, _ = strings.Cut(text, "\n-----BEGIN ")
		reason = strings.TrimSpace(strings.ToValidUTF8(text, "?"))
		return nil
	})
	return reason, err
}

// Merged looks whether the base's history has the commit, or another one with the same files.
func (f *Forge) Merged(ctx context.Context, commit string) (forge.Merge, error) {
	doing := fmt.Sprintf("look whether %s is in the base of %s", clip(commit), f.remote.url)
	if err := forge.CheckCommit(commit); err != nil {
		return forge.Merge{}, badInput(doing, err)
	}
	r, err := f.look(ctx, "")
	if err != nil {
		return forge.Merge{}, err
	}
	return f.merged(ctx, doing, commit, r)
}

func (f *Forge) merged(ctx context.Context, doing, commit string, r refs) (forge.Merge, error) {
	m := forge.Merge{Base: r.base}
	if r.base == commit {
		m.How, m.By, m.SameTree = forge.Contained, commit, true
		return m, nil
	}
	// What is proposed: its files, and the commit it was made on.
	var ours commitOf
	since := int64(0)
	err := f.objects.use(ctx, doing, commit, func(repo string) (err error) {
		if err = f.objects.need(ctx, doing, repo, commit); err == nil {
			ours, err = f.commit(ctx, doing, repo, commit)
		}
		if err != nil || len(ours.parents) != 1 || ours.parents[0] == r.base {
			return err
		}
		if err := f.objects.need(ctx, doing, repo, ours.parents[0]); err != nil {
			return ignore(err, forge.ErrNoCommit) // the base was rewritten: all of it is looked at
		}
		made, err := f.commit(ctx, doing, repo, ours.parents[0])
		since = max(0, min(made.at, ours.at)-skew)
		return err
	})
	if err != nil {
		return m, err
	}
	if len(ours.parents) == 1 && ours.parents[0] == r.base {
		return m, nil // the base has not moved
	}
	err = f.history.use(ctx, doing, commit, func(repo string) error {
		if err := f.history.fetchLine(ctx, doing, repo, r.base, since); err != nil {
			return err
		}
		return f.inHistory(ctx, doing, repo, commit, ours, &m)
	})
	if err != nil || m.How != forge.NotMerged || len(ours.parents) != 1 {
		return m, err
	}
	same, err := f.sameFiles(ctx, doing, commit, ours, r.base)
	if same {
		m.How, m.By = forge.Content, r.base
	}
	return m, err
}

// inHistory walks the base's own line, newest first, down to the commit or to the one it was made on.
func (f *Forge) inHistory(ctx context.Context, doing, repo, commit string, ours commitOf, m *forge.Merge) error {
	err := f.ancestor(ctx, doing, repo, commit, m.Base)
	if err == nil {
		return f.brought(ctx, doing, repo, commit, ours, m)
	}
	if !errors.Is(err, errNotAncestor) || len(ours.parents) != 1 {
		return ignore(err, errNotAncestor)
	}
	// A base that was rewritten has nothing to do with what was validated.
	if err := f.ancestor(ctx, doing, repo, ours.parents[0], m.Base); err != nil {
		return ignore(err, errNotAncestor)
	}
	return f.line(ctx, doing, repo, []string{"--first-parent", m.Base, "^" + ours.parents[0]}, func(id, tree string) {
		if tree == ours.tree {
			m.How, m.By, m.SameTree = forge.Content, id, true
		}
	})
}

// brought finds the commit of the base's own line that brought a commit which is in its history: the oldest
// that descends from it, or the commit itself.
func (f *Forge) brought(ctx context.Context, doing, repo, commit string, ours commitOf, m *forge.Merge) error {
	m.How, m.By, m.SameTree = forge.Contained, commit, true
	descends := map[string]bool{}
	err := f.line(ctx, doing, repo, []string{"--ancestry-path", m.Base, "^" + commit}, func(id, _ string) { descends[id] = true })
	if err != nil {
		return err
	}
	err = f.line(ctx, doing, repo, []string{"--first-parent", m.Base, "^" + commit}, func(id, tree string) {
		if descends[id] {
			m.By, m.SameTree = id, tree == ours.tree
		}
	})
	if err != nil || m.By == commit {
		return err
	}
	before, err := f.call(ctx, call{doing: doing, repo: repo, args: []string{"rev-parse", "--verify", "--quiet", m.By + "^1"}})
	if err == nil && strings.TrimSpace(string(before)) == commit { // it is on the line itself
		m.By, m.SameTree = commit, true
	}
	return err
}

// line lists commits and their trees.
func (f *Forge) line(ctx context.Context, doing, repo string, args []string, fn func(id, tree string)) error {
	_, err := f.call(ctx, call{doing: doing, repo: repo, args: append([]string{"rev-list", "--format=%H %T"}, args...), out: each(bufio.ScanLines, func(line string) {
		if id, tree, ok := strings.Cut(line, " "); ok && id != "commit" {
			fn(id, tree)
		}
	})})
	return err
}

func ignore(err, what error) error {
	if errors.Is(err, what) {
		return nil
	}
	return err
}

var errNotAncestor = errors.New("not an ancestor")

func (f *Forge) ancestor(ctx context.Context, doing, repo, a, b string) error {
	out, err := f.call(ctx, call{doing: doing, repo: repo, args: []string{"cat-file", "--batch-check=%(objecttype)"}, in: strings.NewReader(a + "\n")})
	if err != nil {
		return err
	}
	if strings.TrimSpace(string(out)) != "commit" {
		return errNotAncestor // all of the base's commits are here
	}
	out, err = f.call(ctx, call{doing: doing, repo: repo, args: []string{"rev-list", "--max-count=1", a, "^" + b}})
	if err == nil && len(out) > 0 {
		err = errNotAncestor
	}
	return err
}

// sameFiles says whether each file that the commit changed stands in the base as the commit has it.
func (f *Forge) sameFiles(ctx context.Context, doing, commit string, ours commitOf, base string) (same bool, err error) {
	err = f.objects.use(ctx, doing, commit, func(repo string) error {
		for _, id := range []string{commit, ours.parents[0], base} {
			if err := f.objects.need(ctx, doing, repo, id); err != nil {
				return err
			}
		}
		changed, err := f.differ(ctx, doing, repo, ours.parents[0], commit)
		if err != nil || len(changed) == 0 {
			return err
		}
		apart, err := f.differ(ctx, doing, repo, commit, base)
		if err != nil {
			return err
		}
		same = true
		for name := range changed {
			same = same && !apart[name]
		}
		return nil
	})
	return same, err
}

// differ lists the paths in which two commits differ, without looking into files.
func (f *Forge) differ(ctx context.Context, doing, repo, a, b string) (map[string]bool, error) {
	out := map[string]bool{}
	_, err := f.call(ctx, call{doing: doing, repo: repo, args: []string{"diff-tree", "-r", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--name-only", "--ignore-submodules=all", a, b},
		out: each(upToZero, func(name string) { out[name] = true })})
	return out, err
}
