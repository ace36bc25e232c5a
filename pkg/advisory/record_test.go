package advisory

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestRecordsRefusedAreCountedAndNamed(t *testing.T) {
	good := pypi("PYSEC-1", "demo", ranged("introduced=0"))
	for _, c := range []struct{ name, record, why string }{
		{"an unknown major schema", strings.Replace(good, `"1.7.0"`, `"2.0.0"`, 1), `unknown schema version "2.0.0"`},
		{"a schema that is no version", strings.Replace(good, `"1.7.0"`, `"lunar"`, 1), `unknown schema version "lunar"`},
		{"no id", strings.Replace(good, `"PYSEC-1"`, `""`, 1), "no id"},
		{"an id that clears the screen", strings.Replace(good, `"PYSEC-1"`, `"\u001b[2J"`, 1), `no id that can be shown: "\x1b[2J"`},
		{"no JSON", "garbage", "read the record"},
		{"another shape", `{"id":"A-1","affected":"all"}`, "affected"},
		{"nothing", "", "read the record"},
	} {
		db := dbOf(t, strings.Replace(good, "PYSEC-1", "PYSEC-2", 1), "odd.json\x00"+c.record)
		if got := ids(match(t, db, "demo", "1")); got != "PYSEC-2" {
			t.Errorf("%s: %s", c.name, got)
		}
		d := db.Databases()[0]
		if d.Records != 1 || d.Refused != 1 || !d.Partial || len(d.RefusedWhy) != 1 || !strings.HasPrefix(d.RefusedWhy[0], "odd.json: ") || !strings.Contains(d.RefusedWhy[0], c.why) {
			t.Errorf("%s: %+v", c.name, d)
		}
	}
	if _, err := parseDocument([]byte(strings.Replace(good, `"1.7.0"`, `"3.0"`, 1))); !errors.Is(err, errSchema) {
		t.Error(err)
	}
}

func TestNewerMinorAndUnknownFieldsAreRead(t *testing.T) {
	for _, version := range []string{"1.99.0", "1.0", "0.8", ""} {
		record := strings.Replace(pypi("PYSEC-1", "demo", ranged("introduced=0"), `"lunar":{"phase":[1,2]}`), "1.7.0", version, 1)
		if got := ids(match(t, dbOf(t, record), "demo", "1")); got != "PYSEC-1" {
			t.Errorf("schema_version %q: %q", version, got)
		}
	}
}

func TestOnlyTheFirstFewReasonsAreKept(t *testing.T) {
	records := []string{pypi("PYSEC-1", "demo", ranged("introduced=0"))}
	for range 300 {
		records = append(records, "garbage")
	}
	db := dbOf(t, records...)
	match(t, db, "demo", "1")
	if d := db.Databases()[0]; d.Refused != 300 || len(d.RefusedWhy) != maxReasons || !strings.HasPrefix(d.RefusedWhy[0], "001.json") || !strings.HasPrefix(d.RefusedWhy[4], "005.json") {
		t.Errorf("%d refused, %q", d.Refused, d.RefusedWhy)
	}
}

func TestUnknownEcosystemLosesThatPartOnly(t *testing.T) {
	record := `{"id":"GHSA-1","modified":"2024-01-01T00:00:00Z","affected":[
		{"package":{"ecosystem":"Lunar:3","name":"demo"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]},
		{"package":{"ecosystem":"PyPI","name":"demo"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"2"}]}]},
		{"package":{"ecosystem":"PyPI:stable","name":"demo"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1"}]}]},
		{"ranges":[{"type":"GIT","events":[{"introduced":"0"}]}]}]}`
	db := dbOf(t, record)
	for version, want := range map[string]string{"0.5": "GHSA-1", "1.5": "", "2.0": "GHSA-1"} {
		if got := ids(match(t, db, "demo", version)); got != want {
			t.Errorf("%s: %q, want %q", version, got, want)
		}
	}
}

func TestTimes(t *testing.T) {
	for given, want := range map[string]int64{
		"2024-01-01T00:00:00Z": 1704067200, "2024-01-01T02:00:00+02:00": 1704067200, "2024-01-01T00:00:00.123456Z": 1704067200, "2023-12-31T19:00:00.5-05:00": 1704067200,
		"0001-01-01T00:00:00Z": 0, "": 0, "yesterday": 0, "2024-01-01": 0,
	} {
		if got := unixTime(given); got != want {
			t.Errorf("%q: %d, want %d", given, got, want)
		}
	}
}

func TestTitles(t *testing.T) {
	for _, c := range []struct{ summary, details, want string }{
		{" One\n line ", "more", "One line"},
		{"", "### Impact\nAll of it. And more.\n\nSecond paragraph", "All of it. And more."},
		{"", "", ""},
		{"", "# only a heading", ""},
		{"", "urllib3 is a user-friendly HTTP client library for Python. urllib3 doesn't treat the `Cookie` header specially.", "urllib3 doesn't treat the `Cookie` header specially."},
		{"", "Synapse (a server) is an open source platform.\n`x` overflows.", "`x` overflows."},
		{"", "There is a way in demo 1.0. An attacker takes it.", "There is a way in demo 1.0. An attacker takes it."},
		{"", "demo is a package with a remote vulnerability. Update.", "demo is a package with a remote vulnerability. Update."},
		{"", "demo is a library.", "demo is a library."},
		{"demo is a library. It leaks.", "", "demo is a library. It leaks."},
	} {
		if got := title(c.summary, c.details); got != c.want {
			t.Errorf("title(%q, %q) = %q, want %q", c.summary, c.details, got, c.want)
		}
	}
	if got := title("", strings.Repeat("ä", 300)); len(got) > 170 || !utf8.ValidString(got) || !strings.HasSuffix(got, "…") {
		t.Errorf("a long title: %q", got)
	}
}

func TestControlCharactersAreNotPassedOn(t *testing.T) {
	db := dbOf(t, pypi("PYSEC-1", "demo", `"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":" 2\n"}]}]`, aliases("CVE-1", `CVE-0\u001b[31m`, "a b"), `"summary":"Red \u001b[31malert\u0007"`, `"references":[{"type":"WEB","url":"https://example.test/\u001b[2J"}]`))
	h := match(t, db, "demo", "1")[0]
	if strings.Join(h.IDs, " ") != "CVE-1 PYSEC-1" || h.Title != "Red [31malert" || h.URL != recordPage+"PYSEC-1" || strings.Join(h.FixedIn, " ") != "2" {
		t.Errorf("%+v", h)
	}
}

func TestLinks(t *testing.T) {
	all := ranged("introduced=0")
	for want, more := range map[string]string{
		"https://example.test/own":      `"database_specific":{"url":"https://example.test/own"},"references":[{"type":"ADVISORY","url":"https://example.test/a"}]`,
		"https://example.test/a":        `"database_specific":{"url":"javascript:alert(1)"},"references":[{"type":"FIX","url":"https://example.test/f"},{"type":"ADVISORY","url":"https://example.test/a"}]`,
		"https://example.test/f":        `"references":[{"type":"ADVISORY","url":"file:///etc/passwd"},{"type":"FIX","url":"https://example.test/f"}]`,
		recordPage + "PYSEC-1":          `"references":[]`,
		"https://example.test/a?of=two": `"references":[{"type":"ADVISORY","url":"https://example.test/a?of=two"},{"type":"ADVISORY","url":"https://example.test/b"}]`,
	} {
		if h := match(t, dbOf(t, pypi("PYSEC-1", "demo", all, more)), "demo", "1"); h[0].URL != want {
			t.Errorf("%s instead of %s", h[0].URL, want)
		}
	}
}
