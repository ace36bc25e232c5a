package gitforge

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/drydock-dev/drydock/pkg/forge"
)

// object reads one object of our cache into memory.
func (f *Forge) object(ctx context.Context, doing, repo, kind, id string, most int64) ([]byte, error) {
	var data []byte
	err := f.batch(ctx, doing, repo, "--batch", []string{id}, func(_ int, is string, size int64, r io.Reader) error {
		switch {
		case is == "missing":
			return &forge.Error{Kind: forge.ErrNoCommit, Doing: doing, Detail: kind + " " + id + " is not there"}
		case is != kind:
			return &forge.Error{Kind: forge.ErrNoCommit, Doing: doing, Detail: fmt.Sprintf("%s is a %s, not a %s", id, is, kind)}
		case size > most:
			return &forge.Error{Kind: forge.ErrTooLarge, Doing: doing, Detail: fmt.Sprintf("%s %s has %d bytes", kind, id, size)}
		}
		data = make([]byte, size)
		_, err := io.ReadFull(r, data)
		return err
	})
	return data, err
}

// batch has cat-file tell of objects in the order of ids: kind, size and, with --batch, content. A kind of
// "missing" has neither. each need not read all of the content.
func (f *Forge) batch(ctx context.Context, doing, repo, how string, ids []string, each func(i int, kind string, size int64, r io.Reader) error) error {
	left := -1
	_, err := f.call(ctx, call{doing: doing, repo: repo, limit: f.cfg.Limits.Transfer, in: strings.NewReader(strings.Join(ids, "\n") + "\n"),
		args: []string{"cat-file", "--buffer", how}, out: func(out io.Reader) error {
			r := bufio.NewReaderSize(out, 64<<10)
			for i, id := range ids {
				line, err := r.ReadString('\n')
				if errors.Is(err, io.EOF) && line == "" {
					left = i
					return nil // the exit code tells more
				}
				if err != nil {
					return &forge.Error{Kind: forge.ErrFailed, Doing: doing, Detail: "git cat-file ended in the middle", Cause: err}
				}
				parts := strings.Fields(line)
				if len(parts) == 2 && parts[1] == "missing" {
					if err := each(i, "missing", 0, bytes.NewReader(nil)); err != nil {
						return err
					}
					continue
				}
				if len(parts) != 3 || parts[0] != id {
					return &forge.Error{Kind: forge.ErrFailed, Doing: doing, Detail: "git cat-file answers " + clip(line)}
				}
				size, err := strconv.ParseInt(parts[2], 10, 64)
				if err != nil {
					return &forge.Error{Kind: forge.ErrFailed, Doing: doing, Detail: "git cat-file answers " + clip(line), Cause: err}
				}
				if how != "--batch" {
					if err := each(i, parts[1], size, nil); err != nil {
						return err
					}
					continue
				}
				content := &io.LimitedReader{R: r, N: size}
				if err := each(i, parts[1], size, content); err != nil {
					return err
				}
				if _, err := io.CopyN(io.Discard, r, content.N+1); err != nil {
					return &forge.Error{Kind: forge.ErrFailed, Doing: doing, Detail: "git cat-file ended in the middle", Cause: err}
				}
			}
			return nil
		}})
	var e *forge.Error
	switch {
	case left >= 0 && err == nil:
		return &forge.Error{Kind: forge.ErrFailed, Doing: doing, Detail: "git cat-file ended in the middle"}
	case left >= 0 && errors.As(err, &e) && strings.Contains(e.Detail, "promisor remote"):
		return each(left, "missing", 0, bytes.NewReader(nil)) // the fetch's filter left it out
	}
	return err
}

// write stores an object as it is: no filter, no end of line is changed. git checks its form.
func (f *Forge) write(ctx context.Context, doing, repo, kind string, data []byte) (string, error) {
	out, err := f.call(ctx, call{doing: doing, repo: repo, args: []string{"hash-object", "-t", kind, "-w", "--stdin"}, in: bytes.NewReader(data)})
	id := strings.TrimSpace(string(out))
	if err == nil {
		err = forge.CheckCommit(id)
	}
	return id, err
}

// commitOf is what a commit object says.
type commitOf struct {
	tree    string
	parents []string
	author  forge.Person
	at      int64 // when it was committed, as it says itself
}

func (f *Forge) commit(ctx context.Context, doing, repo, id string) (commitOf, error) {
	data, err := f.object(ctx, doing, repo, "commit", id, maxMessage+64<<10)
	if err != nil {
		return commitOf{}, err
	}
	var c commitOf
	for line := range strings.SplitSeq(string(data), "\n") {
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "tree":
			c.tree = value
		case "parent":
			c.parents = append(c.parents, value)
		case "committer":
			if parts := strings.Fields(value); len(parts) >= 2 {
				c.at, _ = strconv.ParseInt(parts[len(parts)-2], 10, 64)
			}
		case "author":
			name, rest, _ := strings.Cut(value, " <")
			mail, _, _ := strings.Cut(rest, ">")
			c.author = forge.Person{Name: clip(name), Email: clip(mail)}
		case "":
			return c, nil
		}
	}
	return c, nil
}
