package waiver

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

func TestParseTellsWhatIsWrong(t *testing.T) {
	const missing = ": missing: "
	for _, tc := range []struct{ name, text, want string }{
		{"empty", "", "w.yaml: waivers: missing: say `waivers: []`"},
		{"only comments", "# none\n", "w.yaml: waivers: missing"},
		{"no list", "waivers: W-1\n", `w.yaml:1: waivers: want a list, found "W-1"`},
		{"another schema", "schema: drydock.waivers/v2\nwaivers: []\n", `w.yaml:1: schema: "drydock.waivers/v2" is not a schema this Drydock reads; allowed: drydock.waivers/v1`},
		{"another file", "freezes: []\n", `w.yaml:1: freezes: unknown key; allowed: schema, longest, waivers`},
		{"typo", written("owner", "") + "    ovner: ana\n", `w.yaml:11: waivers[0].ovner: unknown key, did you mean "owner"?; allowed: id, application,`},
		{"no id", written("id", ""), "w.yaml:2: waivers[0].id" + missing},
		{"no application", written("application", ""), "w.yaml:2: waivers[0].application" + missing},
		{"no package", written("package", ""), "w.yaml:2: waivers[0].package" + missing},
		{"no vulnerability", written("vulnerability", ""), "w.yaml:2: waivers[0].vulnerability" + missing},
		{"no owner", written("owner", ""), "w.yaml:2: waivers[0].owner: missing: who answers for the risk"},
		{"no justification", written("justification", ""), "w.yaml:2: waivers[0].justification: missing: why the risk can be taken"},
		{"no control", written("control", ""), "w.yaml:2: waivers[0].control: missing: the compensating control that holds the risk down meanwhile"},
		{"nobody approved", written("approved_by", ""), "w.yaml:2: waivers[0].approved_by: missing: a second person who agreed"},
		{"no grant", written("granted", ""), "w.yaml:2: waivers[0].granted: missing: the day from which it counts"},
		{"no expiry", written("expires", ""), "w.yaml:2: waivers[0].expires: missing: no risk is accepted for ever"},
		{"blank owner", written("owner", `"  "`), "w.yaml:6: waivers[0].owner" + missing},
		{"owner without value", written("owner", "~"), "w.yaml:6: waivers[0].owner: no value"},
		{"nothing said", written("control", "N/A"), `w.yaml:8: waivers[0].control: "n/a" says nothing: want the compensating control`},
		{"a dash", written("justification", `"-"`), `w.yaml:7: waivers[0].justification: "-" says nothing`},
		{"approved by the owner", written("approved_by", `" ANA @bank.example"`), `w.yaml:9: waivers[0].approved_by: "ANA @bank.example" is the owner: a second person has to agree`},
		{"approved by the owner's address", written("owner", "Ana Berg <ana@bank.example>", "approved_by", "Ana@bank.example"), `waivers[0].approved_by: "Ana@bank.example" is the owner`},
		{"approved by the owner's name", written("owner", "Ana Berg <ana@bank.example>", "approved_by", "ana  berg <a.berg@bank.example>"), `is the owner`},
		{"approved by the owner's folded name", written("owner", "ſam", "approved_by", "SAM"), `is the owner`},
		{"approved by the owner's other mailbox", written("approved_by", `ana+second@bank.example`), `"ana+second@bank.example" is the owner: a second person has to agree`},
		{"approved by the owner in other alphabets", written("approved_by", `"аnа@bank.example"`), `is the owner: a second person has to agree`},
		{"approved by the owner in capitals of other alphabets", written("approved_by", `"ΑNА@BANK.EXAMPLE"`), `is the owner: a second person has to agree`},
		{"approved by the owner in full width", written("approved_by", `"Ａna@bank.example"`), `is the owner: a second person has to agree`},
		{"a filler", written("approved_by", `"ana@bank.exampleㅤ"`), `has signs that can't be seen`},
		{"a selector", written("approved_by", `"ana️@bank.example"`), `has signs that can't be seen`},
		{"an accent apart", written("approved_by", `"José"`), `has an accent as a sign of its own`},
		{"signs that can't be seen", written("approved_by", `"ana@bank.example\u200b"`), `waivers[0].approved_by: "ana@bank.example\u200b" has signs that can't be seen`},
		{"a byte order mark in a name", written("approved_by", "ana@bank.example\ufeff"), `can't be seen`},
		{"escape bytes", written("justification", `"\e[2J gone"`), "waivers[0].justification: it has control characters"},
		{"a very long text", written("justification", strings.Repeat("because ", 2000)), "waivers[0].justification: 15999 bytes are more than the 8000 there is room for"},
		{"a very long name", written("owner", strings.Repeat("ana ", 100)), "waivers[0].owner: longer than 256 bytes"},
		{"application with a star inside", written("application", `"pay*s"`), `w.yaml:3: waivers[0].application: "pay*s": want the name of an application`},
		{"application in capitals", written("application", "Payments"), `waivers[0].application: "Payments": want the name of an application`},
		{"package with a star", written("package", `"jinja*"`), `w.yaml:4: waivers[0].package: "jinja*" can't be the name of a package (PyPI); a waiver is for one`},
		{"package with a version", written("package", "jinja2==3.1"), `waivers[0].package: "jinja2==3.1" can't be the name of a package`},
		{"ecosystem", written("ecosystem", "PyPi"), `waivers[0].ecosystem: "PyPi" is not known, did you mean "PyPI"?; allowed: PyPI, npm, Go`},
		{"every vulnerability", written("vulnerability", `"*"`), `w.yaml:5: waivers[0].vulnerability: "*": a waiver accepts one vulnerability somebody looked at`},
		{"some vulnerabilities", written("vulnerability", `"CVE-2024-*"`), `wildcards would accept those nobody knows yet`},
		{"vulnerability in words", written("vulnerability", "all"), `waivers[0].vulnerability: "all" is not an id such as CVE-2024-56201`},
		{"two vulnerabilities", written("vulnerability", "CVE-2024-1 CVE-2024-2"), `is not an id such as`},
		{"malicious, not said", written("vulnerability", "mal-2024-7"), "waivers[0].vulnerability: mal-2024-7 says that the package is malicious: such a risk is accepted only with `malicious: true`"},
		{"no specifier", written("version", "3.1.4"), `w.yaml:5: waivers[0].version: not a PEP 440 version specifier: "3.1.4": want one of ~= ==`},
		{"empty specifier", written("version", `""`), `waivers[0].version: empty: leave it out to mean every version`},
		{"specifier elsewhere", written("ecosystem", "npm", "version", `"<2"`), `waivers[0].version: "<2": outside PyPI versions are only compared for equality`},
		{"bad date", written("granted", "1 Nov"), `w.yaml:10: waivers[0].granted: "1 Nov" is neither a date nor a time with its zone`},
		{"ends before it begins", written("expires", "2026-10-31"), `w.yaml:11: waivers[0].expires: it ends (2026-11-01T00:00:00Z) before it begins (2026-11-01T00:00:00Z)`},
		{"ends too late", written("expires", "2027-11-03"), `w.yaml:11: waivers[0].expires: it ends (2027-11-04T00:00:00Z) later than 367d after it was granted (2026-11-01T00:00:00Z)`},
		{"ends later than the file allows", "longest: 90d\nwaivers:\n" + written(), `w.yaml:12: waivers[0].expires: it ends (2027-02-01T00:00:00Z) later than 90d after it was granted`},
		{"the file can't allow more", "longest: 5000w\nwaivers:\n" + written(), `longest: "5000w" is longer than ten years`},
		{"id twice", written() + written("id", "w-1"), `w.yaml:12: waivers[1].id: "w-1" is the id of waivers[0] already`},
		{"id", written("id", "W 1"), `waivers[0].id: "W 1": want at most 64 of letters`},
		{"malicious in words", written("malicious", "no"), `waivers[0].malicious: want true or false, found "no"`},
		{"an anchor", written("owner", "&a ana"), `waivers[0].owner: anchors, aliases and tags are not read here`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := tc.text
			if strings.HasPrefix(text, "  - ") {
				text = "waivers:\n" + text
			}
			l, err := Parse("w.yaml", []byte(text))
			var e *strictyaml.Errors
			if l != nil || !errors.As(err, &e) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

// Whatever is wrong is told at once, and each thing once.
func TestParseTellsAllAtOnce(t *testing.T) {
	_, err := Parse("w.yaml", []byte("waivers:\n  - id: W-1\n    granted: soon\n    owner: [ana]\n  - W-2\n"))
	want := []string{
		`w.yaml:2: waivers[0].application: missing`, `w.yaml:2: waivers[0].package: missing`, `w.yaml:2: waivers[0].vulnerability: missing`, `w.yaml:2: waivers[0].justification: missing`,
		`w.yaml:2: waivers[0].control: missing`, `w.yaml:2: waivers[0].approved_by: missing`, `w.yaml:2: waivers[0].expires: missing`, `w.yaml:3: waivers[0].granted: "soon" is neither`,
		`w.yaml:4: waivers[0].owner: want text, found a list`, `w.yaml:5: waivers[1]: want a mapping (key: value), found "W-2"`}
	got := strings.Split(fmt.Sprint(err), "\n")
	if len(got) != len(want) {
		t.Fatalf("%d problems, want %d:\n%v", len(got), len(want), err)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got %s, want %s", got[i], want[i])
		}
	}
}

func TestLimited(t *testing.T) {
	for _, tc := range []struct {
		head    string
		longest time.Duration
		expires string
		ok      bool
	}{
		{"", Longest, "2027-11-01", true},
		{"", 2 * Longest, "2028-10-31", true},
		{"", 30 * 24 * time.Hour, "2026-12-01", false},
		{"", 30 * 24 * time.Hour, "2026-11-30", true},
		{"longest: 60d\n", 30 * 24 * time.Hour, "2026-12-01", false},
		{"longest: 4w\n", Longest, "2026-11-28", true},
		{"longest: 4w\n", Longest, "2026-11-29", false},
	} {
		_, err := Limited("w.yaml", []byte(tc.head+"waivers:\n"+written("expires", tc.expires)), tc.longest)
		if (err == nil) != tc.ok {
			t.Errorf("%q, at most %s, until %s: %v", tc.head, tc.longest, tc.expires, err)
		}
	}
	for _, leap := range []struct{ granted, expires string }{{"2028-02-01", "2029-02-01"}, {"2028-02-29", "2029-03-01"}, {"2026-01-01T12:00:00Z", "2027-01-01T12:00:00Z"}} {
		if _, err := Parse("w.yaml", []byte("waivers:\n"+written("granted", leap.granted, "expires", leap.expires))); err != nil {
			t.Errorf("a year from %s: %v", leap.granted, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(file(written(), written("id", "W-2", "version", `">=1,<2"`, "ecosystem", "npm")))
	f.Add([]byte("waivers: []"))
	f.Add([]byte("longest: 4w\nwaivers:\n  - {id: 1, owner: a, approved_by: A}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := Parse("w.yaml", data)
		if err != nil {
			if e := (*strictyaml.Errors)(nil); !errors.As(err, &e) || len(e.Problems) == 0 || l != nil {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		ids := map[string]bool{}
		for _, w := range l.All() {
			if ids[strings.ToLower(w.ID)] || w.Owner == "" || w.Justification == "" || w.Control == "" || w.ApprovedBy == "" || samePerson(w.Owner, w.ApprovedBy) ||
				!w.Expires.After(w.Granted) || w.Expires.Sub(w.Granted) > Longest || strings.Contains(w.Vulnerability, "*") {
				t.Fatalf("accepted: %+v", w)
			}
			ids[strings.ToLower(w.ID)] = true
			f := Subject{Package: w.Package, Ecosystem: w.Ecosystem, Version: "1.0", Kind: "malicious", IDs: []string{w.Vulnerability}}
			if a := l.For("payments", f, w.Granted); a.Waiver != nil && !a.Waiver.Malicious {
				t.Fatalf("a malicious package is accepted: %+v", a.Waiver)
			}
			l.For("payments", f, w.Expires)
		}
	})
}
