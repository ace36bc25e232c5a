package resolution

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/pep508"
	"pgregory.net/rapid"
)

// Every sentence of a chain has one of these forms.
var forms = map[string]*regexp.Regexp{
	"requires": regexp.MustCompile(`^(\S+) (\S+) requires (\S+)$`),
	"require":  regexp.MustCompile(`^(\S+) (\S+) to (\S+) require (\S+)$`),
	"ranges":   regexp.MustCompile(`^(\S+) (\S+) to (\S+) require (\S+) in other ranges$`),
	"files":    regexp.MustCompile(`^the files require (\S+)$`),
	"allows":   regexp.MustCompile(`^(\S+) allows ([a-z0-9-]+)(\S+)$`),
	"last":     regexp.MustCompile(`^(\S+) (\S+) has no release above that may be picked$`),
	"none":     regexp.MustCompile(`^no(?: final)? release of (\S+)(?: (?:from|above) (\S+)(?: on)?)? that may be picked is (\S+)$`),
	"nothing":  regexp.MustCompile(`^no release of (\S+) may be picked$`),
	"nobody":   regexp.MustCompile(`^nobody offers (\S+)$`),
	"stays":    regexp.MustCompile(`^(\S+) (\S+) stays where it is: (.+)$`),
	"comes":    regexp.MustCompile(`^(\S+) (\S+) has to move too and comes first$`),
	"withheld": regexp.MustCompile(`^(\S+) (\S+) ((?:is|has|requires Python|can't be judged) ?.*)$`),
}

var order = []string{"require", "ranges", "files", "allows", "last", "none", "nothing", "nobody", "stays", "comes", "requires", "withheld"}

// required says whether a release requires exactly that, leaving markers out.
func (w *world) required(name, version, what string) bool {
	for _, r := range w.rel[name] {
		if r.version == version {
			return slices.ContainsFunc(r.requires, func(q string) bool { return plainly(q) == what })
		}
	}
	return false
}

func plainly(q string) string {
	r, err := pep508.Parse(q)
	if err != nil {
		panic(err)
	}
	r.Marker = pep508.Marker{}
	return r.String()
}

// between are the candidates from one release to another that count.
func (w *world) between(t tester, name, from, to string) []string {
	cs, err := w.Candidates(t.Context(), name)
	if err != nil {
		t.Fatalf("%v", err)
	}
	final := slices.ContainsFunc(cs, func(c Candidate) bool { return !parsed(c.Version).IsPrerelease() })
	var out []string
	for _, c := range cs {
		if parsed(c.Version).IsPrerelease() && final {
			continue // left out by PEP 440
		}
		if fits, _ := linux.Fits(c.RequiresPython); !fits {
			continue
		}
		if parsed(c.Version).Compare(parsed(from)) >= 0 && parsed(c.Version).Compare(parsed(to)) <= 0 {
			out = append(out, c.Version)
		}
	}
	return out
}

// trueChains looks every sentence of a solution's chains up.
func trueChains(t tester, w *world, p Problem, s Solution) {
	for name, b := range s.Blocked {
		if b.Err == nil && len(b.Chain) == 0 {
			t.Fatalf("%s is blocked for no reason\n%s%+v\n%+v", name, w.draw(), p, s)
		}
		for _, sentence := range b.Chain {
			if !holds(t, w, p, sentence) {
				t.Fatalf("not true: %s\n%s%+v\n%s", sentence, w.draw(), p, show(s))
			}
		}
	}
}

func holds(t tester, w *world, p Problem, sentence string) bool {
	for _, form := range order {
		m := forms[form].FindStringSubmatch(sentence)
		if m == nil {
			continue
		}
		switch form {
		case "requires":
			return w.required(m[1], m[2], m[3])
		case "require":
			return !slices.ContainsFunc(w.between(t, m[1], m[2], m[3]), func(v string) bool { return !w.required(m[1], v, m[4]) })
		case "ranges":
			return !slices.ContainsFunc(w.between(t, m[1], m[2], m[3]), func(v string) bool { return !w.mentions(m[1], v, m[4]) })
		case "files":
			return slices.ContainsFunc(p.Floating, func(r pep508.Requirement) bool { return plainly(r.String()) == m[1] })
		case "allows":
			return slices.ContainsFunc(p.Pins, func(pin Pin) bool {
				return pin.Package == m[2] && slices.Contains(pin.Allowed, Bound{m[3], m[1]})
			})
		case "last", "nothing":
			return len(w.usable(t, m[1])) == 0
		case "none":
			return !slices.ContainsFunc(w.usable(t, m[1]), func(v string) bool {
				return inside(m[3], v) && !(strings.HasPrefix(sentence, "no final") && parsed(v).IsPrerelease())
			})
		case "nobody":
			return w.rel[m[1]] == nil
		case "stays":
			return slices.ContainsFunc(p.Pins, func(pin Pin) bool { return pin.Package == m[1] && pin.Held == m[3] })
		case "comes":
			return slices.Contains(p.Wants, m[1])
		case "withheld":
			return slices.ContainsFunc(w.rel[m[1]], func(r published) bool {
				return r.version == m[2] && (r.withheld == m[3] || r.unknown || strings.HasPrefix(m[3], "requires Python "+r.python))
			})
		}
	}
	return false
}

