package advisory

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
)

func TestMatchFollowsTheSpecification(t *testing.T) {
	git := `{"type":"GIT","repo":"https://example.test/r","events":[{"introduced":"0"},{"fixed":"70f906c51ce49c485f1d355703e9cc3386b1cc2b"}]}`
	for _, c := range []struct{ name, affected, hit, miss string }{
		{"introduced zero", ranged("introduced=0 fixed=1.5"), "0.dev0 0.1 1.4.9 1.5rc1 1.5.dev0", "1.5 1.5.post1 2"},
		{"a start", ranged("introduced=1.2 fixed=1.5"), "1.2 1.2.post1 1.4", "1.1 1.2rc1 1.5"},
		{"no end", ranged("introduced=1.2"), "1.2 99", "1.1"},
		{"last affected", ranged("introduced=1.2 last_affected=1.5"), "1.2 1.5 1.5.0", "1.5.1 1.5.post1 1.1"},
		{"one version", ranged("introduced=1.2 last_affected=1.2"), "1.2 1.2.0", "1.2.1 1.1"},
		{"two ranges", ranged("introduced=0 fixed=2.2.5", "introduced=2.3.0 fixed=2.3.2"), "2.2.4 2.3.0 2.3.1", "2.2.5 2.2.9 2.3.2"},
		{"several starts in one range", ranged("introduced=0 fixed=2.2.5 introduced=2.3.0 fixed=2.3.2"), "1 2.2.4 2.3.1", "2.2.5 2.3.2 3"},
		{"events out of order", ranged("fixed=2.3.2 introduced=2.3.0 fixed=2.2.5 introduced=0"), "1 2.2.4 2.3.1", "2.2.5 2.3.2 3"},
		{"fixed and back at once", ranged("introduced=0 fixed=2 introduced=2 fixed=3"), "1 2 2.5", "3"},
		{"the later interval written first", ranged("introduced=0.13.0 fixed=0.14.0rc1 introduced=0.12.2 fixed=0.13.0"), "0.12.2 0.12.9 0.13.0 0.13.1", "0.12.1 0.14.0"},
		{"an empty interval", ranged("introduced=2 fixed=2"), "", "1 2 3"},
		{"an empty interval after another", ranged("introduced=0 fixed=1 introduced=2 fixed=2"), "0.5", "1 2 3"},
		{"a limit", ranged("introduced=1 limit=3"), "1 2.9", "3 4 0.9"},
		{"two limits", ranged("introduced=1 limit=2 limit=3"), "1 2.9", "3"},
		{"any limit", ranged("introduced=1 limit=*"), "1 300", "0"},
		{"listed versions only", `"versions":["1.0","1.2.post1","2.0+cu1"]`, "1.0 1.0.0 v1 1.2-1 1.0+local 2.0+cu1", "1.1 2.0 2.0+cu2"},
		{"listed beside a range", ranged("introduced=2 fixed=3") + `,"versions":["1.0","2.5"]`, "1.0 2.5 2.9", "1.1 3"},
		{"GIT first", `"ranges":[` + git + `,{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.13.1"}]}]`, "1.12.0+cu117 1.12", "1.13.1"},
		{"GIT only", `"ranges":[` + git + `]`, "", "0 1 70"},
		{"GIT with listed versions", `"ranges":[` + git + `],"versions":["1.1"]`, "1.1", "1.0 1.2"},
		{"SEMVER for Python", `"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.2"}]}]`, "1.1 1.2rc1", "1.2"},
		{"an unknown range type beside a known", `"ranges":[{"type":"LUNAR","events":[{"introduced":"0"}]},{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1"}]}]`, "0.5", "1"},
		{"a start with an unreadable end", ranged("introduced=1.2-n65 fixed=1.5"), "1.2 1.4", "1.1 1.5"},
		{"an unreadable start", ranged("introduced=old fixed=1.5"), "0.1 1.4", "1.5"},
		{"an end with an unreadable end", ranged("introduced=0 fixed=0.2.0-n653"), "0.1 0.2.0", "0.2.1 1.0"},
		{"an unreadable end", ranged("introduced=1 fixed=soon"), "1 99", "0.9"},
		{"an unreadable limit", ranged("introduced=1 limit=1.5-n3"), "1 99", "0.9"},
		{"white space", `"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":" 2\n"}]}]`, "1", "2"},
		{"epoch", ranged("introduced=0 fixed=1!1.0"), "2024.1 1!0.9", "1!1.0"},
		{"nothing said", `"ranges":[]`, "", "1 2"},
	} {
		db := dbOf(t, pypi("PYSEC-1", "demo", c.affected))
		for _, v := range strings.Fields(c.hit) {
			if ids(match(t, db, "demo", v)) != "PYSEC-1" {
				t.Errorf("%s: %s must be hit", c.name, v)
			}
		}
		for _, v := range strings.Fields(c.miss) {
			if got := ids(match(t, db, "demo", v)); got != "" {
				t.Errorf("%s: %s must not be hit, got %s", c.name, v, got)
			}
		}
	}
}

