package events

import "time"

// ScanRequested asks for a scan.
type ScanRequested struct {
	Application string `json:"application"`
	Target      string `json:"target"`                // absolute path
	Given       string `json:"given,omitempty"`       // the path as the person wrote it
	Environment bool   `json:"environment,omitempty"` // target is a Python prefix or site-packages of a live application
	Engine      string `json:"engine,omitempty"`      // native (default) or osv-scanner
	CrossCheck  bool   `json:"cross_check,omitempty"` // run both engines and report every difference
	Outdated    bool   `json:"outdated,omitempty"`    // look up newer releases too
	IndexURL    string `json:"index_url,omitempty"`   // without credentials; empty: the configured one

	PlanOptions PlanOptions `json:"plan_options,omitzero"`
}

// PlanOptions are the wishes of the person who asked for a plan.
type PlanOptions struct {
	ExcludeNewer *time.Time `json:"exclude_newer,omitempty"` // no distribution published later is picked
	Python       string     `json:"python,omitempty"`        // target interpreter's version
}

// Why a scan.completed was made.
const (
	TriggerRequest  = "request"  // someone asked
	TriggerDatabase = "database" // advisories changed; the stored inventory was matched again, the target was not read
)

// ScanCompleted is the closing event of a scan. The whole result is evidence.
type ScanCompleted struct {
	Application string     `json:"application"`
	Trigger     string     `json:"trigger"`
	Target      string     `json:"target"`
	Environment bool       `json:"environment,omitempty"`
	Revision    string     `json:"revision,omitempty"` // commit, where known
	Inventory   string     `json:"inventory"`          // sha256:… evidence: inventory.Inventory
	Report      string     `json:"report"`             // sha256:… evidence: report.Scan
	Databases   []Database `json:"databases"`
	Complete    bool       `json:"complete"`
	Incomplete  int        `json:"incomplete,omitempty"` // number of things not determined
	Packages    int        `json:"packages"`
	Summary     Summary    `json:"summary"`
	Confinement string     `json:"confinement"` // landlock+seccomp | landlock | none
	Engine      string     `json:"engine"`

	PlanOptions PlanOptions `json:"plan_options,omitzero"` // as asked for
}

// Summary counts findings by severity.
type Summary struct {
	Findings   int `json:"findings"`
	Critical   int `json:"critical"`
	High       int `json:"high"`
	Medium     int `json:"medium"`
	Low        int `json:"low"`
	Unknown    int `json:"unknown"`
	Malicious  int `json:"malicious"`
	Suppressed int `json:"suppressed"`
}

// ScanFailed ends a scan that has no inventory to show.
type ScanFailed struct {
	Application string `json:"application"`
	Target      string `json:"target"`
	Reason      string `json:"reason"` // one word: no_such_path, unreadable, confinement, crashed, time_limit
	Detail      string `json:"detail"` // one sentence: what was attempted, found, and what to do
}

// Urgency is what decides how soon a finding must be fixed. A value not known is absent.
type Urgency struct {
	Severity     string   `json:"severity"`                // critical | high | medium | low | unknown
	Score        *float64 `json:"score,omitempty"`         // CVSS base score, 0 to 10
	Vector       string   `json:"vector,omitempty"`        // CVSS vector
	SeverityFrom string   `json:"severity_from,omitempty"` // the record it was taken from
	KEV          *bool    `json:"kev,omitempty"`           // on CISA's list of known exploited vulnerabilities; absent without a list
	EPSS         *float64 `json:"epss,omitempty"`          // probability of exploitation in 30 days, 0 to 1; absent without a list
}

// Finding kinds.
const (
	KindVulnerability = "vulnerability"
	KindMalicious     = "malicious"
)

// FindingOpened says that (application, scope, package, vulnerability) is present.
type FindingOpened struct {
	Finding       string     `json:"finding"` // FindingID
	Scope         string     `json:"scope"`   // repository:<manifest> | environment:<name>
	Package       string     `json:"package"` // normalised name
	Ecosystem     string     `json:"ecosystem"`
	Version       string     `json:"version"` // as written; with several pins the first
	Source        string     `json:"source"`
	Line          int        `json:"line,omitempty"`
	Kind          string     `json:"kind"`
	Vulnerability string     `json:"vulnerability"`
	IDs           []string   `json:"ids"` // matching records and all their aliases, sorted
	Title         string     `json:"title,omitempty"`
	FixedIn       []string   `json:"fixed_in,omitempty"`
	Published     *time.Time `json:"published,omitempty"`
	Urgency
}

// FindingReprioritized keeps before and after.
type FindingReprioritized struct {
	Finding string  `json:"finding"`
	Before  Urgency `json:"before"`
	After   Urgency `json:"after"`
}

// Why a finding was closed.
const (
	ClosedFixed     = "fixed"     // the package moved to a version no record hits
	ClosedRemoved   = "removed"   // the package is no longer there
	ClosedWithdrawn = "withdrawn" // the advisory was withdrawn or no longer covers the version
)

// FindingClosed says that a complete scan no longer sees the finding.
type FindingClosed struct {
	Finding string `json:"finding"`
	Reason  string `json:"reason"`
	Version string `json:"version,omitempty"` // the version now present
}

// FindingID is the identity of a finding, frozen from the first release on: a function of application,
// scope, ecosystem, normalised package name and vulnerability.
func FindingID(app, scope, ecosystem, pkg, vulnerability string) string {
	return "f-" + ID(app+"\x00"+scope, ecosystem+"\x00"+pkg, vulnerability)[:16]
}
