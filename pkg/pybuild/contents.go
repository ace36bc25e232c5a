package pybuild

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/wheel"
)

// contents is what a wheel would put where: places in the environment by path, each with what it holds as far as that
// tells two apart. "site/" stands for its site-packages.
type contents struct {
	name   wheel.Name
	file   string // its name
	places map[string]string
	size   int64
	sum    string // sha256:…
}

// read looks into a wheel without unpacking it. uv leaves out what would be written outside of the environment and
// says nothing; a wheel that tries is refused here. The format is that of PEP 427.
func read(at, file string) (*contents, error) {
	name, err := wheel.Parse(file)
	if err != nil {
		return nil, &Error{Kind: BadWheel, Text: "read the name of a wheel", Cause: err}
	}
	bad := func(kind Kind, format string, args ...any) error {
		return &Error{Kind: kind, Package: name.Distribution, Text: file + ": " + fmt.Sprintf(format, args...)}
	}
	z, err := zip.OpenReader(at)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, bad(BadWheel, "it is no zip file that can be read (%v): the index has a broken file; ask whoever runs it, or pin another version", err)
	}
	defer func() { _ = z.Close() }() // only read
	if len(z.File) > maxEntries {
		return nil, bad(BadWheel, "it holds %d files, at most %d", len(z.File), maxEntries)
	}
	c := &contents{name: name, file: file, places: map[string]string{}}
	infos := map[string]bool{}
	for _, f := range z.File {
		p := strings.TrimSuffix(f.Name, "/")
		if !inside(p) {
			return nil, bad(Escapes, "it writes to %.200q, outside of the environment: do not install it, and report it to the index", f.Name)
		}
		if f.UncompressedSize64 > 1<<50 || c.size > 1<<50 {
			return nil, bad(Full, "it says of itself that it is larger than any disk: it is not a wheel to install")
		}
		c.size += int64(f.UncompressedSize64)
		top, rest, _ := strings.Cut(p, "/")
		if strings.HasSuffix(top, ".dist-info") && rest != "" {
			infos[top] = true
		}
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		to, own := goes(p)
		if own {
			return nil, bad(Escapes, "it replaces %s of the environment itself: do not install it, and report it to the index", to)
		}
		c.places[to] = fmt.Sprintf("%08x %d", f.CRC32, f.UncompressedSize64)
		if rest == "entry_points.txt" && strings.HasSuffix(top, ".dist-info") {
			if err := c.points(f); err != nil {
				return nil, bad(BadWheel, "read its entry points: %v", err)
			}
		}
	}
	if len(infos) != 1 || !describes(infos, name) {
		return nil, bad(BadWheel, "it must hold exactly one folder NAME-VERSION.dist-info, of its own name and version: it has %d; pin another version", len(infos))
	}
	return c, nil
}

// inside is true of a clean relative path.
func inside(p string) bool {
	return p != "" && p != "." && p == path.Clean(p) && p[0] != '/' && p != ".." && !strings.HasPrefix(p, "../") && !strings.ContainsAny(p, "\\\x00\n\r")
}

func describes(infos map[string]bool, name wheel.Name) bool {
	for dir := range infos {
		distribution, version, ok := strings.Cut(strings.TrimSuffix(dir, ".dist-info"), "-")
		v, err := pep440.Parse(strings.ReplaceAll(version, "_", "-"))
		if !ok || err != nil || pep440.Normalize(distribution) != name.Distribution || v.String() != name.Version {
			return false
		}
	}
	return true
}

// goes is where a file of a wheel goes (PEP 427, "What's the deal with purelib vs. platlib": NAME.data/KEY/…), and
// whether that is the environment's own.
func goes(p string) (to string, own bool) {
	top, rest, _ := strings.Cut(p, "/")
	if !strings.HasSuffix(top, ".data") {
		return "site/" + p, false
	}
	key, rest, _ := strings.Cut(rest, "/")
	switch key {
	case "purelib", "platlib":
		return "site/" + rest, false
	case "scripts":
		to = "bin/" + rest
	case "headers":
		to = "include/" + p
	default:
		to = rest
		if at := sitePackages.FindString(to); at != "" {
			return "site/" + to[len(at):], false
		}
	}
	return to, ownPlace(to)
}

var sitePackages = regexp.MustCompile(`^lib(64)?/python3\.\d+/site-packages/`)

// ownPlace is what makes an environment that of its interpreter (PEP 405), and what uv puts beside.
func ownPlace(to string) bool {
	name, inBin := strings.CutPrefix(to, "bin/")
	if top, _, _ := strings.Cut(to, "/"); top == ".cache" || top == ".venv" { // where it is made
		return true
	}
	return to == "pyvenv.cfg" || to == "bin" || to == "lib" || to == "lib64" || strings.HasPrefix(to, "lib64/") || to == "include" || to == ".lock" ||
		inBin && (strings.HasPrefix(name, "python") && strings.Trim(name[len("python"):], "0123456789.tdw") == "" || strings.HasPrefix(name, "activate"))
}

// points adds the programs that entry points ask for.
func (c *contents) points(f *zip.File) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(r, maxPoints+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	if len(data) > maxPoints {
		return fmt.Errorf("they have more than %d bytes", maxPoints)
	}
	section := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = strings.Trim(line, "[] ")
			continue
		}
		name, _, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !ok || section != "console_scripts" && section != "gui_scripts" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		if !inside(name) || strings.Contains(name, "/") || ownPlace("bin/"+name) {
			return fmt.Errorf("a program of the name %.80q would replace one of the environment, or lie outside of it", name)
		}
		c.places["bin/"+name] = "made for " + c.file
	}
	return nil
}

// inOrder says which wheels may be installed at once, and which one by one after them because they hold a file that
// an earlier one holds too, with other content: who comes last wins, and that must not be left to chance.
func inOrder(all []*contents) (rounds [][]*contents, notes []string) {
	slices.SortFunc(all, func(a, b *contents) int { return strings.Compare(a.file, b.file) })
	type owner struct {
		content string
		first   *contents
	}
	owners := map[string]owner{}
	rounds = [][]*contents{nil}
	for _, c := range all {
		clash, with := "", (*contents)(nil)
		for _, p := range slices.Sorted(maps.Keys(c.places)) {
			o, taken := owners[p]
			if !taken {
				owners[p] = owner{c.places[p], c}
			} else if o.content != c.places[p] && clash == "" {
				clash, with = p, o.first
			}
		}
		if clash == "" {
			rounds[0] = append(rounds[0], c)
			continue
		}
		rounds = append(rounds, []*contents{c})
		notes = append(notes, fmt.Sprintf("%s and %s both hold %s, and not the same: that of %s is installed", with.name.Distribution, c.name.Distribution, strings.TrimPrefix(clash, "site/"), c.name.Distribution))
	}
	return rounds, notes
}