func TestNamesAreNormalised(t *testing.T) {
	db := dbOf(t, pypi("PYSEC-1", "Ruamel_YAML..clib", ranged("introduced=0")))
	for _, name := range []string{"ruamel-yaml-clib", "ruamel.yaml.clib", "RUAMEL_YAML_CLIB", " Ruamel-Yaml.clib "} {
		if ids(match(t, db, name, "1")) != "PYSEC-1" {
			t.Errorf("%q is the same project", name)
		}
	}
	if hits := match(t, db, "ruamel-yaml", "1"); len(hits) != 0 {
		t.Errorf("another project was hit: %v", hits)
	}
}

// The minimist case in Python dress: the fix of each advisory is hit by the next. Whoever looks only at the
// advisories of the current version proposes 1.2.3.
func TestChainOfThreeAdvisories(t *testing.T) {
	db := dbOf(t,
		pypi("GHSA-aaaa", "minimist-py", ranged("introduced=0 fixed=0.2.1", "introduced=1.0.0 fixed=1.2.3"), aliases("CVE-2020-7598"), vector53),
		pypi("GHSA-bbbb", "minimist-py", ranged("introduced=1.0.0 fixed=1.2.6"), aliases("CVE-2021-44906"), vector98),
		pypi("GHSA-cccc", "minimist-py", ranged("introduced=1.2.6 fixed=1.2.8"), aliases("CVE-2022-1"), vector53),
	)
	for version, want := range map[string]string{
		"1.2.0": "CVE-2021-44906 CVE-2020-7598", "1.2.3": "CVE-2021-44906", "1.2.6": "CVE-2022-1", "1.2.8": "", "0.2.0": "CVE-2020-7598", "0.2.1": "",
	} {
		if got := ids(match(t, db, "minimist-py", version)); got != want {
			t.Errorf("%s: %q, want %q", version, got, want)
		}
	}
	hits := match(t, db, "minimist-py", "0.1")
	if want := []string{"0.2.1", "1.2.3"}; !slices.Equal(hits[0].FixedIn, want) {
		t.Errorf("fixed in %v, want %v", hits[0].FixedIn, want)
	}
}

func TestAliasesMakeOneHit(t *testing.T) {
	db := dbOf(t,
		pypi("PYSEC-2023-62", "flask", ranged("introduced=0 fixed=2.2.5", "introduced=2.3.0 fixed=2.3.2"), aliases("CVE-2023-30861")),
		pypi("GHSA-m2qf", "Flask", ranged("introduced=2.3.0 fixed=2.3.3"), aliases("CVE-2023-30861"), `"summary":"Cookies leak"`, vector98,
			`"references":[{"type":"WEB","url":"https://example.test/web"},{"type":"ADVISORY","url":"https://example.test/advisory"}]`),
		pypi("PYSEC-2024-1", "flask", ranged("introduced=0 fixed=2.0"), aliases("GHSA-zzzz", "GHSA-qqqq")),
		pypi("PYSEC-2024-2", "flask", ranged("introduced=0 fixed=2.0")),
		pypi("PYSEC-2024-3", "other", ranged("introduced=0"), aliases("PYSEC-2024-2"), `"related":["CVE-2023-30861"]`),
	)
	hits := match(t, db, "flask", "1.0")
	if got := ids(hits); got != "CVE-2023-30861 GHSA-qqqq PYSEC-2024-2" {
		t.Fatalf("hits %s", got)
	}
	h := hits[0]
	if want := []string{"CVE-2023-30861", "GHSA-m2qf", "PYSEC-2023-62"}; !slices.Equal(h.IDs, want) {
		t.Errorf("ids %v, want %v", h.IDs, want)
	}
	if h.Title != "Cookies leak" || h.URL != "https://example.test/advisory" || h.Kind != events.KindVulnerability {
		t.Errorf("title %q, url %q, kind %q", h.Title, h.URL, h.Kind)
	}
	if h.Severity != Critical || *h.Score != 9.8 || h.SeverityFrom != "GHSA-m2qf" || !strings.HasPrefix(h.Vector, "CVSS:3.1/") {
		t.Errorf("severity %s %v of %s", h.Severity, h.Score, h.SeverityFrom)
	}
	if want := time.Date(2024, 4, 1, 10, 0, 0, 0, time.UTC); !h.Published.Equal(want) || h.KEV != nil || h.EPSS != nil {
		t.Errorf("published %v, kev %v, epss %v", h.Published, h.KEV, h.EPSS)
	}
	// 2.3.2 is what PYSEC calls fixed and GHSA does not: covered by one is covered.
	if got := ids(match(t, db, "flask", "2.3.2")); got != "CVE-2023-30861" {
		t.Errorf("2.3.2: %q", got)
	}
	if want := []string{"2.2.5", "2.3.3"}; !slices.Equal(h.FixedIn, want) {
		t.Errorf("fixed in %v, want %v", h.FixedIn, want)
	}
	if want := []string{"PYSEC-2024-2", "PYSEC-2024-3"}; !slices.Equal(hits[2].IDs, want) {
		t.Errorf("ids across packages %v, want %v", hits[2].IDs, want)
	}
	hits[0].IDs[0], *hits[0].Score = "changed", 0 // a hit is the caller's
	if again := match(t, db, "flask", "1.0")[0]; again.IDs[0] != "CVE-2023-30861" || *again.Score != 9.8 {
		t.Error("a caller changed the database")
	}
}

