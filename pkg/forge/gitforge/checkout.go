package gitforge

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/drydock-dev/drydock/pkg/forge"
)

// item is one path of a commit.
type item struct {
	mode, id, path string
	size           int64
	target         string // of a symbolic link
}

func (i item) link() bool      { return i.mode == "120000" }
func (i item) submodule() bool { return i.mode == "160000" }

// Checkout lists the commit, looks at all of it, and only then writes. It is done by this package, so that
// .gitattributes, filters, hooks, submodules and Git LFS have no say.
func (f *Forge) Checkout(ctx context.Context, commit, dir string) (*forge.Tree, error) {
	doing := fmt.Sprintf("check out %s of %s", clip(commit), f.remote.url)
	if err := forge.CheckCommit(commit); err != nil {
		return nil, badInput(doing, err)
	}
	var tree *forge.Tree
	err := f.objects.use(ctx, doing, commit, func(repo string) (err error) {
		if err = f.objects.need(ctx, doing, repo, commit); err == nil {
			tree, err = f.checkout(ctx, doing, repo, commit, dir)
		}
		return err
	})
	return tree, err
}

func (f *Forge) checkout(ctx context.Context, doing, repo, commit, dir string) (*forge.Tree, error) {
	items, err := f.list(ctx, doing, repo, commit)
	if err != nil {
		return nil, err
	}
	tree := &forge.Tree{Commit: commit}
	if err := f.measure(ctx, doing, repo, items); err != nil {
		return nil, err
	}
	if items, err = f.judge(ctx, doing, repo, items, tree); err != nil {
		return nil, err
	}
	made, err := emptyFolder(dir)
	if err != nil {
		return nil, badInput(doing, err)
	}
	if err := f.writeItems(ctx, doing, repo, items, dir, tree); err != nil {
		clearFolder(dir, made)
		return nil, err
	}
	return tree, nil
}

// list reads the paths of a commit, and refuses what leads outside.
func (f *Forge) list(ctx context.Context, doing, repo, commit string) ([]item, error) {
	var items []item
	kinds := map[string]bool{} // path → is it a folder
	_, err := f.call(ctx, call{doing: doing, repo: repo, limit: f.cfg.Limits.Transfer, args: []string{"ls-tree", "-r", "-z", "--full-tree", commit}, out: func(out io.Reader) error {
		s := bufio.NewScanner(out)
		s.Buffer(make([]byte, 0, 64<<10), 1<<20)
		s.Split(upToZero)
		for s.Scan() {
			if len(items) == f.cfg.Limits.Files {
				return &forge.Error{Kind: forge.ErrTooLarge, Doing: doing, Detail: fmt.Sprintf("more than %d files", f.cfg.Limits.Files), Advice: "raise git.limits.files"}
			}
			what, name, ok := strings.Cut(s.Text(), "\t")
			parts := strings.Fields(what)
			if !ok || len(parts) != 3 {
				return &forge.Error{Kind: forge.ErrFailed, Doing: doing, Detail: "git ls-tree answers " + clip(s.Text())}
			}
			if err := place(kinds, name); err != nil {
				return &forge.Error{Kind: forge.ErrContent, Doing: doing, Detail: err.Error()}
			}
			items = append(items, item{mode: parts[0], id: parts[2], path: name})
		}
		if err := s.Err(); err != nil {
			return &forge.Error{Kind: forge.ErrContent, Doing: doing, Detail: "a path of more than a megabyte", Cause: err}
		}
		return nil
	}})
	return items, err
}

// place notes a path; no two may be the same, nor one lead through another.
func place(kinds map[string]bool, name string) error {
	if err := forge.CheckPath(name); err != nil {
		return err
	}
	if _, twice := kinds[name]; twice {
		return fmt.Errorf("path %q stands there twice", clip(name))
	}
	kinds[name] = false
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		folder, known := kinds[dir]
		if known && !folder {
			return fmt.Errorf("path %q leads through a file", clip(name))
		}
		if known {
			break
		}
		kinds[dir] = true
	}
	return nil
}

func upToZero(data []byte, end bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return i + 1, data[:i], nil
	}
	if end && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// measure fills in sizes and holds them to the limits, before anything is written.
