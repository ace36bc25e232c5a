// Package policy says how urgent a finding is, by when it must be gone and what
// a change needs on its way to production (design §6).
//
// A policy is data: one YAML document, the built-in one or a file laid over it.
// Everything here is a pure function of that document and of the facts given.
package policy

import (
	_ "embed"
	"sync"

	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

// Schema is the `schema` of a policy document.
const Schema = "drydock.policy/v1"

// Problem is one thing that is wrong with a policy.
type Problem = strictyaml.Problem

// Errors are all problems of a policy, by line.
type Errors = strictyaml.Errors

// Policy is a policy in force. It is immutable once loaded.
type Policy struct {
	Schema       string              `yaml:"schema"`
	WarnAt       []int               `yaml:"warn_at"`
	Isolation    Isolation           `yaml:"isolation,omitempty"`
	SourceBuilds SourceBuilds        `yaml:"source_builds"`
	Classes      Classes             `yaml:"classes"`
	Rules        map[string]Rule     `yaml:"rules"`
	Lists        map[string][]string `yaml:"lists"`
	Windows      map[string]Window   `yaml:"windows"`

	text   []byte
	digest evidence.Digest
	member map[string]map[string]bool  // list → normalised package
	blocks map[string][]strictyaml.Raw // `applications`: of each name, what the files say of it, parents first
	apps   map[string]*Policy          // the same names: the policy that results
}

// Classes are the six classes, the most urgent first.
type Classes struct {
	Emergency Class `yaml:"emergency"`
	Framework Class `yaml:"framework"`
	High      Class `yaml:"high"`
	Domain    Class `yaml:"domain"`
	Regular   Class `yaml:"regular"`
	Feature   Class `yaml:"feature"`
}

// ClassName names a class; it is also the name of the phase.
type ClassName string

// The classes, the most urgent first.
const (
	Emergency ClassName = "emergency"
	Framework ClassName = "framework"
	High      ClassName = "high"
	Domain    ClassName = "domain"
	Regular   ClassName = "regular"
	Feature   ClassName = "feature"
)

// Names are the classes, the most urgent first.
var Names = []ClassName{Emergency, Framework, High, Domain, Regular, Feature}

// Class is how changes of one urgency are treated.
type Class struct {
	Deadline  Limits    `yaml:"deadline"`
	Cooldown  Duration  `yaml:"cooldown"` // minimum age of a release picked for the class
	Timeline  string    `yaml:"timeline"`
	Method    string    `yaml:"method"`
	Branch    string    `yaml:"branch"`
	Cycle     Cycle     `yaml:"cycle,omitempty"`
	Checks    []Check   `yaml:"checks"`
	Parallel  bool      `yaml:"parallel,omitempty"`
	Soak      Soak      `yaml:"soak"`
	Approvals Approvals `yaml:"approvals"`
	Backup    Backup    `yaml:"backup"`
	Window    string    `yaml:"window"`
}

// Limits are the times of a deadline, one for each of the two clocks; zero means none.
type Limits struct {
	Detected     Duration `yaml:"detected,omitempty"`      // from first detection, or from the fix where that came later
	FixPublished Duration `yaml:"fix_published,omitempty"` // from the publication of the fix
}

// Soak is how long a release is watched before it counts as good.
type Soak struct {
	Staging    Duration `yaml:"staging"`
	Production Duration `yaml:"production"`
}

// Approvals is who must agree.
type Approvals struct {
	Count int      `yaml:"count"`
	From  []string `yaml:"from,omitempty"` // groups of which one person each must be among them
}

// Rule puts findings and updates into a class. Conditions left out always hold. One without a class decides
// none: its deadline and cooldown count in whatever class the others decide.
type Rule struct {
	Class       ClassName `yaml:"class,omitempty"`
	Finding     *bool     `yaml:"finding,omitempty"`
	Kind        Kind      `yaml:"kind,omitempty"`
	Severity    Severity  `yaml:"severity,omitempty"` // at least
	KEV         *bool     `yaml:"kev,omitempty"`
	EPSSAtLeast *float64  `yaml:"epss_at_least,omitempty"`
	List        string    `yaml:"list,omitempty"`
	Step        []Step    `yaml:"step,omitempty"`
	Deadline    Limits    `yaml:"deadline,omitempty"`
	Cooldown    *Duration `yaml:"cooldown,omitempty"` // in place of the class's
}

// Window is when a change may go to production.
type Window struct {
	Zone  string `yaml:"zone"`
	Days  []Day  `yaml:"days,omitempty"`
	From  string `yaml:"from,omitempty"` // "09:00"
	To    string `yaml:"to,omitempty"`
	Every Every  `yaml:"every,omitempty"` // the first such day of each month or quarter
}

//go:embed default.yaml
var defaultText []byte

var builtin = sync.OnceValue(func() *Policy {
	p, err := (&Policy{}).lay("default.yaml", defaultText, false)
	if err != nil {
		panic("policy: the built-in policy: " + err.Error()) // a test loads it
	}
	return p
})

// Default is the built-in policy.
func Default() *Policy { return builtin() }

// DefaultText is the built-in policy with its comments.
func DefaultText() []byte { return append([]byte(nil), defaultText...) }

// Parse lays a text over the built-in policy; name stands for its file in errors, of which *[Errors] lists
// all problems. A text has no place beside which a parent could lie: `extends` is for [Load].
func Parse(name string, data []byte) (*Policy, error) {
	if parent, line := parentOf(name, data); parent != "" {
		return nil, &Errors{Problems: []Problem{{File: name, Line: line, Path: "extends", Message: "only a file can extend another: this is a text without a place"}}}
	}
	return Default().lay(name, data, false)
}

// Tightened is p with a text laid over it that may only tighten it; *[Errors] says where it does not.
func (p *Policy) Tightened(name string, data []byte) (*Policy, error) {
	return p.lay(name, data, true)
}

// Text is the whole policy in force, the built-in parts included, as canonical YAML. [Parse] of it gives an
// equal policy. It is what is kept as evidence.
func (p *Policy) Text() []byte { return append([]byte(nil), p.text...) }

// Digest is the digest of [Policy.Text]: of what the policy means, not of how its file is written. Comments,
// order and 7d or 1w make no difference; a built-in default that changes with a new Drydock does.
func (p *Policy) Digest() string { return string(p.digest) }

// Class returns a class by name.
func (p *Policy) Class(name ClassName) Class {
	switch name {
	case Emergency:
		return p.Classes.Emergency
	case Framework:
		return p.Classes.Framework
	case High:
		return p.Classes.High
	case Domain:
		return p.Classes.Domain
	case Feature:
		return p.Classes.Feature
	}
	return p.Classes.Regular
}

// BuildsSources says whether distributions without a wheel may be built in the dock, which runs their code.
func (p *Policy) BuildsSources() bool { return p.SourceBuilds == AllowSources }

// Rank orders classes by urgency, 0 being the most urgent; an unknown name ranks last.
func Rank(name ClassName) int {
	for i, n := range Names {
		if n == name {
			return i
		}
	}
	return len(Names)
}
