package waiver

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

// document is the file.
type document struct {
	Schema  string          `yaml:"schema"`
	Longest policy.Duration `yaml:"longest"` // may only shorten what is configured
	Waivers []entry         `yaml:"waivers"`

	longest time.Duration
}

// entry is one waiver as written.
type entry struct {
	ID            string              `yaml:"id"`
	Application   application.Pattern `yaml:"application"`
	Ecosystem     ecosystem           `yaml:"ecosystem"`
	Package       string              `yaml:"package"`
	Version       *string             `yaml:"version"`
	Vulnerability string              `yaml:"vulnerability"`
	Owner         string              `yaml:"owner"`
	Justification string              `yaml:"justification"`
	Control       string              `yaml:"control"`
	ApprovedBy    string              `yaml:"approved_by"`
	Granted       time.Time           `yaml:"granted"`
	Expires       strictyaml.Until    `yaml:"expires"`
	Malicious     bool                `yaml:"malicious"`
}

// ecosystem is OSV's name of one that Drydock reads.
type ecosystem string

// Allowed are those there are.
func (ecosystem) Allowed() []string {
	return []string{pypi, "npm", "Go", "crates.io", "Maven", "NuGet", "RubyGems", "Packagist"}
}

// Parse reads a file of waivers none of which ends later than [Longest] after its grant; name stands for the
// file in errors, of which *strictyaml.Errors lists all problems.
func Parse(name string, data []byte) (*List, error) { return Limited(name, data, Longest) }

// Limited is [Parse] with another limit in place of [Longest]. A `longest` in the file counts where it is
// shorter.
func Limited(name string, data []byte, longest time.Duration) (*List, error) {
	doc := document{longest: longest}
	if err := strictyaml.Decode(name, data, &doc); err != nil {
		return nil, err
	}
	l := &List{byPackage: map[string][]*Waiver{}, text: slices.Clone(data)}
	for _, e := range doc.Waivers {
		w := e.waiver()
		l.all = append(l.all, w)
		k := key(w.Ecosystem, w.Package)
		l.byPackage[k] = append(l.byPackage[k], w)
	}
	slices.SortFunc(l.all, func(a, b *Waiver) int { return strings.Compare(a.ID, b.ID) })
	return l, nil
}

func (e entry) waiver() *Waiver {
	w := &Waiver{ID: e.ID, Application: string(e.Application), Ecosystem: e.in(), Package: e.Package, Vulnerability: e.Vulnerability,
		Owner: strings.TrimSpace(e.Owner), Justification: strings.TrimSpace(e.Justification), Control: strings.TrimSpace(e.Control),
		ApprovedBy: strings.TrimSpace(e.ApprovedBy), Granted: e.Granted, Expires: e.Expires.Time, Malicious: e.Malicious}
	if w.Ecosystem == pypi {
		w.Package = pep440.Normalize(w.Package)
	}
	if e.Version != nil {
		w.Version = strings.TrimSpace(*e.Version)
		if w.Ecosystem == pypi {
			w.versions, _ = pep440.ParseSpecifiers(w.Version) // it was checked
		}
	}
	return w
}

func (e entry) in() string {
	if e.Ecosystem == "" {
		return pypi
	}
	return string(e.Ecosystem)
}

// Validate checks what the form of the file can't say.
func (d *document) Validate() []strictyaml.Problem {
	c := &checker{}
	if d.Schema != "" && d.Schema != Schema {
		c.add("schema", []string{Schema}, "%q is not a schema this Drydock reads", d.Schema)
	}
	if d.Waivers == nil {
		c.add("waivers", nil, "missing: say `waivers: []` where there are none, so that a file cut short is no list without waivers")
	}
	longest := d.longest
	if own := time.Duration(d.Longest); own > 0 {
		longest = min(longest, own)
	}
	ids := map[string]int{}
	for i, e := range d.Waivers {
		path := fmt.Sprintf("waivers[%d]", i)
		c.identity(path, e)
		c.person(path+".owner", e.Owner, "who answers for the risk")
		c.text(path+".justification", e.Justification, "why the risk can be taken")
		c.text(path+".control", e.Control, "the compensating control that holds the risk down meanwhile")
		c.person(path+".approved_by", e.ApprovedBy, "a second person who agreed")
		if samePerson(e.Owner, e.ApprovedBy) {
			c.add(path+".approved_by", nil, "%q is the owner: a second person has to agree", strings.TrimSpace(e.ApprovedBy))
		}
		c.times(path, e, longest)
		if first, twice := ids[strings.ToLower(e.ID)]; twice && e.ID != "" {
			c.add(path+".id", nil, "%q is the id of waivers[%d] already", e.ID, first)
		} else {
			ids[strings.ToLower(e.ID)] = i
		}
	}
	return c.found
}

type checker struct{ found []strictyaml.Problem }

func (c *checker) add(path string, allowed []string, format string, args ...any) {
	c.found = append(c.found, strictyaml.Problem{Path: path, Message: fmt.Sprintf(format, args...), Allowed: allowed})
}

