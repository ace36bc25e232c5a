package preflight

import (
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/policy"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const hour = policy.Duration(time.Hour)

func TestFresh(t *testing.T) {
	for _, tc := range []struct {
		name     string
		check    *application.BackupCheck
		verified time.Time
		ok       bool
		until    time.Time
	}{
		{"just now", &application.BackupCheck{MaxAge: 6 * hour}, noon, true, noon.Add(6 * time.Hour)},
		{"at its last moment", &application.BackupCheck{MaxAge: 6 * hour}, noon.Add(-6 * time.Hour), true, noon},
		{"a moment later", &application.BackupCheck{MaxAge: 6 * hour}, noon.Add(-6*time.Hour - time.Nanosecond), false, noon.Add(-time.Nanosecond)},
		{"by default", &application.BackupCheck{}, noon.Add(-24 * time.Hour), true, noon},
		{"by default too old", &application.BackupCheck{}, noon.Add(-24*time.Hour - 1), false, noon.Add(-1)},
		{"never", &application.BackupCheck{MaxAge: hour}, time.Time{}, false, time.Time{}},
		{"no check", nil, noon, false, time.Time{}},
		{"a clock that is a little behind", &application.BackupCheck{MaxAge: hour}, noon.Add(skew), true, noon.Add(skew + time.Hour)},
		{"of the future", &application.BackupCheck{MaxAge: hour}, noon.Add(skew + 1), false, noon.Add(skew + 1 + time.Hour)},
	} {
		if ok, until := Fresh(tc.check, tc.verified, noon); ok != tc.ok || !until.Equal(tc.until) {
			t.Errorf("%s: %v %v, want %v %v", tc.name, ok, until, tc.ok, tc.until)
		}
	}
}

// TestDecide holds each status of both commands, at both stages, with and without a demand, to what it means.
func TestDecide(t *testing.T) {
	result := func(name string, s Status, ago time.Duration) Result {
		r := Result{Name: name, Status: s, ExitCode: -1, Started: noon.Add(-ago), Detail: "why"}
		if s == Passed {
			r.ExitCode, r.Detail = 0, ""
		}
		return r
	}
	bad := []Status{Failed, Timeout, NotFound, Killed, "", "of a newer Drydock"}
	for _, h := range append([]Status{Passed, None}, bad...) {
		for _, b := range append([]Status{Passed, None, "stale"}, bad...) {
			for _, required := range []bool{false, true} {
				for _, stage := range []Stage{Validation, Production} {
					backup := result(BackupName, b, time.Hour)
					if b == "stale" {
						backup = result(BackupName, Passed, 25*time.Hour)
					}
					d := Decide(result(HealthName, h, 0), backup, Want{Stage: stage, Backup: policy.Backup{Required: required}, Check: &application.BackupCheck{}, Now: noon})
					sick, unverified := h != Passed && h != None, b != Passed
					if hold := sick || unverified && required && stage == Production; d.Hold != hold || hold != (d.Reason != "") || hold != (d.Do != "") {
						t.Errorf("health %s, backup %s, required %v, %s: %+v", h, b, required, stage, d)
					}
					told := strings.Join(append(d.Notes, d.Reason), "\n")
					if unverified != strings.Contains(told, "backup") || (h == None) != strings.Contains(told, "health: why") || unverified != d.BackupGoodUntil.IsZero() {
						t.Errorf("health %s, backup %s, required %v, %s: %+v", h, b, required, stage, d)
					}
				}
			}
		}
	}
}

func TestDecideSays(t *testing.T) {
	good := Result{Name: HealthName, Status: Passed}
	verified := Result{Name: BackupName, Status: Passed, Started: noon.Add(-3 * time.Hour)}
	for _, tc := range []struct {
		name           string
		health, backup Result
		want           Want
		says           string
	}{
		{"sick", Result{Status: Failed, Detail: "ended with 3; last it said: disk full"}, verified, Want{},
			"the system is not known to be healthy: failed: ended with 3; last it said: disk full | put right what its log says; it is run again before the change goes on"},
		{"nobody looked", Result{}, verified, Want{}, "the system is not known to be healthy: nobody looked | run before_update.health"},
		{"no backup, later", good, Result{Status: None, Detail: "no before_update.backup is configured"}, Want{Stage: Validation, Backup: policy.Backup{Required: true}},
			"backup: none: no before_update.backup is configured; the policy demands one before production: name a command in before_update.backup of the application"},
		{"no backup, now", good, Result{Status: Timeout, Detail: "stopped"}, Want{Stage: Production, Backup: policy.Backup{Required: true}},
			"the policy demands a verified backup before production: timeout: stopped | put right what holds it up, or raise before_update.backup.timeout"},
		{"nobody asks", good, Result{Status: NotFound, Detail: "there is no program x"}, Want{Stage: Production},
			"backup: not-found: there is no program x; the policy does not demand one"},
		{"too old for the policy", good, verified, Want{Stage: Production, Backup: policy.Backup{Required: true, MaxAge: 2 * hour}, Check: &application.BackupCheck{MaxAge: 24 * hour}},
			"the policy demands a verified backup, at most 2h old before production: it was verified at 2026-11-22T09:00:00Z, which counted until 2026-11-22T11:00:00Z | verify again: before_update.backup runs anew before a change goes on"},
		{"too old for the application", good, verified, Want{Stage: Production, Backup: policy.Backup{Required: true, MaxAge: 4 * hour}, Check: &application.BackupCheck{MaxAge: hour}},
			"the policy demands a verified backup, at most 4h old before production: it was verified at 2026-11-22T09:00:00Z, which counted until 2026-11-22T10:00:00Z | verify again: before_update.backup runs anew before a change goes on"},
		{"of tomorrow", good, Result{Status: Passed, Started: noon.Add(24 * time.Hour)}, Want{Stage: Production, Backup: policy.Backup{Required: true}},
			"the policy demands a verified backup before production: it was verified at 2026-11-23T12:00:00Z, which is still to come | look at the clocks of this host, and verify again"},
		{"both", Result{Status: Killed, Detail: "ended by signal 9"}, Result{Status: None, Detail: "none is named"}, Want{Stage: Production, Backup: policy.Backup{Required: true}},
			"the system is not known to be healthy: killed: ended by signal 9 | look at who ended it (often the kernel, for want of memory); it is run again before the change goes on | the policy demands a verified backup before production: none: none is named: name a command in before_update.backup of the application"},
	} {
		tc.want.Now = noon
		d := Decide(tc.health, tc.backup, tc.want)
		said := append([]string{d.Reason, d.Do}, d.Notes...)
		if d.Reason == "" {
			said = d.Notes
		}
		if got := strings.Join(said, " | "); got != tc.says {
			t.Errorf("%s:\ngot  %s\nwant %s", tc.name, got, tc.says)
		}
	}
	// Without a demand of the policy the application's own age counts, without its check the default's.
	if d := Decide(good, verified, Want{Now: noon}); !d.BackupGoodUntil.Equal(noon.Add(21*time.Hour)) || d.Hold || len(d.Notes) > 0 {
		t.Errorf("%+v", d)
	}
}
