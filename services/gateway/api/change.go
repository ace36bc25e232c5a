package api

import (
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
)

// UpdateRequest asks for the updates of an application: the newest commit of its repository is read and planned,
// and each change of the plan is validated and proposed.
type UpdateRequest struct {
	Full         bool   `json:"full,omitempty" doc:"The plan holds the updates that fix nothing known, too"`
	SecurityOnly *bool  `json:"security_only,omitempty" doc:"The opposite of full; without either as at the last update, at first security only"`
	Python       string `json:"python,omitempty" maxLength:"64" doc:"The target interpreter's version; default what the application declares"`
	Again        *bool  `json:"again,omitempty" doc:"Rejections are forgotten, and what is parked is tried again; default true"`
	Lane         string `json:"lane,omitempty" enum:"urgent,routine" doc:"urgent has workers of its own; default routine"`
	RequestID    string `json:"request_id,omitempty" maxLength:"128" doc:"Any stable id: the same one asked twice is one request"`
}

// Declared is an application that the server's applications.yaml declares with a repository.
type Declared struct {
	Application string `json:"application"`
	Repository  string `json:"repository" doc:"Its address, without credentials"`
	Path        string `json:"path,omitempty" doc:"Folder of the application in it; absent: all of it"`
}

// ChangeDetail is a change with all that is known of it. Each fact is the newest of its kind; absent: there is none.
type ChangeDetail struct {
	Change
	Sequence  uint64                 `json:"sequence" doc:"Of its change.opened"`
	Document  string                 `json:"plan_document,omitempty" doc:"sha256:… evidence: the plan it is a phase of"`
	Scan      string                 `json:"scan,omitempty" doc:"sha256:… evidence: the scan that the plan answers"`
	Sealed    *SealedFact            `json:"sealed,omitempty" doc:"What it installs was built and sealed"`
	Validated *ValidatedFact         `json:"validated,omitempty" doc:"It passed everything in the dock"`
	Voided    *events.ArtifactVoided `json:"voided,omitempty" doc:"Its artifact no longer counts, and it is validated anew"`
	Parked    *ParkedFact            `json:"parked,omitempty" doc:"It waits for a person, or for time"`
	Proposed  *ProposedFact          `json:"proposed,omitempty" doc:"It can be looked at"`
	Merged    *MergedFact            `json:"merged,omitempty" doc:"It arrived in the base branch"`
	Rejected  *RejectedFact          `json:"rejected,omitempty" doc:"It failed, or somebody turned it down"`
	Effects   []Effect               `json:"effects" doc:"What was done outside for it, in order"`
	Progress  *Progress              `json:"progress,omitempty" doc:"What is being done just now, as a hint"`
	Waits     []Wait                 `json:"waits" doc:"What it waits for, and who can act; the first one is what holds it"`
}

// SealedFact is artifact.sealed with its time.
type SealedFact struct {
	At time.Time `json:"at"`
	events.ArtifactSealed
}

// ValidatedFact is change.validated with its time.
type ValidatedFact struct {
	At time.Time `json:"at"`
	events.ChangeValidated
}

// ParkedFact is change.parked with its time.
type ParkedFact struct {
	At time.Time `json:"at"`
	events.ChangeParked
}

// ProposedFact is change.proposed with its time.
type ProposedFact struct {
	At time.Time `json:"at"`
	events.ChangeProposed
}

// MergedFact is change.merged with its time.
type MergedFact struct {
	At time.Time `json:"at"`
	events.ChangeMerged
}

// RejectedFact is change.rejected with its time.
type RejectedFact struct {
	At time.Time `json:"at"`
	events.ChangeRejected
}

// Effect is something outside that was to be done, and what came of it.
type Effect struct {
	Effect   string    `json:"effect" doc:"Its id"`
	Kind     string    `json:"kind" enum:"branch.propose,branch.close,base.fast-forward"`
	Target   string    `json:"target" doc:"The repository, without credentials"`
	Branch   string    `json:"branch"`
	Commit   string    `json:"commit,omitempty"`
	Sequence uint64    `json:"sequence" doc:"Of its effect.intended"`
	At       time.Time `json:"at" doc:"When it was intended"`
	Outcome  string    `json:"outcome" enum:"open,done,refused" doc:"open: not known yet"`
	Result   string    `json:"result,omitempty" doc:"Of what was done: created, updated, unchanged, closed, already, merged"`
	Reason   string    `json:"reason,omitempty" doc:"Why it was refused, or why a branch is closed"`
}

// Progress is what a worker does just now. It is a hint that goes away by itself, never a fact.
type Progress struct {
	Step   string     `json:"step" doc:"Name of the step, as in the document of the validation"`
	Detail string     `json:"detail,omitempty"`
	N      int        `json:"n,omitempty" doc:"Which of the steps it is, from 1"`
	Of     int        `json:"of,omitempty" doc:"How many there are"`
	Since  *time.Time `json:"since,omitempty" doc:"When this step began"`
	Worker string     `json:"worker,omitempty" doc:"Who does it"`
}

// Kinds of what a change waits for.
const (
	WaitRepository = "repository" // its application is not declared with one, or it can't be looked at
	WaitWorker     = "worker"     // no validator works on this log
	WaitQueue      = "queue"      // its turn
	WaitStep       = "step"       // a validation that is under way
	WaitPush       = "push"       // its branch is about to be pushed
	WaitPerson     = "person"     // somebody must mend or decide something
	WaitTime       = "time"       // it is tried again by itself
	WaitMerge      = "merge"      // somebody must merge its branch
	WaitDeployment = "deployment" // it is merged
)

// Wait is one thing a change waits for.
type Wait struct {
	Kind  string     `json:"kind" enum:"repository,worker,queue,step,push,person,time,merge,deployment"`
	What  string     `json:"what" doc:"What it waits for, in one sentence"`
	Since *time.Time `json:"since,omitempty"`
	Until *time.Time `json:"until,omitempty" doc:"When it goes on by itself"`
	Who   string     `json:"who" doc:"Who can act"`
	Do    string     `json:"do,omitempty" doc:"What to do, in one sentence"`
}
