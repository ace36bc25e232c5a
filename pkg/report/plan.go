package report

import (
	"time"

	"github.com/drydock-dev/drydock/pkg/inventory"
)

// SchemaPlan is the `schema` of a Plan.
const SchemaPlan = "drydock.plan/v1"

// Plan is the document `drydock plan` prints and the customer's scripts read (seeds: "Example Output").
type Plan struct {
	Schema          string          `json:"schema"`
	Tool            Tool            `json:"tool"`
	ExitCode        int             `json:"exit_code"`
	Plan            string          `json:"plan"` // sha256:… of Digested (RFC 8785)
	Application     string          `json:"application"`
	Timestamp       time.Time       `json:"timestamp"`
	AnalysisMode    string          `json:"analysis_mode"` // always read_only_safe
	Vulnerabilities int             `json:"vulnerability_count"`
	Resolution      string          `json:"resolution"` // joint | per-package
	Inputs          Inputs          `json:"inputs"`
	Phases          []Phase         `json:"deployment_phases"`
	Outcomes        []Outcome       `json:"outcomes"`
	Recommendations Recommendations `json:"cicd_recommendations"`

	Incomplete []inventory.Incomplete `json:"incomplete,omitempty"` // what the scan could not determine
	// Undetermined: something that no outcome speaks of is not clean or could not be found out; the notes say what.
	Undetermined bool     `json:"undetermined,omitempty"`
	Notes        []string `json:"notes,omitempty"` // what a reader must know, as sentences: deadlines that a freeze endangers, what the resolution could not take into account
}

// Inputs are what the plan was made from; beside the digest, not in it.
type Inputs struct {
	Inventory    string     `json:"inventory"`
	Advisories   string     `json:"advisories"`
	Index        string     `json:"index,omitempty"`
	Policy       string     `json:"policy"`
	ServerPolicy string     `json:"server_policy,omitempty"` // where the repository's own file tightened it: what the server says
	Now          time.Time  `json:"now"`
	ExcludeNewer *time.Time `json:"exclude_newer,omitempty"`
	Python       string     `json:"python,omitempty"`
	Platform     string     `json:"platform,omitempty"`
	Machine      string     `json:"machine,omitempty"`
	Full         bool       `json:"full,omitempty"`
	Resolver     string     `json:"resolver,omitempty"`
	Waivers      string     `json:"waivers,omitempty"` // sha256:… of the file
	Freezes      string     `json:"freezes,omitempty"` // sha256:… of the file
	VEX          string     `json:"vex,omitempty"`     // sha256:… of the documents
	Record       string     `json:"record,omitempty"`  // sha256:… evidence: everything the plan was made from, for making it again

	Rejections []Rejection `json:"rejections,omitempty"` // that held, in the order in which they came
}

// Rejection kept a release, and those above it, from being picked where its update stood.
type Rejection struct {
	Change  string    `json:"change"` // that was rejected
	Package string    `json:"package"`
	Version string    `json:"version"`
	Source  string    `json:"source"`
	Until   time.Time `json:"until"`
}

// Phase groups updates that go together.
type Phase struct {
	Phase        string     `json:"phase"`
	Timeline     string     `json:"timeline"`
	Packages     []string   `json:"packages"`
	Method       string     `json:"deployment_method"`
	Class        string     `json:"class"`
	Deadline     *time.Time `json:"deadline,omitempty"`
	DeadlineRule string     `json:"deadline_rule,omitempty"`
	Provisional  bool       `json:"provisional,omitempty"` // no log, so no first detection: the deadline counts from this scan and is outside the digest
	Branch       string     `json:"branch"`
	Updates      []Update   `json:"updates"`
}

// Update moves one package in one source.
type Update struct {
	Package   string     `json:"package"`
	Ecosystem string     `json:"ecosystem,omitempty"`
	From      string     `json:"from,omitempty"`
	To        string     `json:"to"`
	Source    string     `json:"source"`
	Direct    bool       `json:"direct"`
	Step      string     `json:"step"` // patch | minor | major
	Released  *time.Time `json:"released,omitempty"`
	Fixes     []string   `json:"fixes"`
	Reason    string     `json:"reason"`
	Hashes    []string   `json:"hashes,omitempty"` // "sha256:…" of all its distributions, sorted; only where the pin carries hashes

	Through []string `json:"through,omitempty"` // the packages that require it, normalised and sorted: of what is not direct, and of every added pin
	Page    string   `json:"page,omitempty"`    // its page on the index, for people
}

// Outcomes of design §2, I5.
const (
	Fixed          = "fixed"
	Planned        = "planned"
	Blocked        = "blocked"
	NoFixPublished = "no-fix-published"
	CoolingDown    = "cooling-down"
	Frozen         = "frozen"
	AcceptedUntil  = "accepted-until"
	NotAffected    = "not-affected"
	Unsupported    = "unsupported"
	OutcomeError   = "error"
)

// Outcome is the answer to one finding.
type Outcome struct {
	Package       string   `json:"package"`
	Version       string   `json:"version"`
	Source        string   `json:"source"`
	Vulnerability string   `json:"vulnerability"`
	Outcome       string   `json:"outcome"`
	Phase         string   `json:"phase,omitempty"`
	Detail        string   `json:"detail"`
	Chain         []string `json:"chain,omitempty"`

	Until        *time.Time `json:"until,omitempty"`    // of cooling-down, accepted-until, frozen, and blocked by a rejection: when that ends
	Deadline     *time.Time `json:"deadline,omitempty"` // of this finding alone, where it is or was planned and first detection is known
	DeadlineRule string     `json:"deadline_rule,omitempty"`
}

// Recommendations are the seeds' rules, printed with every plan.
type Recommendations struct {
	NeverDo []string `json:"never_do"`
}
