package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

// CasesSchema is the `schema` of a file of cases.
const CasesSchema = "drydock.policy-cases/v1"

// Cases are what a customer expects of a policy: findings, and how they are to be judged.
type Cases struct {
	Schema string `yaml:"schema"`
	Cases  []Case `yaml:"cases"`
}

// Case is one expectation: of the facts it names, or of what the advisory database knows about its pins.
type Case struct {
	Name        string `yaml:"name"`
	Application string `yaml:"application"` // judged by its policy; none: by the policy itself

	Package  string       `yaml:"package"`
	Finding  *bool        `yaml:"finding"` // false: an update that fixes nothing; default true, with step alone false
	Kind     Kind         `yaml:"kind"`
	Severity caseSeverity `yaml:"severity"`
	KEV      *bool        `yaml:"kev"`
	EPSS     *float64     `yaml:"epss"`
	Step     Step         `yaml:"step"`

	Inventory     []string `yaml:"inventory"` // pins: flask==2.2.2
	Ecosystem     string   `yaml:"ecosystem"` // of the pins; default PyPI
	Vulnerability string   `yaml:"vulnerability"`

	Detected     *time.Time `yaml:"detected"`
	FixPublished *time.Time `yaml:"fix_published"`
	Expect       Expect     `yaml:"expect"`
}

// Expect is what must come out; what it does not name may be anything.
type Expect struct {
	Class     ClassName     `yaml:"class"`
	Rule      string        `yaml:"rule"`
	Deadline  *caseDeadline `yaml:"deadline"`
	Cooldown  *Duration     `yaml:"cooldown"`
	Approvals *Approvals    `yaml:"approvals"`
	Window    string        `yaml:"window"`
	Findings  *int          `yaml:"findings"` // of an inventory
}

// caseSeverity is a severity as findings have it.
type caseSeverity string

// Allowed are the severities of findings.
func (caseSeverity) Allowed() []string {
	return []string{"critical", "high", "medium", "low", "unknown"}
}

// caseDeadline is a time after first detection, or a moment.
type caseDeadline struct {
	after Duration
	at    time.Time
}

// UnmarshalText reads 7d, a date or a time.
func (d *caseDeadline) UnmarshalText(text []byte) (err error) {
	if d.after, err = ParseDuration(string(text)); err == nil {
		return nil
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if at, e := time.Parse(form, string(text)); e == nil {
			d.at = at.UTC()
			return nil
		}
	}
	return fmt.Errorf("%q is neither a duration such as 7d nor a time such as 2026-12-31T17:00:00Z", text)
}

func (d caseDeadline) String() string {
	if d.at.IsZero() {
		return d.after.String()
	}
	return d.at.Format(time.RFC3339)
}

// ReadCases reads a file of cases, strictly; an error is an *[Errors].
func ReadCases(name string, data []byte) (*Cases, error) {
	c := &Cases{}
	return c, strictyaml.Decode(name, data, c)
}

// Validate checks what the form of the document can't say.
func (c *Cases) Validate() []Problem {
	k := &checker{}
	if c.Schema != "" && c.Schema != CasesSchema {
		k.add("schema", []string{CasesSchema}, "%q is not a schema this Drydock reads", c.Schema)
	}
	if len(c.Cases) == 0 {
		k.add("cases", nil, "there are none, and nothing tested is nothing shown")
	}
	names := map[string]bool{}
	for i := range c.Cases {
		path := fmt.Sprintf("cases[%d]", i)
		if names[c.Cases[i].Name] {
			k.add(path+".name", nil, "%q is the name of another case, too", c.Cases[i].Name)
		}
		names[c.Cases[i].Name] = true
		c.Cases[i].check(k, path)
	}
	return k.found
}

func (c *Case) check(k *checker, path string) {
	if c.Name == "" {
		k.add(path+".name", nil, "a case needs a name, by which it is told when it fails")
	}
	if c.Application != "" && (!applicationForm.MatchString(c.Application) || strings.HasSuffix(c.Application, "*")) {
		k.add(path+".application", nil, "%q can't be the name of an application", c.Application)
	}
	switch lookedUp := len(c.Inventory) > 0; {
	case lookedUp && (c.Package != "" || c.Finding != nil || c.Kind != "" || c.Severity != "" || c.KEV != nil || c.EPSS != nil || c.Step != ""):
		k.add(path+".inventory", nil, "what is found in an inventory comes from the advisory database: leave out package, finding, kind, severity, kev, epss and step")
	case !lookedUp && (c.Vulnerability != "" || c.Ecosystem != "" || c.Expect.Findings != nil):
		k.add(path, nil, "vulnerability, ecosystem and expect.findings go with an inventory")
	case !lookedUp && !nameForm.MatchString(c.Package):
		k.add(path+".package", nil, "%q can't be the name of a package; a case needs a package or an inventory", c.Package)
	}
	for i, pin := range c.Inventory {
		if name, version := splitPin(pin); name == "" || version == "" {
			k.add(fmt.Sprintf("%s.inventory[%d]", path, i), nil, "%q is not a pin such as flask==2.2.2", pin)
		}
	}
	if e := c.EPSS; e != nil && !(*e >= 0 && *e <= 1) {
		k.add(path+".epss", nil, "%v: want a probability from 0 to 1", *e)
	}
	if d := c.Expect.Deadline; c.Detected == nil && (c.FixPublished != nil || d != nil && !d.at.IsZero()) {
		k.add(path+".detected", nil, "say when it was detected: fix_published, or a deadline that is a moment, is nothing without")
	}
	if e := c.Expect; e == (Expect{}) {
		k.add(path+".expect", nil, "it expects nothing: name a class, rule, deadline, cooldown, approvals, window or findings")
	}
}

