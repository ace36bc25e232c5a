package preflight

import (
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/policy"
)

// Stage is what a change is about to do.
type Stage string

// The stages that ask.
const (
	Validation Stage = "validation" // be installed and tested in the dock, and proposed
	Production Stage = "production" // go to production
)

// Want is what a change asks before it goes on.
type Want struct {
	Stage Stage
	// Backup is what the policy demands of the change's class: (*policy.Policy).BackupFor.
	Backup policy.Backup
	// Check is the application's command, whose MaxAge counts; nil where it has none.
	Check *application.BackupCheck
	Now   time.Time
}

// Decision is what the two results mean for a change.
type Decision struct {
	Hold   bool     `json:"hold"`
	Reason string   `json:"reason,omitempty"` // why it holds
	Do     string   `json:"do,omitempty"`     // what ends that
	Notes  []string `json:"notes,omitempty"`  // told in any case, held or not
	// BackupGoodUntil is when the verification no longer counts; zero where there is none that counts now.
	BackupGoodUntil time.Time `json:"backup_good_until,omitzero"`
}

// Fresh says whether a verification of then still counts now, and until when: for max_age of the check (24 h where
// it says nothing) from its start, since what was looked at is the backup of that moment. One of the future is none:
// nobody knows its age. A nil check has no verification that counts.
func Fresh(b *application.BackupCheck, verified, now time.Time) (ok bool, until time.Time) {
	if b == nil || verified.IsZero() {
		return false, time.Time{}
	}
	age := time.Duration(b.MaxAge)
	if age <= 0 {
		age = defaultAge
	}
	until = verified.Add(age)
	return !now.After(until) && !verified.After(now.Add(skew)), until
}

// Counts is Fresh by what the policy demands, too: its max_age where that is the shorter one.
func (w Want) Counts(verified time.Time) (ok bool, until time.Time) {
	check := application.BackupCheck{}
	if w.Check != nil {
		check = *w.Check
	}
	own := time.Duration(check.MaxAge)
	if own <= 0 {
		own = defaultAge
	}
	check.MaxAge = policy.Duration(w.Backup.Age(own))
	return Fresh(&check, verified, w.Now)
}

// Decide says whether a change goes on, from the newest results there are (not necessarily of now). It is pure.
//
// A health check that did not pass holds every change; where none is configured that is told. A backup that is not
// verified, or not any more, holds what goes to production and only where the policy demands one; in every other
// case it is told.
func Decide(health, backup Result, w Want) Decision {
	var d Decision
	switch {
	case health.Status == Passed:
	case health.Status == None:
		d.Notes = append(d.Notes, "health: "+health.Detail)
	default:
		d.hold("the system is not known to be healthy: "+tell(health), remedy(health.Status, HealthName))
	}
	why, do := w.backup(backup, &d)
	if why == "" {
		return d
	}
	switch {
	case !w.Backup.Required:
		d.Notes = append(d.Notes, "backup: "+why+"; the policy does not demand one")
	case w.Stage == Validation:
		d.Notes = append(d.Notes, "backup: "+why+"; the policy demands one before production: "+do)
	default:
		d.hold("the policy demands "+w.Backup.String()+" before production: "+why, do)
	}
	return d
}

// backup is why there is no verified backup, and what to do; nothing where there is one.
func (w Want) backup(r Result, d *Decision) (why, do string) {
	if r.Status != Passed {
		return tell(r), remedy(r.Status, BackupName)
	}
	ok, until := w.Counts(r.Started)
	switch {
	case ok:
		d.BackupGoodUntil = until
		return "", ""
	case r.Started.After(w.Now):
		return "it was verified at " + r.Started.Format(time.RFC3339) + ", which is still to come", "look at the clocks of this host, and verify again"
	}
	return "it was verified at " + r.Started.Format(time.RFC3339) + ", which counted until " + until.Format(time.RFC3339), "verify again: before_update.backup runs anew before a change goes on"
}

func (d *Decision) hold(reason, do string) {
	if d.Hold { // both
		d.Notes = append(d.Notes, reason+": "+do)
		return
	}
	d.Hold, d.Reason, d.Do = true, reason, do
}

// tell is a result in a sentence.
func tell(r Result) string {
	if r.Status == "" {
		return "nobody looked"
	}
	if r.Detail == "" {
		return string(r.Status)
	}
	return string(r.Status) + ": " + r.Detail
}

// remedy is what ends the state of a command.
func remedy(r Status, name string) string {
	switch key := "before_update." + name; r {
	case "":
		return "run " + key
	case None:
		return "name a command in " + key + " of the application"
	case Timeout:
		return "put right what holds it up, or raise " + key + ".timeout"
	case NotFound:
		return "correct " + key + " on the server"
	case Killed:
		return "look at who ended it (often the kernel, for want of memory); it is run again before the change goes on"
	}
	return "put right what its log says; it is run again before the change goes on"
}