func TestSeverityHasATrace(t *testing.T) {
	v4 := `{"type":"CVSS_V4","score":"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"}`
	v2 := `{"type":"CVSS_V2","score":"AV:N/AC:L/Au:N/C:C/I:C/A:C"}`
	all := ranged("introduced=0")
	for _, c := range []struct {
		name    string
		records []string
		want    string // level, score, from
	}{
		{"own", []string{pypi("PYSEC-1", "demo", all, vector53)}, "medium 5.3 PYSEC-1"},
		{"own before an alias's worse", []string{pypi("PYSEC-1", "demo", all, vector53), pypi("GHSA-1", "else", all, aliases("PYSEC-1"), vector98)}, "medium 5.3 PYSEC-1"},
		{"an alias's", []string{pypi("PYSEC-1", "demo", all), pypi("GHSA-1", "else", all, aliases("PYSEC-1"), vector98)}, "critical 9.8 GHSA-1"},
		{"a covering record before one that does not cover", []string{pypi("PYSEC-1", "demo", all, vector53), pypi("GHSA-1", "demo", ranged("introduced=9"), aliases("PYSEC-1"), vector98)}, "medium 5.3 PYSEC-1"},
		{"the worse of two that cover", []string{pypi("PYSEC-1", "demo", all, vector53), pypi("GHSA-1", "demo", all, aliases("PYSEC-1"), vector98)}, "critical 9.8 GHSA-1"},
		{"of the package", []string{pypi("PYSEC-1", "demo", all+","+vector98)}, "critical 9.8 PYSEC-1"},
		{"in words", []string{pypi("PYSEC-1", "demo", all, `"database_specific":{"severity":"MODERATE"}`)}, "medium - PYSEC-1"},
		{"an alias's vector before own words", []string{pypi("PYSEC-1", "demo", all, `"database_specific":{"severity":"LOW"}`), pypi("GHSA-1", "else", all, aliases("PYSEC-1"), vector98)}, "critical 9.8 GHSA-1"},
		{"an alias's words", []string{pypi("PYSEC-1", "demo", all), pypi("GHSA-1", "else", all, aliases("PYSEC-1"), `"database_specific":{"severity":"HIGH"}`)}, "high - GHSA-1"},
		{"none", []string{pypi("PYSEC-1", "demo", all)}, "unknown - "},
		{"version 4 before 3", []string{pypi("PYSEC-1", "demo", all, `"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L"},`+v4+`]`)}, "critical 9.3 PYSEC-1"},
		{"version 2 alone", []string{pypi("PYSEC-1", "demo", all, `"severity":[`+v2+`]`)}, "high 10 PYSEC-1"},
		{"version 3.0", []string{pypi("PYSEC-1", "demo", all, `"severity":[{"type":"CVSS_V3","score":"CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]`)}, "critical 9.8 PYSEC-1"},
		{"an unknown type loses that part", []string{pypi("PYSEC-1", "demo", all, `"severity":[{"type":"LUNAR","score":"waning"},{"type":"CVSS_V3","score":"CVSS:3.1/nonsense"},`+v2+`]`)}, "high 10 PYSEC-1"},
		{"specific of another shape", []string{pypi("PYSEC-1", "demo", all, `"database_specific":{"severity":{"level":9},"url":[]}`)}, "unknown - "},
	} {
		hits := match(t, dbOf(t, c.records...), "demo", "1")
		if len(hits) != 1 {
			t.Fatalf("%s: %d hits", c.name, len(hits))
		}
		h, score := hits[0], "-"
		if h.Score != nil {
			score = strings.TrimSuffix(formatScore(*h.Score), ".0")
		}
		if got := h.Severity + " " + score + " " + h.SeverityFrom; got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestOrderIsSeverityThenID(t *testing.T) {
	all := ranged("introduced=0")
	db := dbOf(t, pypi("PYSEC-1", "demo", all), pypi("PYSEC-3", "demo", all, vector98), pypi("PYSEC-2", "demo", all, vector98), pypi("PYSEC-0", "demo", all, vector53))
	if got := ids(match(t, db, "demo", "1")); got != "PYSEC-2 PYSEC-3 PYSEC-0 PYSEC-1" {
		t.Error(got)
	}
}

func TestMaliciousIsAKind(t *testing.T) {
	db := dbOf(t, pypi("MAL-2024-1", "rquests", `"versions":["1.0"]`, `"summary":"Malicious code in rquests"`), pypi("MAL-2024-2", "two", ranged("introduced=0"), aliases("PYSEC-9", "GHSA-2")))
	h := match(t, db, "rquests", "1.0")
	if len(h) != 1 || h[0].Kind != events.KindMalicious || h[0].ID != "MAL-2024-1" || h[0].URL != recordPage+"MAL-2024-1" {
		t.Errorf("%+v", h)
	}
	if h := match(t, db, "two", "1"); len(h) != 1 || h[0].Kind != events.KindMalicious || h[0].ID != "GHSA-2" {
		t.Errorf("%+v", h)
	}
}

func TestWithdrawnNeitherMatchesNorJoins(t *testing.T) {
	all := ranged("introduced=0")
	db := dbOf(t,
		pypi("PYSEC-1", "demo", all, aliases("CVE-2024-1"), `"withdrawn":"2024-06-01T00:00:00+02:00"`),
		pypi("PYSEC-2", "demo", all, aliases("CVE-2024-2")),
		pypi("PYSEC-3", "demo", all, aliases("CVE-2024-3")),
		pypi("PYSEC-4", "demo", all, aliases("CVE-2024-2", "CVE-2024-3"), `"withdrawn":"2024-06-01T00:00:00Z"`),
		pypi("PYSEC-5", "demo", all, `"withdrawn":"0001-01-01T00:00:00Z"`), // how Go writes "not"
	)
	if got := ids(match(t, db, "demo", "1")); got != "CVE-2024-2 CVE-2024-3 PYSEC-5" {
		t.Error(got)
	}
	// One record of a group is withdrawn: the other still counts.
	db = dbOf(t, pypi("PYSEC-1", "demo", all, aliases("CVE-1"), `"withdrawn":"2024-06-01T00:00:00Z"`), pypi("GHSA-1", "demo", ranged("introduced=2"), aliases("CVE-1")))
	if got := ids(match(t, db, "demo", "1")) + "/" + ids(match(t, db, "demo", "2")); got != "/CVE-1" {
		t.Error(got)
	}
}

func TestWhatCannotBeAnsweredIsAnError(t *testing.T) {
	db := dbOf(t, pypi("PYSEC-1", "demo", ranged("introduced=0")+`,"versions":["2004d"]`))
	hits, err := db.Match("PyPI", "demo", "2004d")
	if !errors.Is(err, ErrVersion) || ids(hits) != "PYSEC-1" {
		t.Errorf("an unreadable version that is listed: %s, %v", ids(hits), err)
	}
	if hits, err := db.Match("PyPI", "demo", "not a version"); !errors.Is(err, ErrVersion) || len(hits) != 0 || !strings.Contains(err.Error(), "demo") {
		t.Errorf("an unreadable version: %v, %v", hits, err)
	}
	if _, err := db.Match("PyPI", "nobody-knows", "x x"); !errors.Is(err, ErrVersion) {
		t.Errorf("an unreadable version of an unknown package: %v", err)
	}
	if _, err := db.Match("npm", "demo", "1.0.0"); !errors.Is(err, ErrNoDatabase) || errors.Is(err, ErrEcosystem) || !strings.Contains(err.Error(), "npm") {
		t.Errorf("no such database: %v", err)
	}
	if _, err := db.Match("Debian:12", "demo", "1"); !errors.Is(err, ErrNoDatabase) || !errors.Is(err, ErrEcosystem) {
		t.Errorf("no such scheme: %v", err)
	}
	if _, err := Empty().Match("PyPI", "demo", "1"); !errors.Is(err, ErrNoDatabase) {
		t.Errorf("the empty Matcher: %v", err)
	}
	if _, err := db.Match("PyPI:stable", "demo", "1"); err != nil {
		t.Errorf("a suffix on the ecosystem: %v", err)
	}
}
