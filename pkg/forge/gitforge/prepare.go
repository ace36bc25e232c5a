package gitforge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/drydock-dev/drydock/pkg/forge"
)

// Prepare computes the commit in our cache. The same proposal gives the same commit with any version of git.
func (f *Forge) Prepare(ctx context.Context, p forge.Proposal) (forge.Prepared, error) {
	doing := "prepare " + clip(p.Branch)
	if err := checkProposal(p); err != nil {
		return forge.Prepared{}, badInput(doing, err)
	}
	var out forge.Prepared
	err := f.objects.use(ctx, doing, p.Base, func(repo string) (err error) {
		out, err = f.prepare(ctx, doing, repo, p)
		return err
	})
	return out, err
}

func (f *Forge) prepare(ctx context.Context, doing, repo string, p forge.Proposal) (forge.Prepared, error) {
	if err := f.objects.need(ctx, fmt.Sprintf("%s: fetch its base %s", doing, p.Base), repo, p.Base); err != nil {
		return forge.Prepared{}, err
	}
	base, err := f.commit(ctx, doing, repo, p.Base)
	if err != nil {
		return forge.Prepared{}, err
	}
	files := make(map[string]forge.File, len(p.Files))
	for _, file := range p.Files {
		files[file.Path] = file
	}
	tree, err := f.edit(ctx, doing, repo, base.tree, "", files)
	if err != nil {
		return forge.Prepared{}, err
	}
	if tree == base.tree {
		return forge.Prepared{Commit: p.Base, Tree: tree}, nil
	}
	id, err := f.write(ctx, doing, repo, "commit", formatCommit(p, tree))
	if err != nil {
		return forge.Prepared{}, err
	}
	return forge.Prepared{Commit: id, Tree: tree, Changed: true}, f.objects.keep(ctx, repo, id)
}

// formatCommit writes the commit object.
func formatCommit(p forge.Proposal, tree string) []byte {
	committer := p.Committer
	if committer == (forge.Person{}) {
		committer = p.Author
	}
	at, zone := seconds(p.Date)
	var b bytes.Buffer
	fmt.Fprintf(&b, "tree %s\nparent %s\n", tree, p.Base)
	fmt.Fprintf(&b, "author %s <%s> %d %s\n", p.Author.Name, p.Author.Email, at, zone)
	fmt.Fprintf(&b, "committer %s <%s> %d %s\n", committer.Name, committer.Email, at, zone)
	fmt.Fprintf(&b, "\n%s\n", strings.TrimRight(p.Message, "\n"))
	return b.Bytes()
}

func checkProposal(p forge.Proposal) error {
	if err := errors.Join(forge.CheckBranch(p.Branch), forge.CheckCommit(p.Base), checkPerson("author", p.Author)); err != nil {
		return err
	}
	if p.Committer != (forge.Person{}) {
		if err := checkPerson("committer", p.Committer); err != nil {
			return err
		}
	}
	switch {
	case p.Date.Unix() < 0 || p.Date.IsZero():
		return errors.New("the date is missing, or before 1970")
	case strings.TrimSpace(p.Message) == "" || len(p.Message) > maxMessage || !utf8.ValidString(p.Message) || strings.ContainsRune(p.Message, 0):
		return fmt.Errorf("the message is empty, no UTF-8 or longer than %d kB", maxMessage>>10)
	case len(p.Files) > maxChanged:
		return fmt.Errorf("%d files are changed, more than %d", len(p.Files), maxChanged)
	}
	if err := checkAsk("", p.Branch, p.Lease); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, f := range p.Files {
		if err := forge.CheckPath(f.Path); err != nil {
			return err
		}
		if seen[f.Path] {
			return fmt.Errorf("%q is changed twice", f.Path)
		}
		seen[f.Path] = true
	}
	return nil
}

// checkPerson holds a person to what a commit's line can carry.
func checkPerson(what string, p forge.Person) error {
	for _, s := range []string{p.Name, p.Email} {
		if s == "" || strings.TrimSpace(s) != s || len(s) > 200 || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '<' || r == '>' }) {
			return fmt.Errorf("%s: want a name and an address without <, > and control characters, got %q and %q", what, p.Name, p.Email)
		}
	}
	return nil
}
