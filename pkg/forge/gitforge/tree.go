package gitforge

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/forge"
)

// entry is one line of a tree object.
type entry struct {
	mode, name, id string
}

func (e entry) folder() bool { return e.mode == "40000" }

// parseTree reads a tree object (gitformat: mode, space, name, zero byte, raw id).
func parseTree(data []byte, raw int) ([]entry, error) {
	var out []entry
	for len(data) > 0 {
		head, rest, ok := bytes.Cut(data, []byte{0})
		mode, name, ok2 := strings.Cut(string(head), " ")
		if !ok || !ok2 || len(rest) < raw || name == "" {
			return nil, fmt.Errorf("a tree object that ends in the middle")
		}
		out = append(out, entry{mode: strings.TrimLeft(mode, "0"), name: name, id: hex.EncodeToString(rest[:raw])})
		data = rest[raw:]
	}
	return out, nil
}

// formatTree writes one, sorted as git wants it: folders as if their names ended with a slash.
func formatTree(entries []entry) ([]byte, error) {
	key := func(e entry) string {
		if e.folder() {
			return e.name + "/"
		}
		return e.name
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(key(a), key(b)) })
	var out bytes.Buffer
	for _, e := range entries {
		id, err := hex.DecodeString(e.id)
		if err != nil {
			return nil, fmt.Errorf("object %q: %w", e.id, err)
		}
		fmt.Fprintf(&out, "%s %s\x00%s", e.mode, e.name, id)
	}
	return out.Bytes(), nil
}

// edit returns the id of the tree with files changed; paths are relative to it. An index would do too, but
// git writes all paths of the base into one, and a hostile base has more than there is memory for.
func (f *Forge) edit(ctx context.Context, doing, repo, tree, prefix string, files map[string]forge.File) (string, error) {
	var entries []entry
	if tree != "" {
		data, err := f.object(ctx, doing, repo, "tree", tree, maxTree)
		if err != nil {
			return "", err
		}
		if entries, err = parseTree(data, len(tree)/2); err != nil {
			return "", &forge.Error{Kind: forge.ErrContent, Doing: doing, Detail: err.Error()}
		}
	}
	below := map[string]map[string]forge.File{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		top, rest, deeper := strings.Cut(name, "/")
		if deeper {
			if below[top] == nil {
				below[top] = map[string]forge.File{}
			}
			below[top][rest] = files[name]
			continue
		}
		var err error
		if entries, err = f.editFile(ctx, doing, repo, prefix, entries, top, files[name]); err != nil {
			return "", err
		}
	}
	for _, top := range slices.Sorted(maps.Keys(below)) {
		i := slices.IndexFunc(entries, func(e entry) bool { return e.name == top })
		old := ""
		if i >= 0 {
			if !entries[i].folder() {
				return "", badInput(doing, fmt.Errorf("%q is %s in the base, not a folder", prefix+top, kindOf(entries[i].mode)))
			}
			old = entries[i].id
		}
		id, err := f.edit(ctx, doing, repo, old, prefix+top+"/", below[top])
		switch {
		case err != nil:
			return "", err
		case i >= 0:
			entries = slices.Delete(entries, i, i+1)
		}
		if id != "" {
			entries = append(entries, entry{mode: "40000", name: top, id: id})
		}
	}
	if len(entries) == 0 && prefix != "" {
		return "", nil // git knows no empty folders
	}
	data, err := formatTree(entries)
	if err != nil {
		return "", err
	}
	return f.write(ctx, doing, repo, "tree", data)
}

// editFile puts one file into a tree's entries. An existing one keeps whether it may be executed.
func (f *Forge) editFile(ctx context.Context, doing, repo, prefix string, entries []entry, name string, file forge.File) ([]entry, error) {
	i := slices.IndexFunc(entries, func(e entry) bool { return e.name == name })
	mode := "100644"
	if i >= 0 {
		if mode = entries[i].mode; !strings.HasPrefix(mode, "100") {
			return nil, badInput(doing, fmt.Errorf("%q is %s in the base, not a file", prefix+name, kindOf(mode)))
		}
		entries = slices.Delete(entries, i, i+1)
	}
	if file.Delete {
		return entries, nil
	}
	id, err := f.write(ctx, doing, repo, "blob", file.Data)
	if err != nil {
		return nil, err
	}
	return append(entries, entry{mode: mode, name: name, id: id}), nil
}

// kindOf names what a mode stands for.
func kindOf(mode string) string {
	switch mode {
	case "40000", "040000":
		return "a folder"
	case "120000":
		return "a symbolic link"
	case "160000":
		return "a submodule"
	}
	return "a file"
}
