package gitforge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/forge"
)

// Propose pushes the commit, if the branch does not show it yet.
func (f *Forge) Propose(ctx context.Context, p forge.Proposal) (forge.Proposed, error) {
	doing := fmt.Sprintf("propose %s to %s", clip(p.Branch), f.remote.url)
	if err := checkProposal(p); err != nil {
		return forge.Proposed{}, badInput(doing, err)
	}
	var out forge.Proposed
	err := f.objects.use(ctx, doing, p.Base, func(repo string) (err error) {
		out, err = f.propose(ctx, doing, repo, p)
		return err
	})
	return out, err
}

func (f *Forge) propose(ctx context.Context, doing, repo string, p forge.Proposal) (forge.Proposed, error) {
	r, err := f.look(ctx, p.Branch)
	if err != nil {
		return forge.Proposed{}, err
	}
	if p.Branch == r.baseName {
		return forge.Proposed{}, badInput(doing, errors.New("it is the base branch"))
	}
	ready, err := f.prepare(ctx, doing, repo, p)
	if err != nil {
		return forge.Proposed{}, err
	}
	out := forge.Proposed{Prepared: ready, Previous: r.tip}
	switch {
	case !ready.Changed:
		out.Outcome = forge.Nothing
		return out, nil
	case r.tip == ready.Commit:
		out.Outcome = forge.Unchanged
		return out, nil
	case r.base != p.Base:
		return forge.Proposed{}, &forge.Error{Kind: forge.ErrBaseMoved, Doing: doing, Commit: r.base, Detail: fmt.Sprintf("%s shows %s, not %s", r.baseName, r.base, p.Base)}
	case r.tip != "" && !slices.Contains(p.Lease.Commits, r.tip):
		return forge.Proposed{}, f.touched(ctx, doing, repo, p.Branch, r.tip)
	case r.tip == "" && p.Lease.Seen && !slices.Contains(p.Lease.Commits, r.buried):
		return forge.Proposed{}, &forge.Error{Kind: forge.ErrDeleted, Doing: doing, Detail: p.Branch + " was there and is not", Advice: "it is not pushed again for this change"}
	}
	out.Outcome = forge.Updated
	if r.tip == "" {
		out.Outcome = forge.Created
	}
	err = f.push(ctx, doing, repo, ready.Commit, "refs/heads/"+p.Branch, r.tip)
	return out, err
}

// touched is the error for a branch that shows a commit of somebody else, with whom it names.
func (f *Forge) touched(ctx context.Context, doing, repo, branch, tip string) error {
	e := &forge.Error{Kind: forge.ErrTouched, Doing: doing, Commit: tip, Advice: "it is left alone: merge it, or delete it to have a new one proposed"}
	if err := f.objects.need(ctx, doing, repo, tip); err == nil {
		if c, err := f.commit(ctx, doing, repo, tip); err == nil {
			e.By = c.author
		}
	} else if errors.Is(err, errKilled) {
		return err
	}
	e.Detail = fmt.Sprintf("%s shows %s", branch, tip)
	if e.By.Name != "" {
		e.Detail += " by " + e.By.Name
	}
	return e
}

// push sets a reference of the remote from the commit it showed (empty: none) to another (empty: none). The
// remote compares and sets in one step. When the answer is an error, or lost, the remote is asked what it shows now.
func (f *Forge) push(ctx context.Context, doing, repo, commit, ref, from string) error {
	out, err := f.call(ctx, call{doing: doing, repo: repo, net: true, limit: f.cfg.Limits.Transfer,
		args: []string{"push", "--quiet", "--porcelain", "--no-verify", "--no-signed", "--recurse-submodules=no", "--force-with-lease=" + ref + ":" + from, "--", f.remote.url, commit + ":" + ref}})
	var failed *forge.Error
	if err == nil || !errors.As(err, &failed) || errors.Is(err, forge.ErrDisk) && commit != "" && len(out) == 0 {
		return err
	}
	now, again := f.shows(ctx, ref)
	why, refused := rejection(string(f.hidden.hide(out)), ref)
	switch {
	case again != nil:
		return err
	case now == commit:
		return nil // it was done, and the answer lost
	case now != from:
		return &forge.Error{Kind: forge.ErrOvertaken, Doing: doing, Commit: now, Detail: fmt.Sprintf("%s was %s and is %s", ref, orNone(from), orNone(now)), Cause: failed.Cause}
	case refused && failed.Kind != forge.ErrNoAccess && failed.Kind != forge.ErrDisk:
		advice := "a rule or hook of the repository says no: allow Drydock's branches there"
		if strings.Contains(failed.Detail, "' exists; cannot create '") { // git keeps a/b below a
			advice = "a branch stands where git needs a folder for this one: rename or remove it"
		}
		said := slices.DeleteFunc(strings.Split(failed.Detail, "; "), func(s string) bool { return strings.HasPrefix(s, "failed to push some refs to '") })
		return &forge.Error{Kind: forge.ErrRefused, Doing: doing, Detail: clip(strings.Join(append([]string{why}, said...), ": ")), Advice: advice, Cause: failed.Cause}
	}
	return err
}

func orNone(id string) string {
	if id == "" {
		return "not there"
	}
	return id
}

// shows is the commit a reference of the remote shows.
func (f *Forge) shows(ctx context.Context, ref string) (string, error) {
	out, err := f.call(ctx, call{doing: "look at " + f.remote.url, net: true, limit: f.cfg.Limits.Look, args: []string{"ls-remote", "--quiet", "--", f.remote.url, ref}})
	seen, _ := listing(out)
	return seen[ref], err
}

// rejection finds the line of git push --porcelain that refuses the reference: "!", from:to, "[…] (reason)".
func rejection(out, ref string) (string, bool) {
	for line := range strings.SplitSeq(out, "\n") {
		parts := strings.Split(line, "\t")
		if len(parts) == 3 && strings.TrimSpace(parts[0]) == "!" && strings.HasSuffix(parts[1], ":"+ref) {
			return parts[2], true
		}
	}
	return "", false
}
