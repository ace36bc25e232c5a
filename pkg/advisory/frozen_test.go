package advisory

import (
	"strings"
	"testing"
)

// What is known of the frozen databases (../shared/advisories), a sample by hand.
func TestFrozenDatabases(t *testing.T) {
	db := open(t, frozen(t), Options{CacheDir: t.TempDir()})
	for _, c := range []struct{ ecosystem, name, version, has, hasNot string }{
		{"PyPI", "Flask", "2.2.2", "CVE-2023-30861", ""},
		{"PyPI", "flask", "2.2.5", "", "CVE-2023-30861"},
		{"PyPI", "torch", "1.12.0+cu117", "CVE-2022-45907", ""},
		{"PyPI", "werkzeug", "2.2.2", "CVE-2023-25577", ""},
		{"PyPI", "requests", "2.30.0", "CVE-2023-32681", ""},
		{"PyPI", "requests", "2.31.0", "", "CVE-2023-32681"},
		{"Go", "stdlib", "1.21.4", "CVE-2023-39326", ""},
		{"Go", "golang.org/x/net", "v0.16.0", "CVE-2023-39325", ""},
		{"Go", "golang.org/x/net", "v0.17.0", "", "CVE-2023-39325"},
		{"crates.io", "time", "0.1.43", "CVE-2020-26235", ""},
	} {
		hits, err := db.Match(c.ecosystem, c.name, c.version)
		if err != nil {
			t.Fatal(err)
		}
		got := " " + ids(hits) + " "
		if c.has != "" && !strings.Contains(got, " "+c.has+" ") || c.hasNot != "" && strings.Contains(got, " "+c.hasNot+" ") {
			t.Errorf("%s %s: %s", c.name, c.version, got)
		}
	}
	want := map[string]int{"PyPI": 2661, "Go": 4291, "crates.io": 1206}
	for _, d := range db.Databases() {
		if d.Records != want[d.Name] || d.Refused != 0 || d.Partial || d.Fetched != nil {
			t.Errorf("%+v", d)
		}
	}
}
