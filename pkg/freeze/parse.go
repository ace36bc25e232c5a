package freeze

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

// document is the file.
type document struct {
	Schema  string  `yaml:"schema"`
	Zone    string  `yaml:"zone"` // of dates; UTC by default
	Freezes []entry `yaml:"freezes"`
}

// entry is one freeze as written.
type entry struct {
	Name         string                `yaml:"name"`
	Reason       string                `yaml:"reason"`
	Owner        string                `yaml:"owner"`
	Applications []application.Pattern `yaml:"applications"`
	Classes      []policy.ClassName    `yaml:"classes"`
	Zone         string                `yaml:"zone"` // in place of the file's
	From         written               `yaml:"from"`
	Until        written               `yaml:"until"`
}

// Parse reads a file of freezes; name stands for the file in errors, of which *strictyaml.Errors lists all
// problems.
func Parse(name string, data []byte) (*List, error) {
	var doc document
	if err := strictyaml.Decode(name, data, &doc); err != nil {
		return nil, err
	}
	l := &List{text: slices.Clone(data)}
	for _, e := range doc.Freezes {
		zone, _ := load(cmp.Or(e.Zone, doc.Zone)) // it was checked
		f := Freeze{Name: e.Name, Reason: strings.TrimSpace(e.Reason), Owner: strings.TrimSpace(e.Owner), From: e.From.begins(zone), Until: e.Until.ends(zone)}
		for _, p := range e.Applications {
			f.Applications = append(f.Applications, string(p))
		}
		for _, c := range e.Classes {
			f.Classes = append(f.Classes, string(c))
		}
		l.all = append(l.all, f)
	}
	slices.SortFunc(l.all, func(a, b Freeze) int { return cmp.Or(a.From.Compare(b.From), strings.Compare(a.Name, b.Name)) })
	return l, nil
}

func load(zone string) (*time.Location, error) {
	if zone == "" {
		return time.UTC, nil
	}
	if zone == "Local" { // it would be another on each machine
		return nil, fmt.Errorf("%q is no zone", zone)
	}
	return time.LoadLocation(zone)
}

// Validate checks what the form of the file can't say.
func (d *document) Validate() []strictyaml.Problem {
	c := &checker{}
	if d.Schema != "" && d.Schema != Schema {
		c.add("schema", []string{Schema}, "%q is not a schema this Drydock reads", d.Schema)
	}
	if d.Freezes == nil {
		c.add("freezes", nil, "missing: say `freezes: []` where there are none, so that a file cut short ends no freeze")
	}
	c.zone("zone", d.Zone)
	names := map[string]int{}
	for i, e := range d.Freezes {
		path := fmt.Sprintf("freezes[%d]", i)
		switch first, twice := names[strings.ToLower(e.Name)]; {
		case e.Name == "":
			c.add(path+".name", nil, "missing: a name of its own, such as year-end-2026")
		case !nameForm.MatchString(e.Name):
			c.add(path+".name", nil, "%q: want at most 64 of letters, digits, '.', '_' and '-'", e.Name)
		case twice:
			c.add(path+".name", nil, "%q is the name of freezes[%d] already", e.Name, first)
		default:
			names[strings.ToLower(e.Name)] = i
		}
		c.text(path+".reason", e.Reason, "why nothing may move", maxText)
		c.text(path+".owner", e.Owner, "who can be asked about it", maxName)
		if e.Applications != nil && len(e.Applications) == 0 {
			c.add(path+".applications", nil, "it holds nothing: leave it out to mean every application")
		}
		if e.Classes != nil && len(e.Classes) == 0 {
			c.add(path+".classes", nil, "it holds nothing: leave it out to mean every class")
		}
		c.zone(path+".zone", e.Zone)
		c.times(path, e, cmp.Or(e.Zone, d.Zone))
	}
	return c.found
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

type checker struct{ found []strictyaml.Problem }

func (c *checker) add(path string, allowed []string, format string, args ...any) {
	c.found = append(c.found, strictyaml.Problem{Path: path, Message: fmt.Sprintf(format, args...), Allowed: allowed})
}

func (c *checker) zone(path, zone string) {
	if _, err := load(zone); err != nil {
		c.add(path, nil, "%q is not a time zone of this system, such as UTC or Europe/Zurich", zone)
	}
}

func (c *checker) text(path, text, what string, most int) {
	switch {
	case !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }):
		c.add(path, nil, "missing: %s", what)
	case len(text) > most:
		c.add(path, nil, "%d bytes are more than the %d there is room for", len(text), most)
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		c.add(path, nil, "it has control characters")
	}
}

func (c *checker) times(path string, e entry, name string) {
	if e.From.zero() {
		c.add(path+".from", nil, "missing: when it begins")
	}
	if e.Until.zero() {
		c.add(path+".until", nil, "missing: when it ends; a freeze without end would hold every fix for ever")
	}
	zone, err := load(name)
	if err != nil || e.From.zero() || e.Until.zero() {
		return
	}
	switch from, until := e.From.begins(zone), e.Until.ends(zone); {
	case !until.After(from):
		c.add(path+".until", nil, "it ends (%s) before it begins (%s)", moment(until), moment(from))
	case until.Sub(from) > longest:
		c.add(path+".until", nil, "it ends (%s) more than a year after it begins (%s): nothing is fixed meanwhile; declare it year by year", moment(until), moment(from))
	}
}
