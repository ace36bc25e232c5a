package report

import "time"

// SchemaValidation is the `schema` of a Validation.
const SchemaValidation = "drydock.validation/v1"

// Results of a Validation.
const (
	Validated = "validated"
	Rejected  = "rejected"
	Parked    = "parked"
)

// Statuses of a Step.
const (
	StepPassed  = "passed"
	StepWarned  = "warned" // what failed, fails without the change, too
	StepFailed  = "failed"
	StepSkipped = "skipped" // there was nothing to do; the detail says why
	StepStopped = "stopped" // it could not be carried out
)

// The steps of a validation, in their order.
const (
	StepHealth    = "health"    // the system health command of the server
	StepBackup    = "backup"    // the backup verification command of the server
	StepCheckout  = "checkout"  // the base commit, written out
	StepRead      = "read"      // the repository's own file, and an inventory of its manifests
	StepManifests = "manifests" // the updates written into the manifests
	StepFetch     = "fetch"     // distributions fetched by their sha256, outside the dock
	StepInstall   = "install"   // installed in the dock, offline
	StepPipCheck  = "pip-check" // what is installed goes together
	StepSeal      = "seal"      // every file in one manifest
	StepRescan    = "rescan"    // what is installed, scanned
	StepBaseline  = "baseline"  // tests of the unchanged application
	StepConfirm   = "confirm"   // a check of the unchanged application once more: what it failed with once excuses nothing
	StepTests     = "tests"     // tests of the changed one
	StepSecurity  = "security"  // its own security check
	StepSmoke     = "smoke"     // it starts
	StepVerify    = "verify"    // the sealed files are still those that were sealed
	StepBisect    = "bisect"    // the smallest updates that fail
)

// Validation is what became of a change in the dock: the document that change.validated, change.rejected and
// change.parked name, and `drydock change show --format json` prints under "validation".
type Validation struct {
	Schema      string    `json:"schema"`
	Tool        Tool      `json:"tool"`
	Application string    `json:"application"`
	Change      string    `json:"change"`
	Plan        string    `json:"plan"` // sha256:…
	Phase       string    `json:"phase"`
	Result      string    `json:"result"`         // validated | rejected | parked
	Kind        string    `json:"kind,omitempty"` // of a rejected or parked change, as in its event
	Reason      string    `json:"reason,omitempty"`
	Do          string    `json:"do,omitempty"` // of a parked change
	Started     time.Time `json:"started"`
	Seconds     float64   `json:"seconds"`

	Remote      string       `json:"remote"` // address of the repository, without credentials
	Branch      string       `json:"branch"` // of the base
	Base        string       `json:"base"`   // commit it was made for
	Path        string       `json:"path,omitempty"`
	Isolation   string       `json:"isolation"` // bubblewrap | namespaces | landlock | none
	Interpreter *Interpreter `json:"interpreter,omitempty"`
	Updates     []Update     `json:"updates"`           // that were applied, those of earlier phases counted
	Earlier     []string     `json:"earlier"`           // phases of the plan whose updates it stands on
	Manifests   []Manifest   `json:"manifests"`         // that change, by path
	Left        []Remark     `json:"left,omitempty"`    // of the checkout: what is not in it, and what a reader should know
	Sources     []Source     `json:"sources,omitempty"` // source distributions that were picked, to be built in the dock
	Notes       []string     `json:"notes,omitempty"`   // what a reader must know, as sentences

	Steps    []Step    `json:"steps"`              // in the order in which they went
	Artifact string    `json:"artifact,omitempty"` // sha256:… of what was sealed
	Files    int       `json:"files,omitempty"`
	Bytes    int64     `json:"bytes,omitempty"`
	Bill     string    `json:"bill,omitempty"`  // sha256:… evidence: CycloneDX
	Tested   string    `json:"tests,omitempty"` // sha256:… evidence: in-toto test result
	Rescan   *Rescan   `json:"rescan,omitempty"`
	Failing  []Update  `json:"failing,omitempty"` // the smallest updates that fail
	Proved   bool      `json:"proved,omitempty"`  // without any one of them nothing fails
	Log      string    `json:"log,omitempty"`     // sha256:… evidence: what failed printed
	Inputs   DockInput `json:"inputs"`

	// NotRun are checks that the policy asks for and nothing has run: integration, performance. They need staging.
	NotRun    []string `json:"not_run,omitempty"`
	Approvals string   `json:"approvals,omitempty"` // that production will need, in words
	Merge     string   `json:"merge,omitempty"`     // person | automatic
	Backup    *Backup  `json:"backup,omitempty"`
}

