package application

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

// Problem is one thing that is wrong with a file.
type Problem = strictyaml.Problem

// document is the server's file.
type document struct {
	// Schema is drydock.applications/v1; it may be left out.
	Schema string `yaml:"schema" jsonschema:"enum=drydock.applications/v1"`
	// Applications are all there are, by name.
	Applications map[string]Application `yaml:"applications" jsonschema:"required"`
}

// Set are the applications of a server. It is immutable.
type Set struct {
	File string
	apps map[string]Application
	text []byte
}

// ParseSet reads the server's file; name stands for it in errors, of which *strictyaml.Errors lists all
// problems.
func ParseSet(name string, data []byte) (*Set, error) {
	var doc document
	lines, err := strictyaml.Locate(name, data, &doc)
	if err != nil {
		return nil, elsewhere(err, belongsElsewhere)
	}
	s := &Set{File: name, apps: doc.Applications}
	for n, a := range s.apps {
		a.Name, a.lines = n, lines
		s.apps[n] = a
	}
	s.text = encode(s.apps)
	return s, nil
}

// Load is [ParseSet] of a file.
func Load(path string) (*Set, error) {
	data, err := strictyaml.File("applications", path)
	if err != nil {
		return nil, err
	}
	return ParseSet(path, data)
}

// Get looks an application up by its name.
func (s *Set) Get(name string) (Application, bool) {
	a, ok := s.apps[name]
	return a, ok
}

// Names are those of all applications, sorted.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.apps)) }

// All are the applications, by name.
func (s *Set) All() []Application {
	out := make([]Application, 0, len(s.apps))
	for _, n := range s.Names() {
		out = append(out, s.apps[n])
	}
	return out
}

// Text is the whole set, canonical: what it means, defaults included. It is what is kept as evidence.
func (s *Set) Text() []byte { return slices.Clone(s.text) }

// Digest is the digest of [Set.Text]: comments, order and spelling make no difference.
func (s *Set) Digest() string { return string(evidence.Of(s.text)) }

// Against are the problems the set has with a policy: windows it does not have, isolation weaker than it asks
// for. A policy knows an application by its name.
func (s *Set) Against(p *policy.Policy) []Problem {
	var found []Problem
	for _, a := range s.All() {
		_, problems := Compose(a, Repository{}, p)
		found = append(found, problems...)
	}
	return found
}

// Warnings are what is allowed and most often not meant, in the order of the names.
func (s *Set) Warnings() []Problem {
	c := &checker{}
	for _, a := range s.All() {
		at := "applications." + a.Name
		if a.Isolation == policy.NoIsolation {
			c.add(at+".isolation", nil, "none: what is installed and tested can read and change all that Drydock's own user can; every result says so")
		}
		if len(a.Owners) == 0 {
			c.add(at, nil, "no owners: nobody is named who answers for it")
		}
		_, staging := a.Environments["staging"]
		if _, production := a.Environments["production"]; production && !staging {
			c.add(at+".environments", nil, "production without staging: nothing goes to production that was not validated in staging")
		}
	}
	return s.place(c.found)
}

// WarningsAgainst are what a policy will hold an application up with that is no error today: production without
// a backup command where a verified backup is demanded of it, and a verification that counts for less time than the
// application says.
func (s *Set) WarningsAgainst(p *policy.Policy) []Problem {
	c := &checker{}
	for _, a := range s.All() {
		if _, production := a.Environments["production"]; !production {
			continue
		}
		at, own, check := "applications."+a.Name+".before_update.backup", p.For(a.Name), a.BeforeUpdate.Backup
		var demand, shorter []string
		for _, class := range policy.Names {
			want := own.BackupFor(class)
			switch {
			case !want.Required:
			case check == nil:
				demand = append(demand, string(class))
			case want.MaxAge > 0 && want.MaxAge < check.MaxAge:
				shorter = append(shorter, fmt.Sprintf("%s %s", class, want.MaxAge))
			}
		}
		if len(demand) == len(policy.Names) {
			demand = []string{"every class"}
		}
		if len(demand) > 0 {
			c.add(at, nil, "no command: the policy demands a verified backup before production (%s); changes are validated and proposed, and held there", strings.Join(demand, ", "))
		}
		if len(shorter) > 0 {
			c.add(at+".max_age", nil, "%s: the policy lets a verification count for less (%s)", check.MaxAge, strings.Join(shorter, ", "))
		}
	}
	return s.place(c.found)
}

// place gives each problem of an application its line.
func (s *Set) place(found []Problem) []Problem {
	var out []Problem
	for _, p := range found {
		out = append(out, s.apps[nameIn(p.Path)].lines.Place([]Problem{p})...)
	}
	return out
}

// nameIn is the application a path speaks of.
func nameIn(path string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "applications."), ".")
	return name
}

// Validate checks what the form of the file can't say, and fills in defaults.
func (d *document) Validate() []Problem {
	c := &checker{}
	if d.Schema != "" && d.Schema != Schema {
		c.add("schema", []string{Schema}, "%q is not a schema this Drydock reads", clip(d.Schema))
	}
	if d.Applications == nil {
		c.add("applications", nil, "missing: say `applications: {}` where there are none, so that a file cut short is no server without applications")
	}
	for _, name := range slices.Sorted(maps.Keys(d.Applications)) {
		a, at := d.Applications[name], "applications."+name
		if !nameForm.MatchString(name) {
			c.add(at, nil, "%q: want the name of an application (a-z, 0-9 and -, at most 63)", clip(name))
		}
		a.check(c, at)
		d.Applications[name] = a
	}
	return c.found
}