// splitPin cuts "flask[async]==2.2.2" or "left-pad@1.0.0".
func splitPin(pin string) (name, version string) {
	name, version, ok := strings.Cut(pin, "==")
	if !ok {
		if at := strings.LastIndex(pin, "@"); at > 0 {
			name, version = pin[:at], pin[at+1:]
		}
	}
	name, _, _ = strings.Cut(name, "[") // extras
	return strings.TrimSpace(name), strings.TrimSpace(version)
}

// Found is a vulnerability that hits a pin.
type Found struct {
	ID    string
	IDs   []string // with its aliases
	Facts Facts
}

// Finder looks a pin up in the advisory database.
type Finder func(ecosystem, pkg, version string) ([]Found, error)

// CaseResult is what became of a case.
type CaseResult struct {
	Name        string       `json:"name"`
	Application string       `json:"application,omitempty"`
	Passed      bool         `json:"passed"`
	Findings    *int         `json:"findings,omitempty"` // of an inventory
	Decided     *Judgement   `json:"decided,omitempty"`  // the most urgent finding; none where nothing was found
	Differences []Difference `json:"differences"`
}

// Judgement is one finding judged.
type Judgement struct {
	Vulnerability string    `json:"vulnerability,omitempty"`
	Facts         Facts     `json:"facts"`
	Class         ClassName `json:"class"`
	Rule          string    `json:"rule"`
	Deadline      string    `json:"deadline,omitempty"` // "7d", or the moment where the case says when it was detected
	Cooldown      string    `json:"cooldown"`
	CooldownRule  string    `json:"cooldown_rule,omitempty"`
	Approvals     string    `json:"approvals"`
	Backup        string    `json:"backup"`
	Window        string    `json:"window"`
	Trace         []Verdict `json:"trace"`

	due      Deadline
	detected time.Time
}

// Difference is one thing that came out otherwise.
type Difference struct {
	Field    string `json:"field"`
	Expected string `json:"expected"`
	Found    string `json:"found"`
}

// Run judges the cases. An error is that of find: what could not be looked up has no result.
func (c *Cases) Run(p *Policy, find Finder) ([]CaseResult, error) {
	out := make([]CaseResult, len(c.Cases))
	for i := range c.Cases {
		r, err := c.Cases[i].run(p, find)
		if err != nil {
			return nil, fmt.Errorf("case %q: %w", c.Cases[i].Name, err)
		}
		out[i] = r
	}
	return out, nil
}

func (c *Case) run(p *Policy, find Finder) (CaseResult, error) {
	if c.Application != "" {
		p = p.For(c.Application)
	}
	r := CaseResult{Name: c.Name, Application: c.Application, Differences: []Difference{}}
	found := []Found{{Facts: c.facts()}}
	if len(c.Inventory) > 0 {
		var err error
		if found, err = c.look(find); err != nil {
			return r, err
		}
		n := len(found)
		r.Findings = &n
	}
	for _, f := range found {
		if j := p.judge(f, c); r.Decided == nil || j.before(r.Decided) {
			r.Decided = j
		}
	}
	r.Differences = append(r.Differences, c.Expect.differences(&r)...)
	r.Passed = len(r.Differences) == 0
	return r, nil
}

func (c *Case) facts() Facts {
	f := Facts{Package: c.Package, Kind: cmp.Or(string(c.Kind), "vulnerability"), Severity: cmp.Or(string(c.Severity), "unknown"), KEV: c.KEV, EPSS: c.EPSS, Step: string(c.Step)}
	if f.Finding = c.Step == "" || c.Kind != "" || c.Severity != "" || c.KEV != nil || c.EPSS != nil; c.Finding != nil {
		f.Finding = *c.Finding
	}
	if !f.Finding {
		f.Kind, f.Severity = "", ""
	}
	return f
}

// look asks the database about every pin.
func (c *Case) look(find Finder) ([]Found, error) {
	var all []Found
	for _, pin := range c.Inventory {
		name, version := splitPin(pin)
		found, err := find(cmp.Or(c.Ecosystem, "PyPI"), name, version)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	if c.Vulnerability != "" {
		all = slices.DeleteFunc(all, func(f Found) bool {
			return !slices.ContainsFunc(append(f.IDs, f.ID), func(id string) bool { return strings.EqualFold(id, c.Vulnerability) })
		})
	}
	return all, nil
}
