package scanner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep440"
)

// distributions reads what is installed in a Python environment from its metadata (PEP 376, 610, 627); Python
// is not run. One task is one installed distribution, so that a broken one costs itself only.
type distributions struct{}

func (distributions) Kind() string { return "environment" }

// Takes is never true: discovery in an environment is another one, discoverEnvironment.
func (distributions) Takes(string) bool { return false }

// siteFolders are where installers put packages below a prefix; * stands for a folder called python3.N.
var siteFolders = []string{"lib/*/site-packages", "lib64/*/site-packages", "Lib/site-packages", "lib/*/dist-packages", "local/lib/*/dist-packages",
	"lib/python3/dist-packages", "local/lib/*/site-packages", "site-packages"}

// discoverEnvironment lists the installed distributions below a prefix or in a site-packages folder.
func discoverEnvironment(t *tree) ([]task, found) {
	d := &discovery{t: t}
	var tasks []task
	sites := d.sites()
	for _, site := range sites {
		entries, err := t.list(site)
		if err != nil {
			d.unreadable(site, fmt.Sprintf("folder can't be listed: %v", err))
			continue
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".pth") && !strings.HasPrefix(e.Name(), ".") {
				d.paths(site, e.Name())
			}
			if name := path.Join(site, e.Name()); isDistribution(e.Name()) {
				if !printable(name) {
					d.unreadable(name, "the name holds characters that can't be shown")
					continue
				}
				tasks = append(tasks, task{Kind: distributions{}.Kind(), Path: name})
			}
		}
	}
	if len(tasks) > maxPackages {
		d.unreadable("", fmt.Sprintf("%d distributions are more than the limit of %d", len(tasks), maxPackages))
		tasks = tasks[:maxPackages]
	}
	d.venv(sites)
	d.result.Tasks = len(tasks)
	return tasks, d.result
}

// sites finds the folders of packages, each once, whatever links lead to it.
func (d *discovery) sites() []string {
	var sites []string
	seen := map[string]bool{}
	add := func(name string) {
		real, err := d.t.resolve(name)
		switch {
		case d.absent(name):
		case err != nil:
			d.unreadable(name, fmt.Sprintf("folder of packages can't be read: %v", err))
		case !seen[real]:
			seen[real] = true
			sites = append(sites, real)
		}
	}
	if d.isSite() {
		add(".")
	}
	for _, pattern := range siteFolders {
		parent, rest, ok := strings.Cut(pattern, "/*/")
		if !ok {
			add(pattern)
			continue
		}
		if d.absent(parent) {
			continue
		}
		entries, err := d.t.list(parent)
		if err != nil {
			d.unreadable(parent, fmt.Sprintf("folder can't be listed: %v", err))
			continue
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), "python3") || strings.HasPrefix(e.Name(), "pypy3") {
				add(path.Join(parent, e.Name(), rest))
			}
		}
	}
	sortBy(sites, func(s string) string { return s })
	return sites
}

// isSite reports whether the root itself is a folder of packages.
func (d *discovery) isSite() bool {
	if base := path.Base(d.t.real); base == "site-packages" || base == "dist-packages" {
		return true
	}
	entries, err := d.t.list(".")
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return isDistribution(e.Name()) })
}

// absent reports whether there is no folder called name; one that can't be looked at, or lies outside of the
// target, is not absent.
func (d *discovery) absent(name string) bool {
	info, err := d.t.root.Stat(filepath.FromSlash(name))
	return errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir()
}

// hides reports whether the folder called name, not site, has packages or can't be looked at.
func (d *discovery) hides(site, name string) bool {
	if d.absent(name) {
		return false
	}
	real, err := d.t.resolve(name)
	if err != nil {
		return true
	}
	entries, err := d.t.list(real)
	return err != nil || real != site && slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return isDistribution(e.Name()) })
}

// paths reports the folders that a .pth file adds to those Python imports from (documentation of the site
// module): what lies there is not looked at. Lines that are code are not run.
func (d *discovery) paths(site, name string) {
	file := path.Join(site, name)
	data, err := d.t.read(file, maxGitFile)
	if err != nil {
		d.unreadable(file, err.Error())
		return
	}
	for line := range strings.Lines(strings.TrimPrefix(string(data), "\ufeff")) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || strings.HasPrefix(line, "import ") || strings.HasPrefix(line, "import\t") {
			continue
		}
		if !path.IsAbs(line) && !d.hides(site, path.Join(site, line)) {
			continue
		}
		if len(d.result.Incomplete) < maxIncomplete {
			d.result.Incomplete = append(d.result.Incomplete, inventory.Incomplete{Reason: inventory.NotCovered, Source: cleanText(file), Ecosystem: "PyPI",
				Detail: cleanText(fmt.Sprintf("packages are imported from %.200s too, which is not looked at; scan that folder as well", line))})
		}
	}
}

