package scanner

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/drydock-dev/drydock/pkg/inventory"
)

// skipped directories are never what an application declares (docs/formats.md, "What counts").
var skipped = map[string]bool{".git": true, "site-packages": true, "node_modules": true, "__pycache__": true, ".tox": true}

// discovery walks the tree and collects tasks.
type discovery struct {
	t       *tree
	entries int
	files   []string // regular files a source takes
	links   []string // links with a name a source takes
	result  found
}

// discover lists what counts below the root, in the order of names.
func discover(t *tree) ([]task, found) {
	d := &discovery{t: t}
	d.walk(".", 0)
	var tasks []task
	seen := map[string]bool{}
	for _, name := range d.files {
		seen[name] = true
		tasks = append(tasks, task{Kind: sourceOf(name, false).Kind(), Path: name})
	}
	for _, name := range d.links {
		real, err := t.resolve(name)
		switch {
		case err != nil:
			d.unreadable(name, fmt.Sprintf("link %v", err))
		case inGit(real):
			d.unreadable(name, "link leads into .git, not followed")
		case seen[real]:
		case t.isDir(real):
		default:
			seen[real] = true // the file itself, so that it is read once under one name
			tasks = append(tasks, task{Kind: sourceOf(name, false).Kind(), Path: real})
		}
	}
	slices.SortFunc(tasks, func(a, b task) int { return cmp.Compare(a.Path, b.Path) })
	if len(tasks) > maxManifests {
		d.unreadable("", fmt.Sprintf("%d manifests are more than the limit of %d; scan the folders one by one", len(tasks), maxManifests))
		tasks = tasks[:maxManifests]
	}
	d.result.Tasks = len(tasks)
	d.result.Python = declaredPython(t)
	return tasks, d.result
}

func (d *discovery) walk(dir string, depth int) {
	if depth > maxDepth {
		d.unreadable(dir, fmt.Sprintf("folders nested more than %d deep are not read", maxDepth))
		return
	}
	entries, err := d.t.list(dir)
	if err != nil {
		d.unreadable(dir, fmt.Sprintf("folder can't be listed: %v", err))
		return
	}
	for _, e := range entries {
		if e.Name() == "pyvenv.cfg" && dir != "." {
			return // a virtual environment
		}
	}
	for _, e := range entries {
		if d.entries++; d.entries > maxEntries {
			if d.entries == maxEntries+1 {
				d.unreadable("", fmt.Sprintf("more than %d files and folders; scan the folders one by one", maxEntries))
			}
			return
		}
		d.entry(dir, e, depth)
	}
}

func (d *discovery) entry(dir string, e fs.DirEntry, depth int) {
	name := path.Join(dir, e.Name())
	switch {
	case e.IsDir():
		if !skipped[e.Name()] {
			d.walk(name, depth+1)
		}
	case e.Type()&fs.ModeSymlink != 0 && e.Name() == "requirements":
		d.linkedFolder(name)
	case sourceOf(name, false) == nil:
	case !printable(name):
		d.unreadable(strconv.QuoteToASCII(name), "the name holds characters that can't be shown")
	case e.Type()&fs.ModeSymlink != 0:
		d.links = append(d.links, name)
	default:
		d.files = append(d.files, name)
	}
}

// inGit reports whether a name lies in a repository's own folder. Its files may hold a token, and what is wrong
// with a line is quoted in reports: a manifest must not get them read.
func inGit(name string) bool {
	return slices.Contains(strings.Split(strings.ToLower(name), "/"), ".git")
}

// linkedFolder looks into a link called requirements: the folder it leads to is walked under its own name,
// where *.txt does not count.
func (d *discovery) linkedFolder(name string) {
	real, err := d.t.resolve(name)
	if err != nil {
		d.unreadable(name, fmt.Sprintf("link %v", err))
		return
	}
	if !d.t.isDir(real) {
		return
	}
	entries, err := d.t.list(real)
	if err != nil {
		d.unreadable(name, fmt.Sprintf("folder can't be listed: %v", err))
		return
	}
	for _, e := range entries {
		if file := path.Join(name, e.Name()); !e.IsDir() && printable(file) && sourceOf(file, false) != nil {
			d.links = append(d.links, file)
		}
	}
}

func (d *discovery) unreadable(source, detail string) {
	if source == "." {
		source = ""
	}
	if !printable(source) {
		source = strconv.QuoteToASCII(source)
	}
	if len(d.result.Incomplete) < maxIncomplete {
		d.result.Incomplete = append(d.result.Incomplete, inventory.Incomplete{Reason: inventory.Unreadable, Source: source, Detail: detail})
	}
}

func sortBy[T any, K cmp.Ordered](s []T, key func(T) K) {
	slices.SortStableFunc(s, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
}
