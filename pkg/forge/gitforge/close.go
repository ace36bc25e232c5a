package gitforge

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/drydock-dev/drydock/pkg/forge"
)

// Close keeps the reason where the repository is, then deletes the branch. Git has no comments: the reason is
// the message of an annotated tag of the last commit, outside the branches and tags that people see (tombs). A remote
// that refuses such references gets the deletion only, and Recorded says so.
func (f *Forge) Close(ctx context.Context, c forge.Closing) (forge.Closure, error) {
	doing := fmt.Sprintf("close %s in %s", clip(c.Branch), f.remote.url)
	if err := checkAsk(doing, c.Branch, c.Lease); err != nil {
		return forge.Closure{}, err
	}
	err := checkPerson("by", c.By)
	switch {
	case err != nil:
	case strings.TrimSpace(c.Reason) == "" || len(c.Reason) > maxMessage || !utf8.ValidString(c.Reason) || strings.ContainsRune(c.Reason, 0):
		err = fmt.Errorf("the reason is empty, no UTF-8 or longer than %d kB", maxMessage>>10)
	case c.Date.IsZero() || c.Date.Unix() < 0:
		err = errors.New("the date is missing, or before 1970")
	}
	if err != nil {
		return forge.Closure{}, badInput(doing, err)
	}
	r, err := f.look(ctx, c.Branch)
	switch {
	case err != nil:
		return forge.Closure{}, err
	case c.Branch == r.baseName:
		return forge.Closure{}, badInput(doing, errors.New("it is the base branch"))
	case r.tip == "":
		return forge.Closure{Already: true, Tip: r.buried, Recorded: r.buried != "" && slices.Contains(c.Lease.Commits, r.buried)}, nil
	}
	out := forge.Closure{Tip: r.tip}
	err = f.objects.use(ctx, doing, r.tip, func(repo string) error {
		if !slices.Contains(c.Lease.Commits, r.tip) {
			return f.touched(ctx, doing, repo, c.Branch, r.tip)
		}
		if err := f.bury(ctx, doing, repo, c, r); err == nil {
			out.Recorded = true
		} else if !errors.Is(err, forge.ErrRefused) && !errors.Is(err, forge.ErrOvertaken) {
			return err
		}
		return f.push(ctx, doing, repo, "", "refs/heads/"+c.Branch, r.tip)
	})
	return out, err
}

func (f *Forge) bury(ctx context.Context, doing, repo string, c forge.Closing, r refs) error {
	if err := f.objects.need(ctx, doing, repo, r.tip); err != nil {
		return err
	}
	at, zone := seconds(c.Date)
	tag := fmt.Sprintf("object %s\ntype commit\ntag closed/%s\ntagger %s <%s> %d %s\n\n%s\n", r.tip, c.Branch, c.By.Name, c.By.Email, at, zone, strings.TrimSpace(c.Reason))
	id, err := f.write(ctx, doing, repo, "tag", []byte(tag))
	if err != nil || id == r.tomb {
		return err
	}
	return f.push(ctx, doing+": keep the reason", repo, id, tombs+c.Branch, r.tomb)
}

// FastForward pushes the commit to the base. A push with a lease would also rewrite, so the commit has to be
// the child of what it replaces.
func (f *Forge) FastForward(ctx context.Context, commit, onto string) (forge.Merge, error) {
	doing := fmt.Sprintf("fast-forward to %s in %s", clip(commit), f.remote.url)
	if err := errors.Join(forge.CheckCommit(commit), forge.CheckCommit(onto)); err != nil {
		return forge.Merge{}, badInput(doing, err)
	}
	r, err := f.look(ctx, "")
	if err != nil {
		return forge.Merge{}, err
	}
	if r.base != onto {
		m, err := f.merged(ctx, doing, commit, r)
		if err == nil && m.How != forge.Contained {
			err = &forge.Error{Kind: forge.ErrBaseMoved, Doing: doing, Commit: r.base, Detail: fmt.Sprintf("%s shows %s, not %s", r.baseName, r.base, onto)}
		}
		return m, err
	}
	err = f.objects.use(ctx, doing, commit, func(repo string) error {
		if err := f.objects.need(ctx, doing, repo, commit); err != nil {
			return err
		}
		c, err := f.commit(ctx, doing, repo, commit)
		if err != nil {
			return err
		}
		if len(c.parents) != 1 || c.parents[0] != onto {
			return badInput(doing, fmt.Errorf("the commit is no child of %s alone", onto))
		}
		return f.push(ctx, doing, repo, commit, "refs/heads/"+r.baseName, onto)
	})
	var e *forge.Error
	if errors.As(err, &e) && e.Kind == forge.ErrOvertaken {
		e.Kind = forge.ErrBaseMoved
	}
	return forge.Merge{How: forge.Contained, By: commit, Base: commit, SameTree: true}, err
}

// each hands on what a split function finds.
func each(split bufio.SplitFunc, fn func(string)) func(io.Reader) error {
	return func(r io.Reader) error {
		s := bufio.NewScanner(r)
		s.Buffer(make([]byte, 0, 64<<10), 1<<20)
		s.Split(split)
		for s.Scan() {
			fn(s.Text())
		}
		return s.Err()
	}
}
