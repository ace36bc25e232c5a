// Package report holds the documents programs rely on: the scan and the plan,
// as the command line prints them and the event log keeps them.
package report

import (
	"time"

	"github.com/drydock-dev/drydock/pkg/inventory"
)

// Tool names the program that wrote a document.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Exit codes (docs/formats.md).
const (
	ExitOK          = 0
	ExitFindings    = 1
	ExitIncomplete  = 2
	ExitUsage       = 3
	ExitEnvironment = 4
	ExitInterrupted = 130
)

// SchemaScan is the `schema` of a Scan.
const SchemaScan = "drydock.scan/v1"

// Scan is the document `drydock scan` prints.
type Scan struct {
	Schema      string                 `json:"schema"`
	Tool        Tool                   `json:"tool"`
	ExitCode    int                    `json:"exit_code"`
	Application string                 `json:"application"`
	Source      string                 `json:"source"` // as given
	Revision    string                 `json:"revision,omitempty"`
	Inventory   string                 `json:"inventory"`
	Started     time.Time              `json:"started"`
	Seconds     float64                `json:"seconds"`
	Complete    bool                   `json:"complete"`
	Incomplete  []inventory.Incomplete `json:"incomplete"`
	Confinement string                 `json:"confinement"`
	Engine      string                 `json:"engine,omitempty"` // absent for the native one
	Summary     Summary                `json:"summary"`
	Sources     []inventory.Source     `json:"sources"`
	Databases   []Database             `json:"databases"`
	Findings    []Finding              `json:"findings"`
	Outdated    []Outdated             `json:"outdated,omitempty"`
	Packages    []inventory.Package    `json:"packages,omitempty"`
	Differences []Difference           `json:"differences,omitempty"` // with --cross-check
	Notes       []string               `json:"notes,omitempty"`       // options found in manifests and not obeyed, such as an index; "file:line: …"
}

// Summary counts packages and findings.
type Summary struct {
	Packages   int `json:"packages"`
	Findings   int `json:"findings"`
	Critical   int `json:"critical"`
	High       int `json:"high"`
	Medium     int `json:"medium"`
	Low        int `json:"low"`
	Unknown    int `json:"unknown"`
	Malicious  int `json:"malicious"`
	Suppressed int `json:"suppressed"`
}

// Database is one ecosystem's advisories as used.
type Database struct {
	Name     string     `json:"name"`
	Digest   string     `json:"digest"`
	Records  int        `json:"records"`
	Newest   *time.Time `json:"newest,omitempty"`
	Fetched  *time.Time `json:"fetched,omitempty"`
	AgeHours *float64   `json:"age_hours,omitempty"`
	Partial  bool       `json:"partial,omitempty"`
}

// Finding is one (package, version, source, vulnerability).
type Finding struct {
	Package       string     `json:"package"`
	Ecosystem     string     `json:"ecosystem"`
	Version       string     `json:"version"`
	PURL          string     `json:"purl"`
	Source        string     `json:"source"`
	Line          int        `json:"line,omitempty"`
	Scope         string     `json:"scope"`
	Kind          string     `json:"kind"`
	Vulnerability string     `json:"vulnerability"`
	IDs           []string   `json:"ids"`
	Title         string     `json:"title,omitempty"`
	URL           string     `json:"url,omitempty"`
	Severity      string     `json:"severity"`
	Score         *float64   `json:"score,omitempty"`
	Vector        string     `json:"vector,omitempty"`
	SeverityFrom  string     `json:"severity_from,omitempty"`
	KEV           *bool      `json:"kev,omitempty"`
	EPSS          *float64   `json:"epss,omitempty"`
	FixedIn       []string   `json:"fixed_in,omitempty"`
	Published     *time.Time `json:"published,omitempty"`
}

// Outdated is a package with a newer release.
type Outdated struct {
	Package          string     `json:"package"`
	Ecosystem        string     `json:"ecosystem"`
	Current          string     `json:"current"`
	Latest           string     `json:"latest"`
	LatestCompatible string     `json:"latest_compatible,omitempty"`
	Released         *time.Time `json:"released,omitempty"` // of Latest
}

// Difference is where two engines disagree.
type Difference struct {
	Package string   `json:"package"`
	Version string   `json:"version"`
	Source  string   `json:"source"`
	IDs     []string `json:"ids"`
	OnlyIn  string   `json:"only_in"` // native | osv-scanner
	Why     string   `json:"why,omitempty"`
}
