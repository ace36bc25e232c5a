package events

import "time"

// ArtifactSealed says that what a change installs was built and sealed: what is validated, and then runs.
type ArtifactSealed struct {
	Change      string `json:"change"`         // ChangeID
	Artifact    string `json:"artifact"`       // sha256:… names it, and is evidence: artifact.Manifest
	Base        Base   `json:"base"`           // what it was built from
	Files       int    `json:"files"`          // files and links in it
	Bytes       int64  `json:"bytes"`          // of all its files
	Interpreter string `json:"interpreter"`    // version of Python, "3.11.7"
	Isolation   string `json:"isolation"`      // bubblewrap | namespaces | landlock | none
	Bill        string `json:"bill,omitempty"` // sha256:… evidence: CycloneDX 1.6 bill of materials; absent: it was rejected before a scan
}

// Base is the commit of a base branch that a change is made for.
type Base struct {
	Branch string `json:"branch"` // such as main
	Commit string `json:"commit"` // full id
}

// ChangeValidated says that an artifact passed everything in the dock.
type ChangeValidated struct {
	Change     string   `json:"change"`           // ChangeID
	Plan       string   `json:"plan"`             // sha256:… of the plan it is a phase of
	Artifact   string   `json:"artifact"`         // sha256:… of what was sealed
	Base       Base     `json:"base"`             // what it was built from
	Validation string   `json:"validation"`       // sha256:… evidence: report.Validation, with each step and its log
	Tests      string   `json:"tests,omitempty"`  // sha256:… evidence: in-toto test result; absent: nothing was tested
	Isolation  string   `json:"isolation"`        // as in ArtifactSealed
	Merge      string   `json:"merge"`            // person | automatic: who merges it
	Warned     []string `json:"warned,omitempty"` // what fails without the change, too, in sentences
}

// Kinds of rejections.
const (
	RejectedTests      = "tests"      // its own or the security checks fail, and did not before
	RejectedInstall    = "install"    // what it installs does not go together
	RejectedVulnerable = "vulnerable" // what it installs has a finding that the plan did not foresee
	RejectedChanged    = "changed"    // something in the dock changed what had been sealed
	RejectedDeleted    = "deleted"    // somebody took its branch away
)

// ChangeRejected ends a change; terminal. The planner answers it.
type ChangeRejected struct {
	Change     string    `json:"change"`               // ChangeID
	Kind       string    `json:"kind"`                 // tests | install | vulnerable | changed | deleted
	Reason     string    `json:"reason"`               // why, in one sentence
	By         string    `json:"by,omitempty"`         // who, where a person did it and is known
	Failing    []Update  `json:"failing"`              // the smallest updates that fail, by package; what the rejection reaches
	Proved     bool      `json:"proved,omitempty"`     // without any one of them nothing fails
	Log        string    `json:"log,omitempty"`        // sha256:… evidence: what failed printed
	Validation string    `json:"validation,omitempty"` // sha256:… evidence: report.Validation
	Until      time.Time `json:"until"`                // until when no plan offers them again by itself
}

// Kinds of parked changes.
const (
	ParkedSetup   = "setup"   // the application, its repository's file or this host must be mended
	ParkedAccess  = "access"  // the repository refuses or can't be reached
	ParkedTouched = "touched" // somebody pushed to its branch, which is left alone
	ParkedHealth  = "health"  // the system is not healthy; no update begins
	ParkedStale   = "stale"   // the base is not what was planned for; a scan is needed
	ParkedRoom    = "room"    // no room left on the disk, or in the dock
	ParkedFailed  = "failed"  // tried several times, for a reason that nobody knows
)