// venv reads what pyvenv.cfg and the layout say of the interpreter.
func (d *discovery) venv(sites []string) {
	config, err := d.t.read("pyvenv.cfg", maxGitFile)
	if err != nil {
		for _, s := range sites {
			if _, v, ok := strings.Cut(path.Base(path.Dir(s)), "python"); ok && strings.Contains(v, ".") && pythonNumber.MatchString(v) {
				d.result.Python = v
			}
		}
		return
	}
	for line := range strings.Lines(string(config)) {
		key, value, _ := strings.Cut(line, "=")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "version", "version_info":
			if n := leadingVersion(value); n != "" {
				d.result.Python = n
			}
		case "include-system-site-packages":
			if strings.EqualFold(value, "true") {
				d.result.Incomplete = append(d.result.Incomplete, inventory.Incomplete{Reason: inventory.NotCovered, Source: "pyvenv.cfg", Ecosystem: "PyPI",
					Detail: "include-system-site-packages: the packages of the system's Python are seen too, and lie outside of the target; scan that prefix as well"})
			}
		}
	}
}

func isDistribution(name string) bool {
	switch path.Ext(name) {
	case ".dist-info", ".egg-info", ".egg", ".egg-link":
		return true
	}
	return false
}

func (s distributions) Read(t *tree, name string) manifest {
	m := manifest{Kind: s.Kind(), Path: name, Site: path.Dir(name), Ecosystem: "PyPI"}
	base := path.Base(name)
	unparsed := func(why string) manifest {
		m.Unread = true
		m.incomplete(inventory.Unparsed, 0, fmt.Sprintf("%s: %s", name, why))
		return m
	}
	metadata := path.Join(name, "METADATA")
	switch {
	case strings.HasPrefix(base, "~"):
		return unparsed("is left over from an interrupted uninstallation; remove it")
	case path.Ext(base) == ".egg-link":
		m.incomplete(inventory.NotCovered, 0, fmt.Sprintf("%s: is a development installation of a folder elsewhere", name))
		m.Uncovered++
		return m
	case path.Ext(base) == ".egg":
		metadata = path.Join(name, "EGG-INFO", "PKG-INFO")
		if !t.isDir(name) {
			return unparsed("is a zipped egg, which is not opened; reinstall the package with pip")
		}
	case path.Ext(base) == ".egg-info":
		if metadata = name; t.isDir(name) {
			metadata = path.Join(name, "PKG-INFO")
		}
	}
	data, err := t.read(metadata, maxFile)
	if err != nil {
		return unparsed(fmt.Sprintf("no metadata: %v", err))
	}
	p, err := parseMetadata(data)
	if err != nil {
		return unparsed(err.Error())
	}
	p.Direct = t.exists(path.Join(name, "REQUESTED"))
	s.origin(t, name, &m, &p)
	m.Packages = append(m.Packages, p)
	return m
}

// origin reads direct_url.json (PEP 610): what was not installed from an index is not matched by name.
func (distributions) origin(t *tree, name string, m *manifest, p *inventory.Package) {
	file := path.Join(name, "direct_url.json")
	if !t.exists(file) {
		return
	}
	var direct struct {
		URL string `json:"url"`
	}
	data, err := t.read(file, maxGitFile)
	if err == nil {
		err = json.Unmarshal(data, &direct)
	}
	if err != nil || direct.URL == "" || !printable(direct.URL) {
		direct.URL = "an unknown place"
	}
	p.Reference = cleanReference(direct.URL)
	m.incomplete(inventory.NotCovered, 0, fmt.Sprintf("%s %s was installed from %s: no index vouches for what it is", p.Package, p.Version, p.Reference))
	p.Version, p.Pin = "", inventory.None
}

// parseMetadata reads name and version from the header of core metadata (PyPA, "Core metadata
// specifications"), the format of e-mail.
func parseMetadata(data []byte) (inventory.Package, error) {
	p := inventory.Package{Ecosystem: "PyPI", Pin: inventory.Exact}
	name := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break // the description follows
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok || line[0] == ' ' || line[0] == '\t' {
			continue // goes on from the line above
		}
		value = strings.TrimSpace(value)
		switch {
		case strings.EqualFold(key, "Name") && name == "":
			name = value
		case strings.EqualFold(key, "Version") && p.Version == "":
			p.Version = value
		}
	}
	p.Package = pep440.Normalize(name)
	switch {
	case name == "":
		return p, fmt.Errorf("the metadata names no package")
	case !isName(p.Package) || len(p.Package) > 200:
		return p, fmt.Errorf("%.100q is no package name", name)
	case p.Version == "":
		return p, fmt.Errorf("the metadata of %s has no version", p.Package)
	case !isWord(p.Version):
		return p, fmt.Errorf("%.100q is no version of %s", p.Version, p.Package)
	}
	return p, nil
}
