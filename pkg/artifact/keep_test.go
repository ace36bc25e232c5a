package artifact

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestKeep(t *testing.T) {
	ago := func(hours int) time.Time { return noon.Add(-time.Duration(hours) * time.Hour) }
	for _, tc := range []struct {
		name string
		uses []Use
		rule Rule
		want map[string]string
	}{
		{"nothing", nil, Rule{}, map[string]string{}},
		{"in use, however old", []Use{{"a", "pay", Runs, ago(9000)}, {"b", "pay", Soaks, ago(9000)}, {"c", "pay", Verified, time.Time{}}, {"d", "pay", Open, ago(9000)}}, Rule{LastValidated: -1},
			map[string]string{"a": "runs (pay)", "b": "soaks (pay)", "c": "last verified (pay)", "d": "open (pay)"}},
		{"the last two of each application", []Use{{"a", "pay", Validated, ago(100)}, {"b", "pay", Validated, ago(90)}, {"c", "pay", Validated, ago(80)}, {"d", "ledger", Validated, ago(5000)}}, Rule{},
			map[string]string{"b": "last validated (pay)", "c": "last validated (pay)", "d": "last validated (ledger)"}},
		{"validated twice counts once", []Use{{"a", "pay", Validated, ago(100)}, {"b", "pay", Validated, ago(90)}, {"b", "pay", Validated, ago(80)}, {"b", "pay", Validated, ago(70)}}, Rule{},
			map[string]string{"a": "last validated (pay)", "b": "last validated (pay)"}},
		{"at once: by digest", []Use{{"b", "pay", Validated, ago(90)}, {"a", "pay", Validated, ago(90)}}, Rule{LastValidated: 1}, map[string]string{"a": "last validated (pay)"}},
		{"young", []Use{{"a", "", Lies, ago(23)}, {"b", "", Lies, ago(24)}, {"c", "pay", Validated, ago(23)}, {"d", "pay", Validated, ago(24)}}, Rule{LastValidated: -1},
			map[string]string{"a": "younger than 24h", "c": "younger than 24h (pay)"}},
		{"another age", []Use{{"a", "", Lies, ago(1)}, {"b", "", Lies, ago(2)}}, Rule{MinAge: 90 * time.Minute}, map[string]string{"a": "younger than 1h30m0s"}},
		{"of a clock that is ahead", []Use{{"a", "", Lies, noon.Add(time.Hour)}}, Rule{}, map[string]string{"a": "younger than 24h"}},
		{"the strongest reason is told", []Use{{"a", "", Lies, ago(1)}, {"a", "pay", Validated, ago(1)}, {"a", "pay", Open, ago(1)}, {"a", "pay", Verified, ago(1)}, {"a", "pay", Runs, ago(1)}}, Rule{}, map[string]string{"a": "runs (pay)"}},
		{"of two applications", []Use{{"a", "pay", Runs, noon}, {"a", "ledger", Runs, noon}}, Rule{}, map[string]string{"a": "runs (ledger)"}},
		{"a reason nobody knows", []Use{{"a", "pay", "is on display", ago(9000)}, {"b", "", "", ago(9000)}}, Rule{}, map[string]string{"a": "is on display (pay)", "b": "in use"}},
		{"of no artifact", []Use{{"", "pay", Runs, noon}}, Rule{}, map[string]string{}},
	} {
		for range 3 { // the order of uses makes no difference
			if got := Keep(tc.uses, noon, tc.rule); !maps.Equal(got, tc.want) {
				t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
			}
			slices.Reverse(tc.uses)
			if len(tc.uses) > 2 {
				tc.uses[0], tc.uses[1] = tc.uses[1], tc.uses[0]
			}
		}
	}
}

// TestUnused: an artifact without a use stays while it is young, one that is put in again is young again.
func TestUnused(t *testing.T) {
	s := open(t)
	now := time.Now()
	var digests []string
	for _, name := range []string{"runs", "validated", "old", "young", "again"} {
		d := seal(t, s, "src/"+name+"=x")
		digests = append(digests, d)
		if err := os.Chtimes(s.place(d), now, now.Add(-48*time.Hour)); err != nil && name != "young" {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(s.place(digests[3]), now, now.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if seal(t, s, "src/again=x") != digests[4] {
		t.Fatal("another digest")
	}
	uses := []Use{{digests[0], "pay", Runs, now.Add(-48 * time.Hour)}, {digests[1], "pay", Validated, now.Add(-48 * time.Hour)}, {"sha256:" + strings.Repeat("0", 64), "pay", Runs, now}}
	removed, kept, err := s.Unused(uses, now, Rule{})
	want := map[string]string{digests[0]: "runs (pay)", digests[1]: "last validated (pay)", digests[3]: "younger than 24h", digests[4]: "younger than 24h"}
	if err != nil || !slices.Equal(removed, digests[2:3]) || !maps.Equal(kept, want) {
		t.Errorf("removed %v, kept %v, %v", removed, kept, err)
	}
	if list, err := s.List(); err != nil || len(list) != 4 || slices.Contains(list, digests[2]) {
		t.Errorf("%v %v", list, err)
	}
	if _, _, err := (&Store{dir: s.dir + "/nowhere"}).Unused(nil, now, Rule{}); err == nil {
		t.Error("no folder is no store")
	}
}
