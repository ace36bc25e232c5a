package application

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

// Repository is what a repository says of itself. Whoever can push to it wrote it: nothing in it may loosen
// anything, and its commands run in the dock only. The zero value is that of a repository without a file.
type Repository struct {
	File      string   // as named in errors; "" for none
	Name      string   // what it calls the application; "" where it says nothing
	Manifests []string // globs, see [Match]; none: all that are found
	Checks    Checks
	Merge     Merge            // MergePerson or ""
	Isolation policy.Isolation // a level, or ""

	policy *strictyaml.Raw
	lines  *strictyaml.Lines
	text   []byte
}

// repositoryDocument is a repository's file.
type repositoryDocument struct {
	// Schema is drydock.repository/v1; it may be left out.
	Schema string `yaml:"schema" jsonschema:"enum=drydock.repository/v1"`
	// Name is what the application is called; it must be what the server calls it.
	Name string `yaml:"name"`
	// Manifests are globs of the manifests and lock files that count, beneath the folder of this file; by
	// default all that are found.
	Manifests []string `yaml:"manifests"`
	// Checks are the commands a change must pass, run in the dock, without network and secrets.
	Checks Checks `yaml:"checks"`
	// Merge can only be person: a repository may ask for a person, never for automatic merging.
	Merge onlyPerson `yaml:"merge"`
	// Isolation may be stronger than what the server asks for, never weaker.
	Isolation realIsolation `yaml:"isolation"`
	// Policy is laid over the policy of the application, which it may only tighten.
	Policy strictyaml.Raw `yaml:"policy"`
}

// Checks are the commands that a change must pass.
type Checks struct {
	// Tests are the application's own; by default pytest, where there are tests. 30m at most unless said.
	Tests *Check `yaml:"tests" json:"tests,omitempty"`
	// Security is a scan of the application's own. 15m at most unless said.
	Security *Check `yaml:"security" json:"security,omitempty"`
	// Smoke shows that the application starts. 5m at most unless said.
	Smoke *Check `yaml:"smoke" json:"smoke,omitempty"`
}

// Check is one command.
type Check struct {
	// Command is the program and its arguments.
	Command Command `yaml:"command" json:"command" jsonschema:"required"`
	// Timeout is how long it may take.
	Timeout policy.Duration `yaml:"timeout" json:"timeout"`
	// Dir is the folder it runs in, beneath that of this file; by default that one.
	Dir string `yaml:"dir" json:"dir,omitempty"`
	// Environment are further variables. They are no place for secrets: everybody who can read the
	// repository reads them.
	Environment map[string]string `yaml:"environment" json:"environment,omitempty"`
	// IfTests: the check is a default, and runs only where there are tests ([HasTests]).
	IfTests bool `yaml:"-" json:"if_tests,omitempty"`
}

// onlyPerson is the one rule of merging a repository can ask for.
type onlyPerson string

func (onlyPerson) Allowed() []string { return []string{string(MergePerson)} }

// realIsolation is a level a repository can ask for: none asks for nothing.
type realIsolation string

func (realIsolation) Allowed() []string {
	return []string{string(policy.Bubblewrap), string(policy.Namespaces), string(policy.Landlock)}
}

// ParseRepository reads a repository's file; name stands for it in errors, of which *strictyaml.Errors lists
// all problems. Whether it loosens anything is for [Compose] to say, which knows what.
func ParseRepository(name string, data []byte) (Repository, error) {
	if len(data) > maxRepositoryFile {
		return Repository{}, strictyaml.NewErrors([]Problem{{File: name, Message: fmt.Sprintf("%d bytes are more than such a file may have (%d)", len(data), maxRepositoryFile)}})
	}
	var doc repositoryDocument
	lines, err := strictyaml.Locate(name, data, &doc)
	if err != nil {
		return Repository{}, elsewhere(err, belongsToServer)
	}
	r := Repository{File: name, Name: doc.Name, Manifests: doc.Manifests, Checks: doc.Checks, Merge: Merge(doc.Merge), Isolation: policy.Isolation(doc.Isolation),
		lines: lines, text: slices.Clone(data)}
	if doc.Policy.Lines() != nil {
		r.policy = &doc.Policy
	}
	return r, nil
}

// Text is the file as it was read; Digest its digest, "" for no file. They are kept as evidence.
func (r Repository) Text() []byte { return slices.Clone(r.text) }

// Tighten is the policy of an application with the repository's block laid over it, which it may only tighten; the
// policy as it is where the file has none, or beside problems.
func (r Repository) Tighten(p *policy.Policy) (*policy.Policy, []Problem) {
	if r.policy == nil {
		return p, nil
	}
	tight, problems := p.TightenedBy(*r.policy)
	if len(problems) > 0 {
		return p, problems
	}
	return tight, nil
}

// Digest is the digest of [Repository.Text].
func (r Repository) Digest() string {
	if r.File == "" {
		return ""
	}
	return string(evidence.Of(r.text))
}

// Counts says whether a path, relative to the folder of the file, is one of the manifests that count.
func (r Repository) Counts(name string) bool {
	return len(r.Manifests) == 0 || slices.ContainsFunc(r.Manifests, func(glob string) bool { return Match(glob, name) })
}

