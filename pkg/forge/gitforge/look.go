package gitforge

import (
	"context"
	"errors"
	"strings"

	"github.com/drydock-dev/drydock/pkg/forge"
)

// tombs is where the record of a closed branch is kept: an annotated tag of the last commit, whose message is the
// reason. It is no branch and no tag to people's eyes and to CI, is not fetched by default, and keeps the
// commit from being pruned.
const tombs = "refs/drydock/closed/"

// refs is what the remote shows, at one moment.
type refs struct {
	baseName, base string
	tip            string // of the branch asked for
	tomb, buried   string // its record of being closed, and the commit in it
}

// look asks the remote, for a branch too where one is named.
func (f *Forge) look(ctx context.Context, branch string) (refs, error) {
	doing := "look at " + f.remote.url
	args := []string{"ls-remote", "--quiet", "--symref", "--", f.remote.url, "HEAD"}
	if f.cfg.Branch != "" {
		args = append(args, "refs/heads/"+f.cfg.Branch)
	}
	if branch != "" {
		args = append(args, "refs/heads/"+branch, tombs+branch+"*")
	}
	out, err := f.call(ctx, call{doing: doing, net: true, limit: f.cfg.Limits.Look, args: args})
	if err != nil {
		return refs{}, err
	}
	seen, head := listing(out)
	r := refs{baseName: f.cfg.Branch, tip: seen["refs/heads/"+branch], tomb: seen[tombs+branch], buried: seen[tombs+branch+"^{}"]}
	if r.baseName == "" {
		r.baseName = strings.TrimPrefix(head, "refs/heads/")
		r.base = seen["HEAD"]
	} else {
		r.base = seen["refs/heads/"+r.baseName]
	}
	if r.base != "" && r.baseName != "" {
		if err := forge.CheckBranch(r.baseName); err != nil {
			return r, &forge.Error{Kind: forge.ErrContent, Doing: doing, Detail: "its base is no branch of ours: " + err.Error()}
		}
		return r, nil
	}
	return r, f.noBase(ctx, doing, r.baseName)
}

// noBase tells an empty repository from one whose base branch is another.
func (f *Forge) noBase(ctx context.Context, doing, name string) error {
	out, err := f.call(ctx, call{doing: doing, net: true, limit: f.cfg.Limits.Look, args: []string{"ls-remote", "--quiet", "--heads", "--", f.remote.url}})
	if err != nil {
		return err
	}
	seen, _ := listing(out)
	switch {
	case len(seen) == 0:
		return &forge.Error{Kind: forge.ErrEmpty, Doing: doing, Advice: "push a first commit"}
	case name == "":
		return &forge.Error{Kind: forge.ErrNoBase, Doing: doing, Detail: "the remote names no branch as its HEAD", Advice: "name the base branch in the configuration"}
	}
	return &forge.Error{Kind: forge.ErrNoBase, Doing: doing, Detail: "it has no branch " + name, Advice: "name the base branch in the configuration"}
}

// listing reads the lines of ls-remote, and the branch that HEAD refers to. What is no commit id is left out.
func listing(out []byte) (seen map[string]string, head string) {
	seen = map[string]string{}
	for line := range strings.SplitSeq(string(out), "\n") {
		id, name, ok := strings.Cut(line, "\t")
		if to, is := strings.CutPrefix(id, "ref: "); is && name == "HEAD" {
			head = to
		}
		if ok && forge.CheckCommit(id) == nil {
			seen[name] = id
		}
	}
	return seen, head
}

// checkAsk holds a branch and earlier commits to their forms.
func checkAsk(doing, branch string, l forge.Lease) error {
	err := forge.CheckBranch(branch)
	if err == nil && len(l.Commits) > maxKnown {
		err = errors.New("too many earlier commits")
	}
	for _, k := range l.Commits {
		if err == nil {
			err = forge.CheckCommit(k)
		}
	}
	if err != nil {
		return badInput(doing, err)
	}
	return nil
}
