package scanner

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/drydock-dev/drydock/pkg/inventory"
)

// requirements reads pip's requirements files (pip documentation, "Requirements File Format"). Options that
// would send pip elsewhere are noted, not obeyed.
type requirements struct{}

func (requirements) Kind() string { return "requirements" }

// Takes follows docs/formats.md, "What counts".
func (requirements) Takes(name string) bool {
	dir, base := path.Split(name)
	stem, ok := strings.CutSuffix(base, ".txt")
	return ok && (strings.HasPrefix(base, "requirements") || strings.HasSuffix(stem, "requirements") || path.Base(dir) == "requirements")
}

func (r requirements) Read(t *tree, name string) manifest {
	m := manifest{Kind: r.Kind(), Path: name, Ecosystem: "PyPI"}
	data, err := t.read(name, maxFile)
	if err == nil {
		m.Content = data
		parseRequirements(data, &m, t)
		return m
	}
	m.Unread = true
	m.incomplete(inventory.Unreadable, 0, fmt.Sprintf("%s: %v", name, err))
	return m
}

// parseRequirements fills m from the bytes of a file. t resolves includes; nil: by name only.
func parseRequirements(data []byte, m *manifest, t *tree) {
	text, err := decodeText(data)
	if err != nil {
		m.Unread = true
		m.incomplete(inventory.Unreadable, 0, fmt.Sprintf("%s: %v", m.Path, err))
		return
	}
	m.dropSecrets(text)
	f := &requirementsFile{m: m, t: t, dev: isDev(m.Path)}
	logicalLines(text, f.line)
	if t != nil {
		compiledFrom(text, m, t)
	}
}

type requirementsFile struct {
	m    *manifest
	t    *tree
	dev  bool
	full bool
	// included is what was named before, without the line: each counts once.
	included map[include]bool
}

func (f *requirementsFile) line(l logical) {
	if f.full {
		return
	}
	if len(f.m.Packages) >= maxPackages {
		f.full = true
		f.m.incomplete(inventory.Unparsed, l.number, fmt.Sprintf("more than %d requirements in one file", maxPackages))
		return
	}
	if len(l.text) > maxLine {
		f.unparsed(l, fmt.Errorf("a line of %d bytes is longer than %d", len(l.text), maxLine))
		return
	}
	args, opts, err := splitOptions(l.text)
	if err != nil {
		f.unparsed(l, err)
		return
	}
	if args != "" {
		f.requirement(l, args, opts)
		return
	}
	for _, o := range opts {
		f.option(l, o)
	}
}

// secretAddress finds user:password@ in any address, and user@ in one of http, where it is a token.
var secretAddress = regexp.MustCompile(`(?i)(?:https?://([^\s"'/@]+)|://([^\s"'/@:]*:[^\s"'/@]+))@`)

// holdsSecret reports whether an address in text carries what no log may show. What stands in for an environment
// variable is no secret.
func holdsSecret(text string) bool {
	for _, found := range secretAddress.FindAllStringSubmatch(text, -1) {
		if strings.Trim(variable.ReplaceAllString(found[1]+found[2], ""), ":") != "" {
			return true
		}
	}
	return false
}

// userinfo is what may be secret in a line that is not understood.
var userinfo = regexp.MustCompile(`://[^\s"']*@`)

func (f *requirementsFile) unparsed(l logical, err error) {
	if userinfo.MatchString(l.text) { // what quotes the line may have cut a password in two
		err = fmt.Errorf("%.80q is not understood", userinfo.ReplaceAllString(l.text, "://"))
	}
	f.m.incomplete(inventory.Unparsed, l.number, fmt.Sprintf("%s:%d: %v", f.m.Path, l.number, err))
}

// requirement adds a requirement and the options of its line.
func (f *requirementsFile) requirement(l logical, args string, opts []option) {
	p, err := parseRequirement(args)
	if err != nil {
		f.unparsed(l, err)
		return
	}
	for _, o := range opts {
		switch o.name {
		case "--hash":
			if h := strings.Replace(strings.ToLower(o.value), "=", ":", 1); isHash(h) {
				p.Hashes = append(p.Hashes, h)
			} else {
				f.unparsed(l, fmt.Errorf("%.80q is no hash; want ALGORITHM:HEX", o.value))
			}
		case "--config-settings", "--global-option", "--config-setting":
		default:
			f.unparsed(l, fmt.Errorf("option %s can't stand on the line of a requirement", o.name))
		}
	}
	f.add(l, p)
}

