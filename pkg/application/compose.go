package application

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

// Effective is what counts for an application: what the server says, tightened by what its repository says.
type Effective struct {
	Application                // Merge and Isolation are those that result
	Own         Repository     // what its repository says of itself
	Checks      Checks         // those of the repository, and the defaults of what it leaves out
	Policy      *policy.Policy // the policy of this application, tightened by the repository's block

	served *policy.Policy // the same, before the repository's block
	from   map[string]string
}

// Value is one setting of an application and where it comes from.
type Value struct {
	Path  string `json:"path"`
	Value string `json:"value"`
	From  string `json:"from"` // "default", "policy", or file:line
}

// Compose puts an application, its repository's file and a policy together (nil: the built-in one). The
// repository can only tighten; whatever would loosen is a problem, which names the path, what was found and
// what the server has, and does not count. What is returned beside problems is therefore never looser than
// what the server says.
func Compose(server Application, repo Repository, p *policy.Policy) (Effective, []Problem) {
	if p == nil {
		p = policy.Default()
	}
	e := Effective{Application: server, Own: repo, Checks: repo.Checks, Policy: p.For(server.Name), from: map[string]string{}}
	e.served = e.Policy
	var found []Problem // of the repository's block
	ours, theirs := &checker{}, &checker{}
	e.isolate(ours)
	e.windows(ours)
	if repo.Name != "" && repo.Name != server.Name {
		theirs.add("name", nil, "found %s, the server calls the application %s%s", repo.Name, server.Name, server.told("", "; leave it out"))
	}
	switch {
	case repo.Isolation == "":
	case !repo.Isolation.AtLeast(e.Isolation):
		theirs.add("isolation", nil, "found %s, the server has %s (%s): it may only get stronger", repo.Isolation, e.Isolation, e.from["isolation"])
	case repo.Isolation != e.Isolation:
		e.Isolation, e.from["isolation"] = repo.Isolation, repo.at("isolation")
	}
	switch {
	case repo.Merge == "":
	case repo.Merge != MergePerson: // a file can't say so, a value of Go can
		theirs.add("merge", []string{string(MergePerson)}, "found %s, the server has %s: a repository may only ask for a person", repo.Merge, server.Merge)
	case e.Merge != MergePerson:
		e.Merge, e.from["merge"] = MergePerson, repo.at("merge")
	}
	e.Policy, found = repo.Tighten(e.Policy)
	if e.Checks.Tests == nil {
		e.Checks.Tests = &Check{Command: Command{"pytest"}, Timeout: defaultTests, IfTests: true}
	}
	if e.Policy.Isolation != "" && !e.Isolation.AtLeast(e.Policy.Isolation) { // the repository's block asked for more
		e.Isolation, e.from["isolation"] = e.Policy.Isolation, repo.at("policy.isolation")
	}
	if repo.lines != nil {
		theirs.found = repo.lines.Place(theirs.found)
	}
	if server.lines != nil {
		ours.found = server.lines.Place(ours.found)
	}
	return e, few(slices.Concat(ours.found, theirs.found, found))
}

// few are the problems that are told of one file; a stranger can make any number.
func few(found []Problem) []Problem {
	if e := (*strictyaml.Errors)(nil); errors.As(strictyaml.NewErrors(found), &e) {
		return e.Problems
	}
	return nil
}

// isolate finds the least isolation of the application and the policy.
func (e *Effective) isolate(c *checker) {
	asked := e.Policy.Isolation
	switch {
	case e.Isolation == "":
		e.Isolation, e.from["isolation"] = policy.Landlock, "default"
		if asked != "" && !e.Isolation.AtLeast(asked) {
			e.Isolation, e.from["isolation"] = asked, "policy"
		}
	case !e.Isolation.AtLeast(asked):
		c.add("applications."+e.Name+".isolation", nil, "found %s, the policy asks for %s at least", e.Isolation, asked)
		e.Isolation, e.from["isolation"] = asked, "policy"
	default:
		e.from["isolation"] = e.origin("isolation")
	}
}

// windows holds the windows of environments to those there are.
func (e *Effective) windows(c *checker) {
	for _, name := range slices.Sorted(maps.Keys(e.Environments)) {
		w := e.Environments[name].Window
		if _, ok := e.served.Windows[w]; w != "" && !ok {
			c.add("applications."+e.Name+".environments."+name+".window", slices.Sorted(maps.Keys(e.served.Windows)), "%q is not one of the policy's windows", clip(w))
		}
	}
}

// WindowOf is the window of an environment, as the server's policy has it: a repository's block can't move
// it. false where the environment names none; the window of a change's class counts beside it.
func (e Effective) WindowOf(environment string) (policy.Window, bool) {
	w, ok := e.served.Windows[e.Environments[environment].Window]
	return w, ok
}

// ApprovalsFor are the approvals a change of a class needs in an environment: those of the class and those of
// the environment, whichever asks for more.
func (e Effective) ApprovalsFor(class policy.ClassName, environment string) policy.Approvals {
	k, own := e.Policy.Class(class).Approvals, e.Environments[environment].Approvals
	out := policy.Approvals{Count: max(k.Count, own.Count), From: slices.Clone(k.From)}
	for _, group := range own.From {
		if !slices.Contains(out.From, group) {
			out.From = append(out.From, group)
		}
	}
	out.Count = max(out.Count, len(out.From)) // one person for each group
	return out
}

// BackupFor is what a change of a class needs of the backup before it goes to production: what the policy demands,
// with the time for which a verification counts, which is the shorter of the policy's and the application's. Without
// a command of the application's there is no verification, and the time is the policy's.
func (e Effective) BackupFor(class policy.ClassName) policy.Backup {
	want := e.Policy.BackupFor(class)
	if b := e.BeforeUpdate.Backup; b != nil {
		want.MaxAge = policy.Duration(want.Age(time.Duration(b.MaxAge)))
	}
	return want
}

// told is where the server's file says something, for a message.
func (a Application) told(path, otherwise string) string {
	if at := a.origin(path); at != "default" {
		return " (" + at + ")" + otherwise
	}
	return otherwise
}

// origin is file:line of a path below the application; "default" where the file does not name it.
func (a Application) origin(path string) string {
	if a.lines == nil {
		return "default"
	}
	line, ok := a.lines.At(strings.TrimSuffix("applications."+a.Name+"."+path, "."))
	if !ok {
		return "default"
	}
	return fmt.Sprintf("%s:%d", a.lines.File, line)
}

// at is file:line of a path in the repository's file.
func (r Repository) at(path string) string {
	if r.lines == nil {
		return cmp.Or(r.File, "repository")
	}
	return fmt.Sprintf("%s:%d", r.File, r.lines.Of(path))
}
