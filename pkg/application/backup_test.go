package application

import (
	"fmt"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/policy"
)

// TestBackupIsWarnedOf: what will hold a change before production is told when the file is read.
func TestBackupIsWarnedOf(t *testing.T) {
	p, err := policy.Parse("p", []byte("classes:\n  regular: {backup: {required: false}}\n  emergency: {backup: {max_age: 12h}}\n  high: {backup: {max_age: 6h}}\napplications:\n  strict:\n    classes: {regular: {backup: {required: true}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	none, err := policy.Parse("none", []byte("classes: {emergency: {backup: {required: false}}, framework: {backup: {required: false}}, high: {backup: {required: false}}, domain: {backup: {required: false}}, regular: {backup: {required: false}}, feature: {backup: {required: false}}}"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, text string
		policy     *policy.Policy
		want       []string
	}{
		{"none named", small, policy.Default(), []string{"a.yaml:3: applications.payments.before_update.backup: no command: the policy demands a verified backup before production (every class); changes are validated and proposed, and held there"}},
		{"nobody demands one", small, none, nil},
		{"some demand one", small, p, []string{"a.yaml:3: applications.payments.before_update.backup: no command: the policy demands a verified backup before production (emergency, framework, high, domain, feature); changes"}},
		{"by the application's own policy", strings.ReplaceAll(small, "payments:", "strict:"), p, []string{"(every class)"}},
		{"no production", strings.ReplaceAll(small, ", production: {driver: keeper}", ""), policy.Default(), nil},
		{"named", small + "    before_update: {backup: {command: restore --dry-run}}\n", policy.Default(), nil},
		{"counts for less", small + "    before_update:\n      backup:\n        command: restore --dry-run\n        max_age: 2d\n", p, []string{"a.yaml:9: applications.payments.before_update.backup.max_age: 48h: the policy lets a verification count for less (emergency 12h, high 6h)"}},
		{"short enough", small + "    before_update: {backup: {command: restore, max_age: 6h}}\n", p, nil},
	} {
		got := parse(t, tc.text).WarningsAgainst(tc.policy)
		if len(got) != len(tc.want) || len(got) > 0 && !strings.Contains(got[0].String(), tc.want[0]) {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

// TestBackupFor: the shorter time counts, and a repository can only ask for more.
func TestBackupFor(t *testing.T) {
	p, err := policy.Parse("p", []byte("classes:\n  high: {backup: {max_age: 12h}}\n  regular: {backup: {required: false}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"": "a verified backup|a verified backup, at most 12h old|no backup demanded",
		"    before_update: {backup: {command: restore, max_age: 3h}}\n": "a verified backup, at most 3h old|a verified backup, at most 3h old|no backup demanded",
		"    before_update: {backup: {command: restore}}\n":              "a verified backup, at most 24h old|a verified backup, at most 12h old|no backup demanded",
	} {
		a, _ := parse(t, small+text).Get("payments")
		e, found := Compose(a, Repository{}, p)
		if got := fmt.Sprintf("%s|%s|%s", e.BackupFor(policy.Emergency), e.BackupFor(policy.High), e.BackupFor(policy.Regular)); got != want || len(found) > 0 {
			t.Errorf("%q: %s, want %s (%v)", text, got, want, found)
		}
	}
	a, _ := parse(t, small).Get("payments")
	e, found := Compose(a, repo(t, "policy:\n  classes: {regular: {backup: {required: true}}}\n"), p)
	if len(found) > 0 || !e.BackupFor(policy.Regular).Required {
		t.Errorf("%+v %v", e.BackupFor(policy.Regular), found)
	}
	e, found = Compose(a, repo(t, "policy:\n  classes: {high: {backup: {required: false}}}\n"), p)
	if len(found) != 1 || !e.BackupFor(policy.High).Required || !strings.Contains(found[0].String(), "policy.classes.high.backup") {
		t.Errorf("%+v %v", e.BackupFor(policy.High), found)
	}
}