var (
	idForm      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	pypiForm    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`) // PEP 508
	packageForm = regexp.MustCompile(`^[A-Za-z0-9@._~/:+-]+$`)
	// An advisory's id is a word of its database, then more: CVE-2024-1, GHSA-m2qf-hxjv-5gpq, openSUSE-SU-2020:0051-1.
	vulnerabilityForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9.:_]+)+$`)
)

// identity checks what the waiver speaks of.
func (c *checker) identity(path string, e entry) {
	switch {
	case e.ID == "":
		c.add(path+".id", nil, "missing: a name of its own, such as W-2026-014")
	case !idForm.MatchString(e.ID):
		c.add(path+".id", nil, "%q: want at most 64 of letters, digits, '.', '_' and '-'", clip(e.ID))
	}
	if e.Application == "" {
		c.add(path+".application", nil, "missing: the name of an application, or how names begin and a star")
	}
	form := packageForm
	if e.in() == pypi {
		form = pypiForm
	}
	switch {
	case e.Package == "":
		c.add(path+".package", nil, "missing: the package whose risk is accepted")
	case len(e.Package) > maxName || !form.MatchString(e.Package):
		c.add(path+".package", nil, "%q can't be the name of a package (%s); a waiver is for one", clip(e.Package), e.in())
	}
	switch {
	case e.Vulnerability == "":
		c.add(path+".vulnerability", nil, "missing: the id of the vulnerability")
	case strings.ContainsAny(e.Vulnerability, "*?[]"):
		c.add(path+".vulnerability", nil, "%q: a waiver accepts one vulnerability somebody looked at; wildcards would accept those nobody knows yet", clip(e.Vulnerability))
	case len(e.Vulnerability) > maxName || !vulnerabilityForm.MatchString(e.Vulnerability):
		c.add(path+".vulnerability", nil, "%q is not an id such as CVE-2024-56201 or GHSA-m2qf-hxjv-5gpq", clip(e.Vulnerability))
	case strings.HasPrefix(strings.ToUpper(e.Vulnerability), "MAL-") && !e.Malicious:
		c.add(path+".vulnerability", nil, "%s says that the package is malicious: such a risk is accepted only with `malicious: true`", e.Vulnerability)
	}
	if e.Version != nil {
		c.version(path+".version", *e.Version, e.in())
	}
}

func (c *checker) version(path, text, ecosystem string) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		c.add(path, nil, "empty: leave it out to mean every version")
	case len(text) > maxName:
		c.add(path, nil, "longer than %d bytes", maxName)
	case ecosystem != pypi:
		if rest, ok := strings.CutPrefix(text, "=="); !ok || rest == "" || strings.ContainsAny(rest, "=<>~!*, \t") {
			c.add(path, nil, "%q: outside PyPI versions are only compared for equality: want == and the version as it is written", text)
		}
	default:
		if _, err := pep440.ParseSpecifiers(text); err != nil {
			c.add(path, nil, "%s", err)
		}
	}
}

func (c *checker) times(path string, e entry, longest time.Duration) {
	if e.Granted.IsZero() {
		c.add(path+".granted", nil, "missing: the day from which it counts")
	}
	switch {
	case e.Expires.IsZero():
		c.add(path+".expires", nil, "missing: no risk is accepted for ever")
	case e.Granted.IsZero():
	case !e.Expires.After(e.Granted):
		c.add(path+".expires", nil, "it ends (%s) before it begins (%s)", moment(e.Expires.Time), moment(e.Granted))
	case e.Expires.Sub(e.Granted) > longest:
		c.add(path+".expires", nil, "it ends (%s) later than %s after it was granted (%s), which is the longest a risk may be accepted without looking at it again",
			moment(e.Expires.Time), policy.Duration(longest), moment(e.Granted))
	}
}

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// person checks what names a person. Signs that can't be seen are refused: they would make one person two.
func (c *checker) person(path, text, what string) {
	c.text(path, text, what)
	unseen := func(r rune) bool { return !unicode.IsPrint(r) && !unicode.IsSpace(r) || unicode.Is(blank, r) }
	switch {
	case strings.ContainsFunc(text, unseen):
		c.add(path, nil, "%+q has signs that can't be seen", clip(text))
	case accentApart(text):
		c.add(path, nil, "%+q has an accent as a sign of its own: write the letter with it as one, or two spellings would look like one person", clip(text))
	case len(text) > maxName:
		c.add(path, nil, "longer than %d bytes", maxName)
	}
}

// nothing are the words people write where they have nothing to say.
var nothing = map[string]bool{"todo": true, "tbd": true, "fixme": true, "n/a": true, "na": true, "none": true, "unknown": true, "nobody": true}

func (c *checker) text(path, text, what string) {
	said := strings.ToLower(strings.TrimSpace(text))
	switch {
	case said == "":
		c.add(path, nil, "missing: %s", what)
	case nothing[said], !strings.ContainsFunc(said, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }):
		c.add(path, nil, "%q says nothing: want %s", clip(said), what)
	case len(text) > maxText:
		c.add(path, nil, "%d bytes are more than the %d there is room for", len(text), maxText)
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		c.add(path, nil, "it has control characters")
	}
}

// clip keeps a message readable.
func clip(text string) string {
	if len(text) > 80 {
		return strings.ToValidUTF8(text[:80], "") + "…"
	}
	return text
}
