package advisory

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestKnown(t *testing.T) {
	db := dbOf(t,
		pypi("CVE-1-1", "flask", ranged("introduced=0 fixed=2.2.5 introduced=2.3.0 fixed=2.3.2")),
		pypi("CVE-1-2", "flask", ranged("introduced=1.0 last_affected=1.5")),
		pypi("CVE-1-3", "flask", ranged("introduced=0")),
		pypi("CVE-1-4", "flask", `"versions":["1.0","1.1"]`),
		pypi("MAL-1-5", "flask", `"versions":["1","2","3","4","5","6","7","8","9","10","11","12"]`),
		pypi("CVE-1-6", "flask", ranged("introduced=4.0")+`,"versions":["4.1"]`))
	known, err := db.Known("PyPI", "Flask")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"CVE-1-1": "< 2.2.5 | >= 2.3.0, < 2.3.2", "CVE-1-2": ">= 1.0, <= 1.5", "CVE-1-3": "every version", "CVE-1-4": "1.0 | 1.1",
		"MAL-1-5": "1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 2 more", "CVE-1-6": ">= 4.0",
	}
	if len(known) != len(want) || !slices.IsSortedFunc(known, func(a, b Affected) int { return strings.Compare(a.ID, b.ID) }) {
		t.Fatalf("%+v", known)
	}
	for _, k := range known {
		if got := strings.Join(k.Versions, " | "); got != want[k.ID] {
			t.Errorf("%s covers %q, want %q", k.ID, got, want[k.ID])
		}
		if (k.Kind == "malicious") != strings.HasPrefix(k.ID, "MAL") {
			t.Errorf("%s is %s", k.ID, k.Kind)
		}
	}
	if none, err := db.Known("PyPI", "django"); err != nil || len(none) != 0 {
		t.Errorf("%v, %v", none, err)
	}
	if _, err := db.Known("npm", "left-pad"); !errors.Is(err, ErrNoDatabase) {
		t.Errorf("no database: %v", err)
	}
}