func (f *requirementsFile) add(l logical, p inventory.Package) {
	p.Line, p.Ecosystem, p.Dev, p.Direct = l.number, f.m.Ecosystem, f.dev, direct(l.via)
	if p.Reference == "" {
		f.m.Packages = append(f.m.Packages, p)
		return
	}
	if !printable(p.Reference) {
		f.unparsed(l, fmt.Errorf("%.80q holds control characters", p.Reference))
		return
	}
	f.m.incomplete(inventory.NotCovered, l.number, fmt.Sprintf("%s is not matched: no index vouches for what it is", p.Reference))
	if isName(p.Package) {
		f.m.Packages = append(f.m.Packages, p)
	} else {
		f.m.Uncovered++
	}
}

// direct is false where pip-compile says that only other packages ask for this one.
func direct(via []string) bool {
	if len(via) == 0 {
		return true
	}
	for _, v := range via {
		if strings.HasPrefix(v, "-r ") || strings.HasPrefix(v, "-c ") || strings.Contains(v, "(") || strings.HasSuffix(v, ".in") {
			if !strings.HasPrefix(v, "-c ") {
				return true
			}
		}
	}
	return false
}

// option handles the options that stand alone.
func (f *requirementsFile) option(l logical, o option) {
	switch o.name {
	case "--requirement", "--constraint":
		f.include(l, o.value, o.name == "--constraint")
	case "--editable":
		p, err := parseEditable(o.value)
		if err != nil {
			f.unparsed(l, err)
			return
		}
		f.add(l, p)
	case "--hash":
		f.unparsed(l, fmt.Errorf("--hash stands without a requirement"))
	default:
		note := o.name
		if o.value != "" {
			note += " " + cleanReference(o.value)
		}
		switch n := len(f.m.Notes); {
		case n < maxIncomplete:
			f.m.Notes = append(f.m.Notes, fmt.Sprintf("%s:%d: %s is not obeyed", f.m.Path, l.number, note))
		case n == maxIncomplete:
			f.m.Notes = append(f.m.Notes, fmt.Sprintf("%s: more options are not obeyed; not all are listed", f.m.Path))
		}
	}
}

// parseEditable reads the value of -e: a path or a URL, or a PEP 508 URL.
func parseEditable(value string) (inventory.Package, error) {
	if isURL(value) || !strings.Contains(value, "@") {
		bare, marker := cutMarker(value, ";")
		if !isURL(value) {
			bare, _, _ = strings.Cut(bare, "[")
		}
		return reference(bare, "", marker)
	}
	return parsePEP508(value)
}

// include names another file. pip reads it relative to the file that names it.
func (f *requirementsFile) include(l logical, value string, constraint bool) {
	refuse := func(why string) {
		f.m.incomplete(inventory.Unreadable, l.number, fmt.Sprintf("%s:%d: include %.200q %s", f.m.Path, l.number, cleanReference(value), why))
	}
	switch {
	case variable.MatchString(value):
		refuse("names an environment variable, which is not known here")
		return
	case isURL(value):
		refuse("is an address, not a file of the target; it is not fetched")
		return
	case path.IsAbs(value):
		refuse("lies outside of the target")
		return
	}
	name := path.Join(path.Dir(f.m.Path), value)
	if name == ".." || strings.HasPrefix(name, "../") {
		refuse("lies outside of the target")
		return
	}
	if f.t != nil {
		real, err := f.t.resolve(name)
		if err != nil {
			refuse(fmt.Sprintf("can't be read: %v", err))
			return
		}
		name = real
	}
	if inGit(name) {
		refuse("lies in .git, which is not read")
		return
	}
	if !printable(name) {
		refuse("has a name with control characters")
		return
	}
	i := include{Path: name, Constraint: constraint}
	if f.included[i] {
		return
	}
	if f.included == nil {
		f.included = map[include]bool{}
	}
	f.included[i] = true
	i.Line = l.number
	f.m.Includes = append(f.m.Includes, i)
}

// isDev guesses from the name of a file whether it is for development only.
func isDev(name string) bool {
	stem := strings.TrimSuffix(path.Base(name), path.Ext(name))
	for part := range strings.FieldsFuncSeq(stem, func(r rune) bool { return r == '-' || r == '_' || r == '.' }) {
		switch part {
		case "dev", "develop", "development", "test", "tests", "testing", "lint", "docs", "doc", "ci", "typing":
			return true
		}
	}
	return false
}
