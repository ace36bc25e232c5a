package events

import "time"

// ScanRequested asks for a scan.
type ScanRequested struct {
	Application string `json:"application"`           // its name
	Target      string `json:"target"`                // absolute path, or with Repository an address without credentials
	Given       string `json:"given,omitempty"`       // the path as the person wrote it
	Environment bool   `json:"environment,omitempty"` // target is a Python prefix or site-packages of a live application
	Engine      string `json:"engine,omitempty"`      // native (default) or osv-scanner
	CrossCheck  bool   `json:"cross_check,omitempty"` // run both engines and report every difference
	Outdated    bool   `json:"outdated,omitempty"`    // look up newer releases too
	IndexURL    string `json:"index_url,omitempty"`   // without credentials; empty: the configured one
	Repository  bool   `json:"repository,omitempty"`  // target is the declared repository's address; the newest commit of its base is read

	PlanOptions PlanOptions `json:"plan_options,omitzero"` // for the plan that follows
}

// PlanOptions are the wishes of the person who asked for a plan.
type PlanOptions struct {
	ExcludeNewer *time.Time `json:"exclude_newer,omitempty"` // no distribution published later is picked
	Python       string     `json:"python,omitempty"`        // target interpreter's version
	Full         bool       `json:"full,omitempty"`          // updates that fix nothing known too
	IndexURL     string     `json:"index_url,omitempty"`     // without credentials; empty: the configured ones
	Again        bool       `json:"again,omitempty"`         // rejections are forgotten and what is parked is tried again
}

// Why a scan.completed was made.
const (
	TriggerRequest  = "request"  // someone asked
	TriggerDatabase = "database" // advisories changed; the stored inventory was matched again, the target was not read
)

// ScanCompleted is the closing event of a scan. The whole result is evidence.
type ScanCompleted struct {
	Application string     `json:"application"`           // its name
	Trigger     string     `json:"trigger"`               // request | database
	Target      string     `json:"target"`                // absolute path that was read, now or (trigger database) before
	Environment bool       `json:"environment,omitempty"` // the target is a live application, not its source
	Revision    string     `json:"revision,omitempty"`    // commit, where known
	Inventory   string     `json:"inventory"`             // sha256:… evidence: inventory.Inventory
	Report      string     `json:"report"`                // sha256:… evidence: report.Scan
	Databases   []Database `json:"databases"`             // as used, by name
	Complete    bool       `json:"complete"`              // everything was determined; only then may no findings mean clean
	Incomplete  int        `json:"incomplete,omitempty"`  // number of things not determined
	Packages    int        `json:"packages"`              // distinct (package, version) entries
	Summary     Summary    `json:"summary"`               // open findings of this target
	Confinement string     `json:"confinement"`           // landlock+seccomp | landlock | none
	Engine      string     `json:"engine"`                // native | osv-scanner
	Repository  bool       `json:"repository,omitempty"`  // the target is the address of the declared repository; Revision says which commit was read
	Own         string     `json:"own,omitempty"`         // sha256:… evidence: the repository's own .drydock.yaml at that commit, where it has one

	PlanOptions PlanOptions `json:"plan_options,omitzero"` // as asked for
}

// Summary counts findings by severity.
type Summary struct {
	Findings   int `json:"findings"`   // all of them
	Critical   int `json:"critical"`   // of critical severity
	High       int `json:"high"`       // of high severity
	Medium     int `json:"medium"`     // of medium severity
	Low        int `json:"low"`        // of low severity
	Unknown    int `json:"unknown"`    // of a severity nobody states
	Malicious  int `json:"malicious"`  // malicious packages, whatever their severity
	Suppressed int `json:"suppressed"` // left out of the counts by a waiver or an ignore file
}

// ScanFailed ends a scan that has no inventory to show.
type ScanFailed struct {
	Application string `json:"application"` // its name
	Target      string `json:"target"`      // absolute path
	Reason      string `json:"reason"`      // one word: no_such_path, unreadable, confinement, crashed, time_limit
	Detail      string `json:"detail"`      // one sentence: what was attempted, found, and what to do
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
	Finding       string     `json:"finding"`             // FindingID
	Scope         string     `json:"scope"`               // repository:<manifest> | environment:<name>
	Package       string     `json:"package"`             // normalised name
	Ecosystem     string     `json:"ecosystem"`           // OSV ecosystem, "PyPI"
	Version       string     `json:"version"`             // as written; with several pins the first
	Source        string     `json:"source"`              // file in which the requirement stands, relative to the target, with '/'
	Line          int        `json:"line,omitempty"`      // first line of the requirement in it; absent where a format gives none
	Kind          string     `json:"kind"`                // vulnerability | malicious
	Vulnerability string     `json:"vulnerability"`       // the CVE where there is one, else the first of GHSA and the ecosystem's own id
	IDs           []string   `json:"ids"`                 // matching records and all their aliases, sorted
	Title         string     `json:"title,omitempty"`     // the advisory's summary
	FixedIn       []string   `json:"fixed_in,omitempty"`  // fixed versions above the present one
	Published     *time.Time `json:"published,omitempty"` // when the first of the records was published
	Urgency
}

// FindingReprioritized keeps before and after.
type FindingReprioritized struct {
	Finding string  `json:"finding"` // FindingID
	Before  Urgency `json:"before"`  // what was known
	After   Urgency `json:"after"`   // what is known now
}

// Why a finding was closed.
const (
	ClosedFixed     = "fixed"     // the package moved to a version no record hits
	ClosedRemoved   = "removed"   // the package is no longer there
	ClosedWithdrawn = "withdrawn" // the advisory was withdrawn or no longer covers the version
)

// FindingClosed says that a complete scan no longer sees the finding.
type FindingClosed struct {
	Finding string `json:"finding"`           // FindingID
	Reason  string `json:"reason"`            // fixed | removed | withdrawn
	Version string `json:"version,omitempty"` // the version now present
}

// FindingID is the identity of a finding, frozen from the first release on: a function of application,
// scope, ecosystem, normalised package name and vulnerability.
func FindingID(app, scope, ecosystem, pkg, vulnerability string) string {
	return "f-" + ID(app+"\x00"+scope, ecosystem+"\x00"+pkg, vulnerability)[:16]
}
