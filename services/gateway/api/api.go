// Package api is what the gateway and its clients say to one another: requests, answers and problems.
package api

import (
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
)

// ScanRequest asks for a scan, and the plan that follows it.
type ScanRequest struct {
	Path        string     `json:"path" minLength:"1" maxLength:"4096" doc:"Absolute path of what to scan, on the machine Drydock runs on"`
	Given       string     `json:"given,omitempty" maxLength:"4096" doc:"The path as the person wrote it"`
	Application string     `json:"application,omitempty" maxLength:"63" doc:"Name of the application; by default from its git remote and sub-path, else its path"`
	Lane        string     `json:"lane,omitempty" enum:"urgent,routine" doc:"urgent has workers of its own; default routine"`
	Environment bool       `json:"environment,omitempty" doc:"The path is a Python prefix or site-packages of a live application"`
	Engine      string     `json:"engine,omitempty" enum:"native,osv-scanner" doc:"Which engine matches; default native"`
	CrossCheck  bool       `json:"cross_check,omitempty" doc:"Run both engines and report every difference"`
	Outdated    bool       `json:"outdated,omitempty" doc:"Look up newer releases too"`
	IndexURL    string     `json:"index_url,omitempty" maxLength:"2048" doc:"Package index, without credentials; default the server's"`
	Exclude     *time.Time `json:"exclude_newer,omitempty" doc:"The plan picks no distribution published later"`
	Full        bool       `json:"full,omitempty" doc:"The plan holds the updates that fix nothing known, too"`
	Python      string     `json:"python,omitempty" maxLength:"64" doc:"The target interpreter's version; default what the application declares"`
	RequestID   string     `json:"request_id,omitempty" maxLength:"128" doc:"Any stable id: the same one asked twice is one scan"`
}

// States of a requested scan.
const (
	ScanPending   = "pending"
	ScanCompleted = "completed"
	ScanFailed    = "failed"
)

// Scan is a requested scan and what came of it.
type Scan struct {
	ID          uint64    `json:"id" doc:"Sequence of the scan.requested event"`
	Application string    `json:"application"`
	Target      string    `json:"target"`
	State       string    `json:"state" enum:"pending,completed,failed"`
	Requested   time.Time `json:"requested"`
	Answered    uint64    `json:"answered,omitempty" doc:"Sequence of scan.completed or scan.failed"`
	Report      string    `json:"report,omitempty" doc:"sha256:… evidence: the scan document"`
	Inventory   string    `json:"inventory,omitempty" doc:"sha256:… evidence: the inventory"`
	Reason      string    `json:"reason,omitempty" doc:"Why it failed, one word"`
	Detail      string    `json:"detail,omitempty" doc:"Why it failed, one sentence"`
}

// Plan is the plan in force and what it came from.
type Plan struct {
	Application string      `json:"application"`
	Sequence    uint64      `json:"sequence" doc:"Sequence of plan.generated"`
	Inventory   string      `json:"inventory" doc:"sha256:… evidence: the inventory it answers"`
	Changes     []string    `json:"changes,omitempty" doc:"Ids of the changes of its phases, in their order"`
	Document    report.Plan `json:"document"`
}

// Application is one application's present state.
type Application struct {
	Application string         `json:"application"`
	Target      string         `json:"target,omitempty"`
	Remote      string         `json:"remote,omitempty"`
	SubPath     string         `json:"sub_path,omitempty"`
	Sequence    uint64         `json:"sequence"`
	Pending     int            `json:"pending" doc:"Scans asked for and not answered"`
	Scanned     *time.Time     `json:"scanned,omitempty" doc:"When its newest scan completed"`
	Complete    *bool          `json:"complete,omitempty" doc:"Whether its scans could determine everything; absent before the first"`
	Incomplete  int            `json:"incomplete,omitempty" doc:"How many things could not be determined"`
	Failed      []Failure      `json:"failed,omitempty"`
	Findings    Findings       `json:"findings"`
	Plan        string         `json:"plan,omitempty" doc:"sha256:… of the plan in force"`
	Outcomes    map[string]int `json:"outcomes,omitempty" doc:"How many findings the plan in force answers in which way"`
	Changes     []Change       `json:"changes,omitempty" doc:"Open changes by deadline"`
	Rejected    []Change       `json:"rejected,omitempty" doc:"Rejected changes whose failing updates no plan offers for now"`
	Repository  string         `json:"repository,omitempty" doc:"Address of the repository it is declared with; absent: it is not, so that its changes wait for a person"`
}

// Failure is a scan that ended without an inventory.
type Failure struct {
	Target string `json:"target"`
	Reason string `json:"reason"`
	Detail string `json:"detail"`
}

