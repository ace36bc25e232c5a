package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

var (
	clockForm  = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
	methodForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	branchForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]*$`)
	wordForm   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)          // plans and branches tell it: no line breaks, no escapes
	groupForm  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]{0,252}$`)       // as the owners of an application
	nameForm   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`) // PEP 508
)

// Validate checks what the form of the document can't say: references, ranges, that every finding falls
// into some class. It returns nothing for a sound policy.
func (p *Policy) Validate() []Problem {
	c := &checker{}
	if p.Schema != Schema {
		c.add("schema", []string{Schema}, "%q is not a schema this Drydock reads", p.Schema)
	}
	c.warnings(p.WarnAt)
	for _, n := range Names {
		p.checkClass(c, "classes."+string(n), p.Class(n))
	}
	p.checkRules(c)
	for _, list := range sortedKeys(p.Lists) {
		c.word("lists."+list, list)
		for i, name := range p.Lists[list] {
			if !nameForm.MatchString(name) {
				c.add(fmt.Sprintf("lists.%s[%d]", list, i), nil, "%q can't be the name of a package", name)
			}
		}
	}
	for _, name := range sortedKeys(p.Windows) {
		c.word("windows."+name, name)
		checkWindow(c, "windows."+name, p.Windows[name])
	}
	return c.found
}

type checker struct{ found []Problem }

func (c *checker) add(path string, allowed []string, format string, args ...any) {
	c.found = append(c.found, Problem{Path: path, Message: fmt.Sprintf(format, args...), Allowed: allowed})
}

// word holds what is named by whoever writes the file.
func (c *checker) word(path, name string) {
	if !wordForm.MatchString(name) {
		c.add(path, nil, "%q: want a name of letters, digits, '.', '_' and '-', at most 63, which begins with a letter or digit", name)
	}
}

func (c *checker) warnings(at []int) {
	last := 0
	for i, n := range at {
		if n <= last || n >= 100 {
			c.add(fmt.Sprintf("warn_at[%d]", i), nil, "%d: want rising numbers from 1 to 99", n)
		}
		last = n
	}
}

func (p *Policy) checkClass(c *checker, path string, k Class) {
	if k.Deadline.Detected <= 0 {
		c.add(path+".deadline.detected", nil, "a class needs a time above zero")
	}
	if k.Timeline == "" || strings.ContainsAny(k.Timeline, "\n\r\t\x1b") {
		c.add(path+".timeline", nil, "want one line of text")
	}
	if !methodForm.MatchString(k.Method) {
		c.add(path+".method", nil, "%q: want a word of a-z, 0-9 and _", k.Method)
	}
	if err := checkBranch(k.Branch); err != nil {
		c.add(path+".branch", nil, "%s", err)
	}
	if n := k.Approvals.Count; n < 0 || n > 20 {
		c.add(path+".approvals.count", nil, "%d: want 0 to 20", n)
	}
	if len(k.Approvals.From) > k.Approvals.Count {
		c.add(path+".approvals.from", nil, "%d groups need at least as many approvals, count is %d", len(k.Approvals.From), k.Approvals.Count)
	}
	for i, group := range k.Approvals.From {
		at := fmt.Sprintf("%s.approvals.from[%d]", path, i)
		switch first := slices.Index(k.Approvals.From, group); {
		case !groupForm.MatchString(group):
			c.add(at, nil, "%q: want a group of people, such as security", group)
		case first < i:
			c.add(at, nil, "%q is from[%d] already: one person of each group is asked for, once", group, first)
		}
	}
	k.Backup.check(c, path+".backup")
	if _, ok := p.Windows[k.Window]; !ok {
		c.add(path+".window", sortedKeys(p.Windows), "%q is not under windows", k.Window)
	}
}

// checkBranch holds a pattern to what git accepts as a ref name (git-check-ref-format) for any application.
func checkBranch(pattern string) error {
	name := strings.NewReplacer("{date}", "20261122", "{application}", "payments").Replace(pattern)
	switch {
	case !strings.Contains(pattern, "{date}") || !strings.Contains(pattern, "{application}"):
		return fmt.Errorf("%q: want {date} and {application} in it, so that no two plans share a branch", pattern)
	case !branchForm.MatchString(name), strings.Contains(name, ".."), strings.Contains(name, "//"),
		strings.Contains(name, "/."), strings.HasSuffix(name, "/"), strings.HasSuffix(name, "."), strings.HasSuffix(name, ".lock"):
		return fmt.Errorf("%q does not make a branch name git accepts", pattern)
	}
	return nil
}

func (p *Policy) checkRules(c *checker) {
	catchAll := false
	for _, name := range sortedKeys(p.Rules) {
		r, path := p.Rules[name], "rules."+name
		c.word(path, name)
		if r.Class == "" && r.Cooldown == nil && r.Deadline == (Limits{}) {
			c.add(path+".class", r.Class.Allowed(), "a rule needs a class, or a deadline or cooldown that counts in every class")
		}
		if r.List != "" {
			if _, ok := p.Lists[r.List]; !ok {
				c.add(path+".list", sortedKeys(p.Lists), "%q is not under lists", r.List)
			}
		}
		if r.KEV != nil && !*r.KEV {
			c.add(path+".kev", []string{"true"}, "a rule can ask for known exploitation, not for its absence: knowing more must never loosen a deadline")
		}
		if r.Finding != nil && *r.Finding && len(r.Step) > 0 {
			c.add(path+".step", nil, "the class of a finding is known before its fix is, so no rule of findings can ask for the step: leave it out, or say finding: false")
		}
		if e := r.EPSSAtLeast; e != nil && !(*e >= 0 && *e <= 1) {
			c.add(path+".epss_at_least", nil, "%v: want a probability from 0 to 1", *e)
		}
		if r.Class != "" && r.Kind == "" && r.Severity == "" && r.KEV == nil && r.EPSSAtLeast == nil && r.List == "" && len(r.Step) == 0 &&
			(r.Finding == nil || *r.Finding) {
			catchAll = true
		}
	}
	if !catchAll {
		c.add("rules", nil, "no rule takes a finding that no other takes (built in: other-finding)")
	}
}

func checkWindow(c *checker, path string, w Window) {
	if _, err := time.LoadLocation(w.Zone); err != nil || w.Zone == "" || w.Zone == "Local" {
		c.add(path+".zone", nil, "%q is not a time zone of this system, such as UTC or Europe/Zurich", w.Zone)
	}
	if (w.From == "") != (w.To == "") {
		c.add(path, nil, "from and to stand together or not at all")
		return
	}
	for key, v := range map[string]string{"from": w.From, "to": w.To} {
		if v != "" && !clockForm.MatchString(v) {
			c.add(path+"."+key, nil, "%q: want a time of day such as \"09:00\"", v)
		}
	}
	if w.From != "" && w.From == w.To {
		c.add(path+".to", nil, "the window is empty: it ends when it begins")
	}
}

// zeros are limits that the document gives as 0: whoever writes that means "at once", and none would count.
// at stands before every path.
func (p *Policy) zeros(lines *strictyaml.Lines, at string) []Problem {
	c := &checker{}
	check := func(path string, d Duration) {
		if _, said := lines.At(at + path); said && d == 0 {
			c.add(at+path, nil, "0 would be no limit at all: leave it out for none, or give a time above zero")
		}
	}
	for _, n := range Names {
		check("classes."+string(n)+".deadline.fix_published", p.Class(n).Deadline.FixPublished)
		check("classes."+string(n)+".backup.max_age", p.Class(n).Backup.MaxAge)
	}
	for _, name := range sortedKeys(p.Rules) {
		check("rules."+name+".deadline.detected", p.Rules[name].Deadline.Detected)
		check("rules."+name+".deadline.fix_published", p.Rules[name].Deadline.FixPublished)
	}
	return c.found
}
