package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestBackupIsDemandedByDefault: of every class, the emergency too.
func TestBackupIsDemandedByDefault(t *testing.T) {
	for _, n := range Names {
		if b := Default().BackupFor(n); !b.Required || b.MaxAge != 0 || b.String() != "a verified backup" {
			t.Errorf("%s: %+v", n, b)
		}
	}
	p := mustParse(t, "classes:\n  emergency: {backup: {max_age: 12h}}\n  regular: {backup: {required: false}}\napplications:\n  pay*:\n    classes: {regular: {backup: {required: true, max_age: 2d}}}\n")
	again := mustParse(t, string(p.Text()))
	for class, want := range map[ClassName]string{Emergency: "a verified backup, at most 12h old", Regular: "no backup demanded", High: "a verified backup"} {
		if got := again.BackupFor(class).String(); got != want {
			t.Errorf("%s: %s, want %s", class, got, want)
		}
	}
	if got := again.For("payments").BackupFor(Regular).String(); got != "a verified backup, at most 48h old" || again.Digest() != p.Digest() || p.Digest() == Default().Digest() {
		t.Error(got)
	}
}

func TestBackupOnlyGetsStricter(t *testing.T) {
	h := Duration(time.Hour)
	levels := []Backup{{}, {Required: true}, {Required: true, MaxAge: 24 * h}, {Required: true, MaxAge: 6 * h}}
	for i, was := range levels {
		for j, is := range levels {
			parent, child := *Default(), *Default()
			parent.Classes.High.Backup, child.Classes.High.Backup = was, is
			if got := Tightens(&parent, &child); (len(got) > 0) != (j < i) {
				t.Errorf("%s below %s: %v", is, was, got)
			} else if j < i && !strings.Contains(got[0].String(), "classes.high.backup: found "+is.String()+", the parent has "+was.String()) {
				t.Errorf("%v", got)
			}
		}
	}
	// Nor does a rule move anything to where less is demanded.
	parent := mustParse(t, "classes: {high: {backup: {required: false}}}\n")
	_, err := parent.Tightened("c.yaml", []byte("rules:\n  other-finding: {class: high}\nclasses:\n  high:\n    approvals: {count: 2, from: [domain-owner]}\n    checks: [suite, integration, performance]\n"))
	if want := "c.yaml:2: rules.other-finding: moves what is domain (by domain-critical), with a verified backup, to high, with no backup demanded: set classes.high.backup"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v", err)
	}
}

func TestBackupIsChecked(t *testing.T) {
	for text, want := range map[string]string{
		"classes:\n  high:\n    backup: {max_age: 32d}\n":                  "p.yaml:3: classes.high.backup.max_age: 32d: want at most 31d",
		"classes:\n  high:\n    backup: {required: false, max_age: 24h}\n": "p.yaml:3: classes.high.backup.max_age: no backup is demanded, so its age is of no use",
		"classes:\n  high:\n    backup: {require: true}\n":                 `p.yaml:3: classes.high.backup.require: unknown key, did you mean "required"?; allowed: required, max_age`,
		"classes:\n  high:\n    backup: true\n":                            "p.yaml:3: classes.high.backup: want a mapping",
		"classes:\n  high:\n    backup: {required: maybe}\n":               "p.yaml:3: classes.high.backup.required: ",
		"classes:\n  high:\n    backup: {max_age: 24}\n":                   `"24" is not a duration`,
	} {
		if _, err := Parse("p.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if _, err := Default().Tightened("c.yaml", []byte("classes: {high: {backup: {required: false}}}")); err == nil || !strings.Contains(fmt.Sprint(err), "it may only be demanded where it was not, and count for a shorter time") {
		t.Error(err)
	}
}

func TestAgeOfBackup(t *testing.T) {
	for _, tc := range []struct{ most, own, want time.Duration }{{0, 0, 0}, {0, 5, 5}, {time.Hour, 0, time.Hour}, {time.Hour, time.Minute, time.Minute}, {time.Hour, time.Hour * 2, time.Hour}} {
		if got := (Backup{Required: true, MaxAge: Duration(tc.most)}).Age(tc.own); got != tc.want {
			t.Errorf("%+v: %s", tc, got)
		}
	}
}