// Interpreter is the host's Python that runs the artifact.
type Interpreter struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	Digest  string `json:"digest"` // sha256:… of the program
}

// Manifest is a file of the repository that the change writes.
type Manifest struct {
	Path   string `json:"path"`             // from the root of the repository, with '/'
	Before string `json:"before,omitempty"` // sha256:…
	After  string `json:"after"`            // sha256:… evidence
}

// Source is a distribution without a wheel: what it holds is what its own code makes of it.
type Source struct {
	Package string   `json:"package"`
	File    string   `json:"file"`
	Digest  string   `json:"digest"`         // sha256:…
	With    []string `json:"with,omitempty"` // "setuptools-75.3.0-py3-none-any.whl sha256:…" what was there to build it with
}

// Remark is a path with what is to be said of it.
type Remark struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

// Step is one thing that was done.
type Step struct {
	Name     string    `json:"name"`
	Status   string    `json:"status"`           // passed | warned | failed | skipped | stopped
	Detail   string    `json:"detail,omitempty"` // one sentence
	Command  string    `json:"command,omitempty"`
	Started  time.Time `json:"started"`
	Seconds  float64   `json:"seconds"`
	ExitCode *int      `json:"exit_code,omitempty"` // of a command that ended by itself
	Log      string    `json:"log,omitempty"`       // sha256:… evidence: text
	Cached   bool      `json:"cached,omitempty"`    // known from before; nothing was run
	From     string    `json:"from,omitempty"`      // change that it was run for, which this one carries on; absent: this one
	Tests    *Tests    `json:"tests,omitempty"`
	Flaky    []Flaky   `json:"flaky,omitempty"` // what decided, or could have, and fails by chance; at most a hundred
}

// Flaky is a test that failed in some runs of the same application and passed in others, with nothing changed in
// between.
type Flaky struct {
	Test   string `json:"test,omitempty"` // absent: the check as a whole, whose single tests do not explain it
	Before Runs   `json:"before"`         // of the unchanged application
	After  Runs   `json:"after"`          // of the changed one
}

// Runs counts how often something failed, of the runs in which it came to an end.
type Runs struct {
	Failed int `json:"failed"`
	Of     int `json:"of"`
}

// Tests counts single tests, where the command told of them.
type Tests struct {
	Passed  int      `json:"passed"`
	Failed  int      `json:"failed"`
	Skipped int      `json:"skipped"`
	New     []string `json:"new,omitempty"`    // failing, and not without the change; at most a hundred
	Before  []string `json:"before,omitempty"` // failing without the change, too; at most a hundred
	Fixed   []string `json:"fixed,omitempty"`  // failing without the change only; at most a hundred
}

// Rescan is what a scan of the installed environment found.
type Rescan struct {
	Report    string `json:"report"`    // sha256:… evidence: Scan
	Inventory string `json:"inventory"` // sha256:…
	Packages  int    `json:"packages"`
	Findings  int    `json:"findings"` // that are left; each has its outcome in the plan
	Complete  bool   `json:"complete"`
}

// DockInput names what the validation was made from, beside plan and base.
type DockInput struct {
	Application string `json:"application"`          // sha256:… evidence: the application as the server declares it
	Repository  string `json:"repository,omitempty"` // sha256:… evidence: the repository's own file; absent: there is none
	Policy      string `json:"policy"`               // sha256:… evidence
	Advisories  string `json:"advisories,omitempty"` // sha256:… of the databases
	Installer   string `json:"installer"`            // "uv 0.13.9"
}

// Backup is the last verification of a backup.
type Backup struct {
	Verified time.Time `json:"verified"`
	Until    time.Time `json:"until"` // it counts until then
	Log      string    `json:"log,omitempty"`
}

// Step finds the last step of a name; nil: it was not reached.
func (v *Validation) Step(name string) *Step {
	for i := len(v.Steps) - 1; i >= 0; i-- {
		if v.Steps[i].Name == name {
			return &v.Steps[i]
		}
	}
	return nil
}