// Validate checks what the form of the file can't say, and fills in defaults.
func (d *repositoryDocument) Validate() []Problem {
	c := &checker{}
	if d.Schema != "" && d.Schema != RepositorySchema {
		c.add("schema", []string{RepositorySchema}, "%q is not a schema this Drydock reads", clip(d.Schema))
	}
	if d.Name != "" && !nameForm.MatchString(d.Name) {
		c.add("name", nil, "%q: want the name of an application (a-z, 0-9 and -, at most 63)", clip(d.Name))
	}
	if d.Manifests != nil && len(d.Manifests) == 0 {
		c.add("manifests", nil, "empty: with no manifest nothing would be kept safe; leave it out to take all that are found")
	}
	if len(d.Manifests) > maxGlobs {
		c.add("manifests", nil, "%d are more than the %d there is room for", len(d.Manifests), maxGlobs)
	}
	for i, glob := range d.Manifests {
		c.note(fmt.Sprintf("manifests[%d]", i), checkGlob(glob))
	}
	for _, k := range []struct {
		key       string
		check     *Check
		otherwise policy.Duration
	}{{"tests", d.Checks.Tests, defaultTests}, {"security", d.Checks.Security, defaultSecurity}, {"smoke", d.Checks.Smoke, defaultSmoke}} {
		if k.check != nil {
			k.check.check(c, "checks."+k.key, k.otherwise)
		}
	}
	return c.found
}

var (
	variableForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
	secretName   = regexp.MustCompile(`(?i)(secret|token|passw|passphrase|credential|(api|private|access|signing)_?key)`)
	dockName     = regexp.MustCompile(`^(PATH|HOME|TMPDIR|VIRTUAL_ENV|PYTHONHOME|BASH_ENV|ENV|LD_.*|DYLD_.*|DRYDOCK_.*)$`)
)

func (k *Check) check(c *checker, at string, otherwise policy.Duration) {
	if k.Command == nil {
		c.add(at+".command", nil, "missing: the program and its arguments")
	}
	c.span(at+".timeout", &k.Timeout, minute, maxTimeout, otherwise)
	if k.Dir != "" && k.Dir != "." {
		c.note(at+".dir", checkBelow(k.Dir))
		k.Dir = path.Clean(k.Dir)
	}
	if len(k.Environment) > maxVariables {
		c.add(at+".environment", nil, "%d variables are more than the %d there is room for", len(k.Environment), maxVariables)
	}
	for _, name := range slices.Sorted(maps.Keys(k.Environment)) {
		value, path := k.Environment[name], at+".environment."+name
		switch {
		case !variableForm.MatchString(name):
			c.add(path, nil, "%q can't be the name of a variable", clip(name))
		case dockName.MatchString(name):
			c.add(path, nil, "the dock sets %s itself", name)
		case secretName.MatchString(name), holdsSecret(value):
			c.add(path, nil, "it looks like a secret, and everybody who can read the repository reads it; nothing in the dock needs one: it has no network")
		case len(value) > maxValue, strings.ContainsRune(value, 0):
			c.add(path, nil, "a value has at most %d bytes, and no NUL character", maxValue)
		}
	}
}

// belongsToServer says of keys that a repository must not decide where they stand.
var belongsToServer = func() map[string]string {
	const server = "a repository can't say this; it stands in the server's applications.yaml, under applications.<name>"
	out := map[string]string{
		"windows": "a repository can't say this; windows stand in the server's policy", "freezes": "a repository can't say this; freezes stand in a file of the server's",
		"applications": "this is a repository's own file; applications stand in the server's applications.yaml",
		"waivers":      "a repository can't accept risks; waivers stand in a file of the server's", "index": "where packages come from stands in the server's configuration",
		"index_url": "where packages come from stands in the server's configuration",
	}
	for _, key := range strings.Fields("repository path base owners environments staging production driver commands deploy health approvals window notify before_update backup least_isolation") {
		out[key] = server
	}
	return out
}()

// checkGlob holds a glob to what [Match] reads.
func checkGlob(glob string) error {
	if strings.HasPrefix(glob, "/") || slices.Contains(strings.Split(glob, "/"), "..") {
		return fmt.Errorf("%q: want a path beneath the folder of this file, not an absolute one, and without .. in it", clip(glob))
	}
	if strings.HasPrefix(glob, "!") {
		return fmt.Errorf("%q: nothing can be left out, only named", clip(glob))
	}
	if err := checkBelow(glob); err != nil {
		return err
	}
	for part := range strings.SplitSeq(glob, "/") {
		if _, err := path.Match(part, ""); err != nil {
			return fmt.Errorf("%q is not a pattern: a [ is not closed", clip(glob))
		}
		if strings.Contains(part, "**") && part != "**" {
			return fmt.Errorf("%q: ** stands alone between slashes, for any number of folders", clip(glob))
		}
	}
	return nil
}

// Match says whether a path is one a glob names: * and ? within one name, [a-z] one sign, ** any number of
// folders. It takes time proportional to both lengths.
func Match(glob, name string) bool {
	parts := strings.Split(name, "/")
	reach := make([]bool, len(parts)+1) // reach[i]: what was read of the glob matches the first i parts
	reach[0] = true
	for segment := range strings.SplitSeq(glob, "/") {
		next := make([]bool, len(parts)+1)
		for i := range reach {
			switch {
			case segment == "**":
				next[i] = reach[i] || i > 0 && next[i-1]
			case i < len(parts) && reach[i]:
				next[i+1], _ = path.Match(segment, parts[i]) // its form was checked
			}
		}
		reach = next
	}
	return reach[len(parts)]
}

// HasTests says whether a list of files has tests as pytest finds them: test_*.py and *_test.py.
func HasTests(files []string) bool {
	return slices.ContainsFunc(files, func(f string) bool {
		name, ok := strings.CutSuffix(path.Base(f), ".py")
		return ok && (strings.HasPrefix(name, "test_") || strings.HasSuffix(name, "_test"))
	})
}