// ChangeParked says that a change waits for a person, or for time.
type ChangeParked struct {
	Change     string    `json:"change"`               // ChangeID
	Kind       string    `json:"kind"`                 // setup | access | touched | health | stale | room | failed
	Reason     string    `json:"reason"`               // what was found, in one sentence
	Do         string    `json:"do"`                   // what to do, in one sentence
	Step       string    `json:"step"`                 // where it stopped, as in report.Validation
	Retry      time.Time `json:"retry_at,omitzero"`    // tried again by itself then; absent: not before somebody asks
	Validation string    `json:"validation,omitempty"` // sha256:… evidence: report.Validation
	Tip        string    `json:"tip,omitempty"`        // commit that the branch shows, of touched
	By         string    `json:"by,omitempty"`         // whom that commit names
}

// ChangeResumed takes up a change again that was parked or left.
type ChangeResumed struct {
	Change string `json:"change"` // ChangeID
	Reason string `json:"reason"` // why now, in one sentence
}

// ArtifactVoided says that an artifact no longer counts for its change.
type ArtifactVoided struct {
	Change   string `json:"change"`   // ChangeID
	Artifact string `json:"artifact"` // sha256:… that no longer counts
	Reason   string `json:"reason"`   // why, in one sentence
	Base     Base   `json:"base"`     // what the base shows now
}

// ChangeProposed says that the change can be looked at.
type ChangeProposed struct {
	Change     string `json:"change"`        // ChangeID
	Branch     string `json:"branch"`        // that shows it
	Commit     string `json:"commit"`        // full id
	Base       Base   `json:"base"`          // its only parent
	Artifact   string `json:"artifact"`      // sha256:… of what was validated
	Validation string `json:"validation"`    // sha256:… evidence: report.Validation
	Text       string `json:"text"`          // sha256:… evidence: the text of the proposal, Markdown
	Outcome    string `json:"outcome"`       // created | updated | unchanged
	URL        string `json:"url,omitempty"` // for people, where the forge has pages
}

// ChangeMerged says that a proposed commit arrived in the base branch.
type ChangeMerged struct {
	Change   string `json:"change"`       // ChangeID
	Commit   string `json:"commit"`       // that was proposed
	Base     Base   `json:"base"`         // the base when this was seen
	How      string `json:"how"`          // contained | content (squashed or rebased)
	By       string `json:"by,omitempty"` // commit that brought it
	SameTree bool   `json:"same_tree"`    // the base at that commit has exactly the files that were validated
	Artifact string `json:"artifact"`     // sha256:… of what was validated
}

// Kinds of effects.
const (
	EffectPropose     = "branch.propose"
	EffectClose       = "branch.close"
	EffectFastForward = "base.fast-forward"
)

// EffectIntended records an outside effect before it is tried (invariant I8).
type EffectIntended struct {
	Effect     string `json:"effect"`               // EffectID
	Kind       string `json:"kind"`                 // branch.propose | branch.close | base.fast-forward
	Change     string `json:"change"`               // ChangeID
	Target     string `json:"target"`               // the repository, without credentials
	Branch     string `json:"branch"`               // that is written
	Commit     string `json:"commit,omitempty"`     // that it will show
	Base       Base   `json:"base,omitzero"`        // what the base must show
	Artifact   string `json:"artifact,omitempty"`   // sha256:… of what was validated
	Validation string `json:"validation,omitempty"` // sha256:… evidence: report.Validation
	Reason     string `json:"reason,omitempty"`     // of a closing, in one sentence
}

// EffectDone records that an effect took place.
type EffectDone struct {
	Effect string `json:"effect"`           // EffectID
	Kind   string `json:"kind"`             // as intended
	Change string `json:"change"`           // ChangeID
	Result string `json:"result"`           // created | updated | unchanged | closed | already | merged
	Detail string `json:"detail,omitempty"` // what was found, in one sentence
}

// EffectRefused records that an effect did not take place and will not.
type EffectRefused struct {
	Effect string `json:"effect"` // EffectID
	Kind   string `json:"kind"`   // as intended
	Change string `json:"change"` // ChangeID
	Reason string `json:"reason"` // why, in one sentence
}

// EffectID names an effect: one kind of thing done once for one commit of a change.
func EffectID(change, kind, commit string) string { return "e-" + ID(change, kind, commit)[:12] }
