package policy

import (
	"cmp"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

// document is what a policy file may hold.
type document struct {
	Schema       string                    `yaml:"schema"`
	Extends      string                    `yaml:"extends"`
	WarnAt       []int                     `yaml:"warn_at"`
	Isolation    Isolation                 `yaml:"isolation"`
	SourceBuilds SourceBuilds              `yaml:"source_builds"`
	Classes      Classes                   `yaml:"classes"`
	Rules        map[string]Rule           `yaml:"rules"`
	Lists        map[string][]string       `yaml:"lists"`
	Windows      map[string]Window         `yaml:"windows"`
	Applications map[string]strictyaml.Raw `yaml:"applications"`
}

// block is what a policy file may say of one application.
type block struct {
	WarnAt       []int               `yaml:"warn_at"`
	Isolation    Isolation           `yaml:"isolation,omitempty"`
	SourceBuilds SourceBuilds        `yaml:"source_builds"`
	Classes      Classes             `yaml:"classes"`
	Rules        map[string]Rule     `yaml:"rules"`
	Lists        map[string][]string `yaml:"lists"`
	Windows      map[string]Window   `yaml:"windows"`
}

// applicationForm is an application's name (design §3), or how names begin, with a star.
var applicationForm = regexp.MustCompile(`^([a-z0-9][a-z0-9-]{0,62}|([a-z0-9][a-z0-9-]{0,61})?\*)$`)

// lay lays a text over p and checks the result. One that tightens may loosen nothing, and its lists add to
// those of p rather than taking their place.
func (p *Policy) lay(name string, data []byte, tighten bool) (*Policy, error) {
	if len(data) > maxSize {
		return nil, tooLarge(name, len(data))
	}
	doc := document{Schema: p.Schema, WarnAt: p.WarnAt, Isolation: p.Isolation, SourceBuilds: p.SourceBuilds, Classes: p.Classes, Rules: p.Rules, Lists: p.Lists, Windows: p.Windows}
	if tighten {
		doc.Lists = nil
	}
	lines, err := strictyaml.Locate(name, data, &doc)
	var found *Errors
	if err != nil && (lines == nil || !errors.As(err, &found)) {
		return nil, err
	}
	child := &Policy{Schema: doc.Schema, WarnAt: doc.WarnAt, Isolation: doc.Isolation, SourceBuilds: doc.SourceBuilds, Classes: doc.Classes, Rules: doc.Rules, Lists: doc.Lists, Windows: doc.Windows}
	if tighten {
		child.Lists = together(p.Lists, doc.Lists)
	}
	child.blocks = maps.Clone(p.blocks)
	for app, raw := range doc.Applications {
		if child.blocks == nil {
			child.blocks = map[string][]strictyaml.Raw{}
		}
		child.blocks[app] = append(slices.Clone(child.blocks[app]), raw)
	}
	child.index()
	var problems []Problem
	if found != nil {
		problems = found.Problems
	}
	problems = append(problems, lines.Place(append(child.Validate(), child.zeros(lines, "")...))...)
	if tighten && len(problems) == 0 {
		problems = lines.Place(Tightens(p, child))
	}
	if len(problems) == 0 {
		problems = child.applications()
	}
	if tighten && len(problems) == 0 {
		for _, app := range sortedKeys(p.apps) {
			problems = append(problems, lines.Place(under("applications."+app, Tightens(p.For(app), child.For(app))))...)
		}
	}
	if len(problems) > 0 {
		return nil, strictyaml.NewErrors(problems)
	}
	return child.seal()
}

// together adds packages to lists.
func together(base, more map[string][]string) map[string][]string {
	out := maps.Clone(base)
	for list, names := range more {
		all, have := slices.Clone(base[list]), map[string]bool{}
		for _, n := range all {
			have[normalize(n)] = true
		}
		for _, n := range names {
			if key := normalize(n); !have[key] {
				all, have[key] = append(all, n), true
			}
		}
		if out == nil {
			out = map[string][]string{}
		}
		out[list] = all
	}
	return out
}

// applications composes the policy of each name under `applications`: the shortest patterns first, so that
// each lies over the pattern around it.
func (p *Policy) applications() []Problem {
	var problems []Problem
	names := sortedKeys(p.blocks)
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(specific(a), specific(b)) })
	for _, name := range names {
		if !applicationForm.MatchString(name) {
			raw := p.blocks[name][0]
			problems = append(problems, raw.Lines().Place([]Problem{{Path: raw.Path(),
				Message: "want the name of an application (a-z, 0-9 and -, at most 63), or how names begin and a star, such as payments-*"}})...)
			continue
		}
		app := p.around(name)
		for _, raw := range p.blocks[name] {
			next, found := app.block().tighten(app, raw)
			problems = append(problems, found...)
			app = next
		}
		if p.apps == nil {
			p.apps = map[string]*Policy{}
		}
		p.apps[name] = app
	}
	return problems
}

// tighten lays a part of a document over the block of p, which it may only tighten.
func (b block) tighten(p *Policy, raw strictyaml.Raw) (*Policy, []Problem) {
	b.Lists = nil
	found := raw.Lay(&b)
	next := &Policy{Schema: p.Schema, WarnAt: b.WarnAt, Isolation: b.Isolation, SourceBuilds: b.SourceBuilds, Classes: b.Classes, Rules: b.Rules, Lists: together(p.Lists, b.Lists), Windows: b.Windows}
	next.index()
	if len(found) == 0 {
		found = raw.Lines().Place(append(under(raw.Path(), next.Validate()), next.zeros(raw.Lines(), raw.Path()+".")...))
	}
	if len(found) == 0 {
		found = raw.Lines().Place(under(raw.Path(), Tightens(p, next)))
	}
	return next, found
}

// TightenedBy is the policy of one application, p, with a part of a document laid over it, as one of the
// blocks under `applications` is: it may only tighten. Problems name the path in that document.
func (p *Policy) TightenedBy(raw strictyaml.Raw) (*Policy, []Problem) {
	next, found := p.block().tighten(p, raw)
	if len(found) > 0 {
		return nil, found
	}
	if _, err := next.seal(); err != nil {
		return nil, raw.Lines().Place([]Problem{{Path: raw.Path(), Message: err.Error()}})
	}
	return next, nil
}

// specific orders names under `applications`: patterns by length, then whole names.
func specific(name string) int {
	if strings.HasSuffix(name, "*") {
		return len(name)
	}
	return 1 << 10
}

// around is the policy over which the block of a name lies: that of the longest other pattern that covers it.
func (p *Policy) around(name string) *Policy {
	start, pattern := strings.CutSuffix(name, "*")
	for n := len(start); n >= 0 && len(p.apps) > 0; n-- {
		if pattern && n == len(start) {
			continue // that is itself
		}
		if app, ok := p.apps[start[:n]+"*"]; ok {
			return app
		}
	}
	return p
}

// For is the policy an application is judged by: this one with what `applications` says of it. Its digest and
// text stay those of the whole document.
func (p *Policy) For(application string) *Policy {
	if app, ok := p.apps[application]; ok {
		return app
	}
	return p.around(application)
}

func under(path string, problems []Problem) []Problem {
	for i := range problems {
		problems[i].Path = path + "." + problems[i].Path
	}
	return problems
}