// Findings counts the open findings by severity.
type Findings struct {
	Open      int `json:"open"`
	Critical  int `json:"critical"`
	High      int `json:"high"`
	Medium    int `json:"medium"`
	Low       int `json:"low"`
	Unknown   int `json:"unknown"`
	Malicious int `json:"malicious"`
}

// Change is a change's present state.
type Change struct {
	Change       string          `json:"change"`
	Application  string          `json:"application"`
	Plan         string          `json:"plan"`
	Phase        string          `json:"phase"`
	Class        string          `json:"class"`
	Branch       string          `json:"branch"`
	State        string          `json:"state" doc:"open, or the verb of its terminal event"`
	Stage        string          `json:"stage" doc:"How far it came: opened, parked, validated, proposed, merged, or the verb of its terminal event"`
	Since        time.Time       `json:"since" doc:"When it came to that stage"`
	Opened       time.Time       `json:"opened"`
	Deadline     time.Time       `json:"deadline,omitzero" doc:"Absent: it has none, since it fixes nothing known"`
	DeadlineRule string          `json:"deadline_rule,omitzero"`
	Breached     bool            `json:"breached"`
	Updates      []events.Update `json:"updates"`
	Findings     []string        `json:"findings"`
	SupersededBy string          `json:"superseded_by,omitempty"`
	Kind         string          `json:"kind,omitempty" doc:"Of a parked or rejected one: what kind of trouble"`
	Reason       string          `json:"reason,omitempty" doc:"Why it ended or is parked, in one sentence"`
	Do           string          `json:"do,omitempty" doc:"Of a parked one: what to do, in one sentence"`
	Retry        time.Time       `json:"retry_at,omitzero" doc:"Of a parked one: when it is tried again by itself; absent: not before somebody asks"`
	Commit       string          `json:"commit,omitempty" doc:"Of a proposed one: what its branch shows"`
	URL          string          `json:"url,omitempty" doc:"Of a proposed one: its page for people, where the forge has pages"`
}

// Breaker is the state of one guarded outside call.
type Breaker struct {
	Name     string `json:"name"`
	State    string `json:"state"`
	Failures int    `json:"failures"`
}

// Database is one ecosystem's advisories and how old they are.
type Database struct {
	Name     string     `json:"name"`
	Digest   string     `json:"digest"`
	Records  int        `json:"records"`
	Newest   *time.Time `json:"newest,omitempty"`
	Fetched  *time.Time `json:"fetched,omitempty"`
	AgeHours *float64   `json:"age_hours,omitempty"`
	Partial  bool       `json:"partial,omitempty"`
	Stale    bool       `json:"stale,omitempty"`
}

// Status is what a running Drydock says of itself.
type Status struct {
	Version      string        `json:"version"`
	Started      time.Time     `json:"started"`
	Now          time.Time     `json:"now"`
	Ready        bool          `json:"ready"`
	Policy       string        `json:"policy,omitempty" doc:"sha256:… of the policy in force"`
	Bus          bus.Status    `json:"bus"`
	DeadLetters  int           `json:"dead_letters"`
	Breakers     []Breaker     `json:"breakers"`
	Databases    []Database    `json:"databases"`
	Applications []Application `json:"applications"`
}

// Imported says what became of one ecosystem of an import or update.
type Imported struct {
	Database  Database `json:"database"`
	Before    string   `json:"before,omitempty" doc:"sha256:… of the database before"`
	Unchanged bool     `json:"unchanged,omitempty" doc:"It was up to date"`
	Skipped   string   `json:"skipped,omitempty" doc:"Why it was left out"`
}

// DatabaseImport asks the server to import advisories.
type DatabaseImport struct {
	Path   string `json:"path,omitempty" maxLength:"4096" doc:"Absolute path of an all.zip or of a directory of them, on the machine Drydock runs on"`
	Mirror string `json:"mirror,omitempty" maxLength:"2048" doc:"For an update: the address to fetch from instead of the public bucket"`

	Ecosystems []string `json:"ecosystems,omitempty" maxItems:"20" doc:"For an update: which; default those there, else PyPI. For an import of loose records: theirs"`
	KEV        string   `json:"kev,omitempty" maxLength:"4096" doc:"For an update: file or address of the list of known exploited vulnerabilities"`
	EPSS       string   `json:"epss,omitempty" maxLength:"4096" doc:"For an update: file or address of the EPSS scores"`
}

// Resolve says what becomes of a dead letter.
type Resolve struct {
	Actor  string `json:"actor,omitempty" maxLength:"256" doc:"Who decided"`
	Reason string `json:"reason,omitempty" maxLength:"2000" doc:"Why; required to drop"`
}

// EventQuery selects events of the log.
type EventQuery struct {
	From   uint64    // first sequence; 0 for the beginning
	Since  time.Time // only events stored at or after this time
	App    string
	Type   string // "scan.completed" or the full CloudEvents type
	Change string
	Follow bool // go on with what comes
}