func (f *Forge) measure(ctx context.Context, doing, repo string, items []item) error {
	var ids []string
	var of []int
	for i, it := range items {
		if !it.submodule() {
			ids, of = append(ids, it.id), append(of, i)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var sum int64
	return f.batch(ctx, doing, repo, "--batch-check", ids, func(i int, kind string, size int64, _ io.Reader) error {
		it := &items[of[i]]
		switch {
		case kind == "missing", size > f.cfg.Limits.File: // the filter of the fetch left it out
			return &forge.Error{Kind: forge.ErrTooLarge, Doing: doing, Detail: fmt.Sprintf("%q has more than %d bytes", clip(it.path), f.cfg.Limits.File), Advice: "raise git.limits.file"}
		case kind != "blob":
			return &forge.Error{Kind: forge.ErrContent, Doing: doing, Detail: fmt.Sprintf("%q is a %s", clip(it.path), kind)}
		}
		it.size = size
		if sum += size; sum > f.cfg.Limits.Bytes {
			return &forge.Error{Kind: forge.ErrTooLarge, Doing: doing, Detail: fmt.Sprintf("more than %d bytes of files", f.cfg.Limits.Bytes), Advice: "raise git.limits.bytes"}
		}
		return nil
	})
}

// judge says what is left out, and what a reader should know.
func (f *Forge) judge(ctx context.Context, doing, repo string, items []item, tree *forge.Tree) ([]item, error) {
	if err := f.readLinks(ctx, doing, repo, items); err != nil {
		return nil, err
	}
	links := map[string]string{}
	for _, it := range items {
		if it.link() {
			links[it.path] = it.target
		}
	}
	var stay []item
	names := map[string]string{}
	for _, it := range items {
		switch {
		case it.submodule():
			tree.Left = append(tree.Left, forge.Remark{Path: it.path, Why: forge.Submodule})
			continue
		case it.link() && leadsOut(it.path, links):
			tree.Left = append(tree.Left, forge.Remark{Path: it.path, Why: forge.LinkOut + ": " + clip(it.target)})
			continue
		}
		for p := it.path; p != "."; p = path.Dir(p) {
			low := strings.ToLower(p)
			if other, ok := names[low]; ok && other != p {
				tree.Kept = append(tree.Kept, forge.Remark{Path: it.path, Why: forge.SameButCase + ": " + clip(other)})
				break
			}
			names[low] = p
		}
		stay = append(stay, it)
	}
	return stay, nil
}

func (f *Forge) readLinks(ctx context.Context, doing, repo string, items []item) error {
	var ids []string
	var of []int
	for i, it := range items {
		if !it.link() {
			continue
		}
		if it.size == 0 || it.size > 4095 {
			return &forge.Error{Kind: forge.ErrContent, Doing: doing, Detail: fmt.Sprintf("the symbolic link %q has a target of %d bytes", clip(it.path), it.size)}
		}
		ids, of = append(ids, it.id), append(of, i)
	}
	if len(ids) == 0 {
		return nil
	}
	return f.batch(ctx, doing, repo, "--batch", ids, func(i int, _ string, _ int64, r io.Reader) error {
		data, err := io.ReadAll(r)
		items[of[i]].target = string(data)
		if err == nil && bytes.IndexByte(data, 0) >= 0 {
			err = &forge.Error{Kind: forge.ErrContent, Doing: doing, Detail: fmt.Sprintf("the symbolic link %q has a zero byte in its target", clip(items[of[i]].path))}
		}
		return err
	})
}

// writeItems writes through an os.Root, which follows no link out of dir.
func (f *Forge) writeItems(ctx context.Context, doing, repo string, items []item, dir string, tree *forge.Tree) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return ioError(doing, err)
	}
	defer root.Close()
	var ids []string
	var files []item
	for _, it := range items {
		if d := path.Dir(it.path); d != "." {
			if err := root.MkdirAll(d, 0o755); err != nil {
				return writeError(doing, it, err)
			}
		}
		if !it.link() {
			ids, files = append(ids, it.id), append(files, it)
		}
	}
	if len(ids) > 0 {
		err := f.batch(ctx, doing, repo, "--batch", ids, func(i int, _ string, size int64, r io.Reader) error {
			pointer, err := writeFile(root, files[i], r)
			if pointer {
				tree.Kept = append(tree.Kept, forge.Remark{Path: files[i].path, Why: forge.LFSPointer})
			}
			tree.Files++
			tree.Bytes += size
			return writeError(doing, files[i], err)
		})
		if err != nil {
			return err
		}
	}
	for _, it := range items { // last, so that no file is written through one
		if it.link() {
			if err := root.Symlink(it.target, it.path); err != nil {
				return writeError(doing, it, err)
			}
			tree.Files++
		}
	}
	return nil
}

// writeFile writes one file and says whether it is a Git LFS pointer.
func writeFile(root *os.Root, it item, r io.Reader) (pointer bool, err error) {
	mode := fs.FileMode(0o644)
	if it.mode == "100755" {
		mode = 0o755
	}
	file, err := root.OpenFile(it.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return false, err
	}
	if it.size < lfsMost {
		var start bytes.Buffer
		r = io.TeeReader(r, &start)
		defer func() {
			pointer = bytes.HasPrefix(start.Bytes(), []byte("version https://git-lfs.github.com/spec/v1\n"))
		}()
	}
	_, err = io.Copy(file, r)
	if err == nil {
		err = file.Chmod(mode) // whatever the umask
	}
	if e := file.Close(); err == nil {
		err = e
	}
	return false, err
}

func writeError(doing string, it item, err error) error {
	if err == nil {
		return nil
	}
	e := ioError(doing, err).(*forge.Error)
	if e.Kind != forge.ErrDisk {
		e.Detail = fmt.Sprintf("%q can't be written: %v", clip(it.path), err)
	}
	if errors.Is(err, fs.ErrExist) {
		e.Kind, e.Advice = forge.ErrContent, "this file system takes two of its names for one"
	}
	return e
}

// emptyFolder makes dir, or sees that it is empty.
func emptyFolder(dir string) (made bool, err error) {
	if dir == "" {
		return false, errors.New("no folder is named")
	}
	err = os.Mkdir(dir, 0o755)
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("the folder %s is not empty", dir)
	}
	return false, err
}

func clearFolder(dir string, made bool) {
	if made {
		_ = os.RemoveAll(dir)
		return
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return
	}
	defer root.Close()
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		_ = root.RemoveAll(e.Name())
	}
}