func (a *Application) check(c *checker, at string) {
	c.note(at+".repository", checkRepository(a.Repository))
	a.Repository = strings.TrimRight(a.Repository, "/")
	if a.Path == "" {
		a.Path = "."
	}
	if a.Path != "." {
		c.note(at+".path", checkBelow(a.Path))
		a.Path = path.Clean(a.Path)
	}
	if a.Base != "" {
		c.note(at+".base", checkBranch(a.Base))
	}
	c.names(at+".owners", a.Owners, ownerForm, "a group or person, such as payments-team or ana@bank.example", maxOwners)
	c.names(at+".notify", a.Notify, nameForm, "the name of a route (a-z, 0-9 and -)", maxRoutes)
	if a.Merge == "" {
		a.Merge = MergePerson
	}
	if len(a.Environments) > maxEnvironments {
		c.add(at+".environments", nil, "%d are more than the %d there is room for", len(a.Environments), maxEnvironments)
	}
	for _, name := range slices.Sorted(maps.Keys(a.Environments)) {
		e, path := a.Environments[name], at+".environments."+name
		c.environmentName(path, name)
		e.check(c, path)
		a.Environments[name] = e
	}
	if h := a.BeforeUpdate.Health; h != nil {
		path := at + ".before_update.health"
		c.server(path, h.Command, h.Dir)
		c.span(path+".timeout", &h.Timeout, minute, maxTimeout, defaultHealth)
	}
	if b := a.BeforeUpdate.Backup; b != nil {
		path := at + ".before_update.backup"
		c.server(path, b.Command, b.Dir)
		c.span(path+".timeout", &b.Timeout, minute, maxTimeout, defaultBackup)
		c.span(path+".max_age", &b.MaxAge, minute, maxBackupAge, defaultBackupAge)
	}
}

// wellKnown are the environments whose names have a meaning: production moves only after staging.
var wellKnown = []string{"staging", "production"}

func (c *checker) environmentName(at, name string) {
	switch known := strictyaml.Suggest(name, wellKnown); {
	case !nameForm.MatchString(name):
		c.add(at, nil, "%q: want the name of an environment (a-z, 0-9 and -, at most 63)", clip(name))
	case known != "" && !slices.ContainsFunc(wellKnown, func(w string) bool { return strings.HasPrefix(name, w) }):
		c.add(at, nil, "%q is too like a name that has a meaning%s", name, known)
	}
}

func (e *Environment) check(c *checker, at string) {
	if e.Driver == "" {
		e.Driver = DriverNone
	}
	for _, name := range slices.Sorted(maps.Keys(e.Commands)) {
		path := at + ".commands." + name
		if !keyForm.MatchString(name) {
			c.add(path, nil, "%q: want a word of letters, digits, _ and -", clip(name))
		}
		c.program(path, e.Commands[name], "")
	}
	if e.Driver == DriverNone && len(e.Commands) > 0 {
		c.add(at+".commands", nil, "the driver is none, which runs nothing: name the driver, or take the commands out")
	}
	if e.Health != "" {
		c.note(at+".health", checkHealthURL(e.Health))
	}
	if n := e.Approvals.Count; n < 0 || n > maxApprovals {
		c.add(at+".approvals.count", nil, "%d: want 0 to %d", n, maxApprovals)
	}
	c.names(at+".approvals.from", e.Approvals.From, ownerForm, "a group, such as payments-owners", maxApprovals)
	if n := len(e.Approvals.From); n > e.Approvals.Count {
		c.add(at+".approvals.from", nil, "%d groups need at least as many approvals, count is %d", n, e.Approvals.Count)
	}
}

// server checks a command that runs with the server's rights.
func (c *checker) server(at string, command Command, dir string) {
	if command == nil {
		c.add(at+".command", nil, "missing: the program and its arguments")
	}
	if dir != "" && (!path.IsAbs(dir) || path.Clean(dir) != strings.TrimSuffix(dir, "/") || strings.ContainsFunc(dir, unseen)) {
		c.add(at+".dir", nil, "%q: want an absolute path without . and ..", clip(dir))
	}
	c.program(at+".command", command, dir)
}

// program refuses a program that lies who knows where: the repository must never bring it.
func (c *checker) program(at string, command Command, dir string) {
	if len(command) > 0 && strings.Contains(command[0], "/") && !path.IsAbs(command[0]) && dir == "" {
		c.add(at, nil, "%q is relative to no folder: the server runs it, outside any isolation, so it can't come from the repository; name it by its absolute path", clip(command[0]))
	}
}

// belongsElsewhere says of keys that people look for in the server's file where they stand.
var belongsElsewhere = map[string]string{
	"manifests": "manifests and checks stand in the repository's " + RepositoryFile,
	"checks":    "manifests and checks stand in the repository's " + RepositoryFile,
	"policy":    "what the policy asks of one application stands in the policy file, under applications.<name>",
	"windows":   "windows stand in the policy file; here an environment names one: window: <name>",
	"freezes":   "freezes stand in a file of their own (planner.freezes)",
	"name":      "the name is the key above: applications.<name>",
}

// elsewhere makes an unknown key that is known elsewhere say where.
func elsewhere(err error, belongs map[string]string) error {
	e, ok := err.(*strictyaml.Errors)
	if !ok {
		return err
	}
	for i, p := range e.Problems {
		if strings.HasPrefix(p.Message, "unknown key") {
			if where, ok := belongs[p.Path[strings.LastIndexByte(p.Path, '.')+1:]]; ok {
				e.Problems[i].Message, e.Problems[i].Allowed = fmt.Sprintf("unknown key: %s", where), nil
			}
		}
	}
	return e
}