func (w *world) mentions(name, version, other string) bool {
	for _, r := range w.rel[name] {
		if r.version == version {
			return slices.ContainsFunc(r.requires, func(q string) bool { return strings.HasPrefix(q, other) })
		}
	}
	return false
}

// usable are the candidates that fit the target.
func (w *world) usable(t tester, name string) []string {
	cs, _ := w.Candidates(t.Context(), name)
	var out []string
	for _, c := range cs {
		if fits, _ := linux.Fits(c.RequiresPython); fits && !slices.ContainsFunc(w.rel[name], func(r published) bool { return r.version == c.Version && r.unknown }) {
			out = append(out, c.Version)
		}
	}
	return out
}

// tell is a requirement that a sentence tells of some releases.
type tell struct {
	name, what string
	versions   []string
}

func (w *world) tells(t tester, sentence string) (tell, bool) {
	if m := forms["require"].FindStringSubmatch(sentence); m != nil {
		return tell{m[1], m[4], w.between(t, m[1], m[2], m[3])}, true
	}
	if m := forms["requires"].FindStringSubmatch(sentence); m != nil {
		return tell{m[1], m[3], []string{m[2]}}, true
	}
	return tell{}, false
}

// only is the world in which nothing is required but what is told.
func (w *world) only(tells []tell) *world {
	out := &world{rel: map[string][]published{}, pins: w.pins, down: w.down}
	for name, rs := range w.rel {
		out.rel[name] = slices.Clone(rs)
		for i, r := range rs {
			out.rel[name][i].requires = slices.DeleteFunc(slices.Clone(r.requires), func(q string) bool {
				return !slices.ContainsFunc(tells, func(t tell) bool {
					return t.name == name && t.what == plainly(q) && slices.Contains(t.versions, r.version)
				})
			})
		}
	}
	return out
}

// TestChains: each sentence is true; what the chain tells is enough to block the want, together with those before it;
// and none of the requirements it tells could be left out.
func TestChains(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, p := drawWorld(t, true)
		s, err := Solve(t.Context(), p, w, &fake{})
		if err != nil {
			t.Fatal(err)
		}
		trueChains(t, w, p, s)
		var above []string
		for _, name := range p.Wants {
			b, blocked := s.Blocked[name]
			if !blocked {
				above = append(above, name)
				continue
			}
			proof(t, w, p, b, append(slices.Clone(above), name))
		}
	})
}

func proof(t *rapid.T, w *world, p Problem, b Block, wants []string) {
	if len(newOracle(w, p).excused) > 0 {
		return // what is broken is only broken beside the rest
	}
	p.Pins = slices.Clone(p.Pins)
	for i, pin := range p.Pins {
		p.Pins[i].Allowed = slices.DeleteFunc(slices.Clone(pin.Allowed), func(a Bound) bool {
			return !slices.Contains(b.Chain, a.By+" allows "+pin.Package+a.Specifier)
		})
	}
	last := wants[len(wants)-1]
	wants = slices.DeleteFunc(wants, func(name string) bool {
		return name != last && !slices.ContainsFunc(b.Chain, func(s string) bool {
			return strings.HasPrefix(s, name+" ") && forms["comes"].MatchString(s)
		})
	})
	var tells []tell
	for _, sentence := range b.Chain {
		if forms["ranges"].MatchString(sentence) {
			return
		}
		if tell, ok := w.tells(t, sentence); ok {
			tells = append(tells, tell)
		}
	}
	if newOracle(w.only(tells), p).best(wants) != nil {
		t.Fatalf("%v: the chain is no proof: %v\n%s%+v", wants, b.Chain, w.draw(), p)
	}
	for i, tell := range tells {
		if newOracle(w.only(slices.Delete(slices.Clone(tells), i, i+1)), p).best(wants) == nil {
			t.Fatalf("%v: %v could be left out of %v\n%s%+v", wants, tell, b.Chain, w.draw(), p)
		}
	}
}
