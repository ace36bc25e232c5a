// Package preflight is the validation before an update begins (docs/applications.md, "Before an update"): is the
// system healthy, and can its newest backup be restored? Two commands of the server's own answer, never one of a
// repository. They run outside any isolation, with Drydock's rights; what they start ends with them.
//
// [Decide] says what the answers mean. A failing health check holds every change; a backup that nobody verified
// holds only what goes to production, and only where the policy demands one.
package preflight

import (
	"context"
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
)

// Status is how a command ended.
type Status string

// The ways a command ends.
const (
	Passed   Status = "passed"    // by itself, with 0
	Failed   Status = "failed"    // by itself, with another exit code
	Timeout  Status = "timeout"   // stopped: it took longer than it may
	NotFound Status = "not-found" // never ran: the program or its folder is not there, or can't be run
	Killed   Status = "killed"    // by a signal that Drydock did not send
	None     Status = "none"      // no command is configured, so nothing was asked
)

// The names of the two commands.
const (
	HealthName = "health"
	BackupName = "backup"
)

// Result is what came of one command.
type Result struct {
	Name     string `json:"name"`              // HealthName or BackupName
	Command  string `json:"command,omitempty"` // as one line; empty with None
	Status   Status `json:"status"`
	ExitCode int    `json:"exit_code"`        // of Passed and Failed; -1 else
	Signal   int    `json:"signal,omitempty"` // of Killed
	// Log is what it printed to both outputs, in the order it came: the first and last 64 kB. Control characters
	// and what is no UTF-8 are written as escapes, passwords in addresses as dots.
	Log     []byte    `json:"-"`
	LogCut  bool      `json:"log_cut,omitempty"` // there was more between them
	Detail  string    `json:"detail,omitempty"`  // one line: what is wrong, and what to do where that is known
	Started time.Time `json:"started,omitzero"`  // UTC; from here on a verification counts
	Seconds float64   `json:"seconds"`
}

// Health runs the health command. The error is that of a host on which nothing can be started at the moment, or
// of ctx; it says nothing of the system's health. However the command itself ended, there is a result and no error.
func Health(ctx context.Context, b application.BeforeUpdate) (Result, error) {
	if b.Health == nil {
		return Result{Name: HealthName, Status: None, ExitCode: -1, Detail: "no before_update.health is configured: nobody looked whether the system is healthy"}, nil
	}
	return run(ctx, command{name: HealthName, words: b.Health.Command, dir: b.Health.Dir, limit: time.Duration(b.Health.Timeout)})
}

// Backup runs the command that verifies the newest backup; like [Health].
func Backup(ctx context.Context, b application.BeforeUpdate) (Result, error) {
	if b.Backup == nil {
		return Result{Name: BackupName, Status: None, ExitCode: -1, Detail: "no before_update.backup is configured: nobody looked whether a backup can be restored"}, nil
	}
	return run(ctx, command{name: BackupName, words: b.Backup.Command, dir: b.Backup.Dir, limit: time.Duration(b.Backup.Timeout)})
}
