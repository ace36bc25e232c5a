// Package application is what is kept safe (design §3): which applications there are, whose they are, where
// their sources lie and how far Drydock may go with them.
//
// Two files say so, and they are not trusted alike. The server's applications.yaml ([ParseSet]) decides.
// The repository's own .drydock.yaml ([ParseRepository]) is written by whoever can push to it: it names
// manifests and checks, and may make things stricter. [Compose] puts both together and never lets the second
// loosen the first. A [Pattern] names one application or many.
package application

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

// Schema is the `schema` of the server's file, RepositorySchema that of a repository's.
const (
	Schema           = "drydock.applications/v1"
	RepositorySchema = "drydock.repository/v1"
)

// RepositoryFile is the name of a repository's own file, at the application's path.
const RepositoryFile = ".drydock.yaml"

// Application is one application as the server's file declares it, with the defaults of what it leaves out
// but for Isolation, of which a policy has a say too ([Compose]).
type Application struct {
	// Name is what the application is called everywhere: a-z, 0-9 and -, at most 63.
	Name string `yaml:"-" json:"-"`
	// Repository is where its source lies: https://, ssh:// or git@host:path, or an absolute path on this
	// host; never with a password or token in it. Whoever controls it writes the code that runs.
	Repository string `yaml:"repository" json:"repository" jsonschema:"required"`
	// Path is the folder of the application in its repository; by default all of it.
	Path string `yaml:"path" json:"path,omitempty"`
	// Base is the branch that changes are made for; by default the one the repository itself names (HEAD).
	Base string `yaml:"base" json:"base,omitempty"`
	// Owners are the groups and people who answer for it, such as payments-team or ana@bank.example.
	Owners []string `yaml:"owners" json:"owners,omitempty"`
	// Environments are where it runs, by name: staging, production, and others.
	Environments map[string]Environment `yaml:"environments" json:"environments,omitempty"`
	// Merge says who merges a change: a person, or Drydock itself, by fast-forward of exactly the commit
	// that was validated. With automatic nobody reads a change before it is on the base branch.
	Merge Merge `yaml:"merge" json:"merge,omitempty"`
	// Isolation is the least with which changes are installed and tested. With none what is tested can read
	// and change all that Drydock's own user can.
	Isolation policy.Isolation `yaml:"isolation" json:"isolation,omitempty"`
	// Notify are the names of the routes by which its owners hear of it.
	Notify []string `yaml:"notify" json:"notify,omitempty"`
	// BeforeUpdate is what must be in order before an update begins.
	BeforeUpdate BeforeUpdate `yaml:"before_update" json:"before_update,omitzero"`

	lines *strictyaml.Lines
}

// Environment is a place where an application runs.
type Environment struct {
	// Driver is what moves releases there; with none, the default, Drydock moves nothing there.
	Driver Driver `yaml:"driver" json:"driver,omitempty"`
	// Commands are those of the driver, by its own names for them. They run on the server, as the driver.
	Commands map[string]Command `yaml:"commands" json:"commands,omitempty"`
	// Health is an http or https address that answers with a status below 400 when all is well.
	Health string `yaml:"health" json:"health,omitempty"`
	// Approvals are needed there at least, beside those of the policy's class.
	Approvals Approvals `yaml:"approvals" json:"approvals,omitzero"`
	// Window is the name of one of the policy's windows; it must be open, and that of the class too.
	Window string `yaml:"window" json:"window,omitempty"`
}

// Approvals is who must agree.
type Approvals struct {
	// Count is how many people.
	Count int `yaml:"count" json:"count"`
	// From are groups of which one person each must be among them.
	From []string `yaml:"from" json:"from,omitempty"`
}

// BeforeUpdate is the validation before an update.
type BeforeUpdate struct {
	// Health is a command that ends with 0 when the system is healthy.
	Health *HealthCheck `yaml:"health" json:"health,omitempty"`
	// Backup is a command that ends with 0 when the newest backup can be restored.
	Backup *BackupCheck `yaml:"backup" json:"backup,omitempty"`
}

// HealthCheck is a command of the server's. It runs outside any isolation, with Drydock's rights.
type HealthCheck struct {
	// Command is the program and its arguments.
	Command Command `yaml:"command" json:"command" jsonschema:"required"`
	// Dir is the folder it runs in, an absolute path; by default an empty one.
	Dir string `yaml:"dir" json:"dir,omitempty"`
	// Timeout is how long it may take; 5m by default.
	Timeout policy.Duration `yaml:"timeout" json:"timeout,omitempty"`
}

// BackupCheck is a command of the server's. It runs outside any isolation, with Drydock's rights.
type BackupCheck struct {
	// Command is the program and its arguments.
	Command Command `yaml:"command" json:"command" jsonschema:"required"`
	// Dir is the folder it runs in, an absolute path; by default an empty one.
	Dir string `yaml:"dir" json:"dir,omitempty"`
	// Timeout is how long it may take; 30m by default.
	Timeout policy.Duration `yaml:"timeout" json:"timeout,omitempty"`
	// MaxAge is for how long its success counts; 24h by default.
	MaxAge policy.Duration `yaml:"max_age" json:"max_age,omitempty"`
}

// Merge is who merges a change.
type Merge string

// The rules of merging.
const (
	MergePerson    Merge = "person"
	MergeAutomatic Merge = "automatic"
)

// Allowed are the values there are; so with the others.
func (Merge) Allowed() []string { return []string{string(MergePerson), string(MergeAutomatic)} }

// Driver is what moves releases into an environment.
type Driver string

// The drivers.
const (
	DriverNone         Driver = "none"
	DriverKeeper       Driver = "keeper"
	DriverKubernetes   Driver = "kubernetes"
	DriverHelm         Driver = "helm"
	DriverArgoRollouts Driver = "argo-rollouts"
)

// Allowed are the drivers there are.
func (Driver) Allowed() []string {
	return []string{string(DriverNone), string(DriverKeeper), string(DriverKubernetes), string(DriverHelm), string(DriverArgoRollouts)}
}

// EnvironmentNames are staging first and production last, as releases go, with the others between by name.
func (a Application) EnvironmentNames() []string {
	place := func(name string) int { return map[string]int{"staging": -1, "production": 1}[name] }
	names := slices.Sorted(maps.Keys(a.Environments))
	slices.SortStableFunc(names, func(x, y string) int { return place(x) - place(y) })
	return names
}

// Text is the application alone as a file of its own, canonical: what it means, defaults included, not how it
// is written. [ParseSet] of it gives an equal application. It is what is kept as evidence.
func (a Application) Text() []byte {
	return encode(map[string]Application{a.Name: a})
}

// Digest is the digest of [Application.Text].
func (a Application) Digest() string { return string(evidence.Of(a.Text())) }

// encode writes applications as JSON, which is YAML too; maps are sorted by key.
func encode(apps map[string]Application) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(struct {
		Schema       string                 `json:"schema"`
		Applications map[string]Application `json:"applications"`
	}{Schema, apps})
	if err != nil {
		panic("application: " + err.Error()) // there is nothing in it that JSON can't write
	}
	return b.Bytes()
}
