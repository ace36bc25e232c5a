package freeze

import (
	"errors"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

// freezes is a sound freeze in which some lines are replaced, or left out where nothing stands in their place.
func freezes(changes ...string) string {
	text := "freezes:\n  - name: year-end\n    reason: the books are closed\n    owner: ana\n    from: 2026-12-18\n    until: 2027-01-03\n"
	return strings.NewReplacer(changes...).Replace(text)
}

func TestParseTellsWhatIsWrong(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"empty", "", "f.yaml: freezes: missing: say `freezes: []` where there are none, so that a file cut short ends no freeze"},
		{"another schema", "schema: drydock.freeze/v1\nfreezes: []\n", `f.yaml:1: schema: "drydock.freeze/v1" is not a schema this Drydock reads; allowed: drydock.freezes/v1`},
		{"another file", "waivers: []\n", "f.yaml:1: waivers: unknown key; allowed: schema, zone, freezes"},
		{"typo", freezes("until", "untill"), `f.yaml:6: freezes[0].untill: unknown key, did you mean "until"?; allowed: name, reason, owner, applications, classes, zone, from, until`},
		{"no name", freezes("name: year-end", "zone: UTC"), "f.yaml:2: freezes[0].name: missing"},
		{"name", freezes("year-end", "year end"), `f.yaml:2: freezes[0].name: "year end": want at most 64 of`},
		{"name twice", freezes() + freezes("freezes:\n", "", "year-end", "Year-End"), `f.yaml:7: freezes[1].name: "Year-End" is the name of freezes[0] already`},
		{"no reason", freezes("    reason: the books are closed\n", ""), "f.yaml:2: freezes[0].reason: missing: why nothing may move"},
		{"a dash", freezes("the books are closed", `"-"`), "f.yaml:3: freezes[0].reason: missing"},
		{"escape bytes", freezes("the books are closed", `"\e[2J gone"`), "f.yaml:3: freezes[0].reason: it has control characters"},
		{"a very long owner", freezes("ana", strings.Repeat("ana ", 100)), "f.yaml:4: freezes[0].owner: 399 bytes are more than the 256 there is room for"},
		{"no owner", freezes("    owner: ana\n", ""), "f.yaml:2: freezes[0].owner: missing: who can be asked about it"},
		{"no beginning", freezes("    from: 2026-12-18\n", ""), "f.yaml:2: freezes[0].from: missing: when it begins"},
		{"no end", freezes("    until: 2027-01-03\n", ""), "f.yaml:2: freezes[0].until: missing: when it ends; a freeze without end would hold every fix for ever"},
		{"ends before it begins", freezes("2027-01-03", "2026-12-17"), "f.yaml:6: freezes[0].until: it ends (2026-12-18T00:00:00Z) before it begins (2026-12-18T00:00:00Z)"},
		{"ends when it begins", freezes("2026-12-18", "2026-12-18T12:00:00Z", "2027-01-03", "2026-12-18T13:00:00+01:00"), "f.yaml:6: freezes[0].until: it ends"},
		{"a wrong year", freezes("2027-01-03", "2028-01-03"), "f.yaml:6: freezes[0].until: it ends (2028-01-04T00:00:00Z) more than a year after it begins"},
		{"bad date", freezes("2026-12-18", "18.12.2026"), `f.yaml:5: freezes[0].from: "18.12.2026" is neither a date nor a time with its zone`},
		{"a time without zone", freezes("2026-12-18", "2026-12-18T18:00:00"), `f.yaml:5: freezes[0].from: "2026-12-18T18:00:00" is neither`},
		{"no such zone", freezes("owner: ana", "owner: ana\n    zone: Europe/Zurick"), `f.yaml:5: freezes[0].zone: "Europe/Zurick" is not a time zone of this system`},
		{"no such zone for all", "zone: CET+1\n" + freezes(), `f.yaml:1: zone: "CET+1" is not a time zone`},
		{"the machine's zone", "zone: Local\n" + freezes(), `f.yaml:1: zone: "Local" is not a time zone`},
		{"no application", freezes("owner: ana", "owner: ana\n    applications: []"), "f.yaml:5: freezes[0].applications: it holds nothing: leave it out to mean every application"},
		{"application", freezes("owner: ana", "owner: ana\n    applications: [ok, Not OK]"), `f.yaml:5: freezes[0].applications[1]: "Not OK": want the name of an application`},
		{"applications as text", freezes("owner: ana", "owner: ana\n    applications: payments"), `freezes[0].applications: want a list, found "payments"`},
		{"no class", freezes("owner: ana", "owner: ana\n    classes: []"), "f.yaml:5: freezes[0].classes: it holds nothing: leave it out to mean every class"},
		{"class", freezes("owner: ana", "owner: ana\n    classes: [regulr]"), `f.yaml:5: freezes[0].classes[0]: "regulr" is not known, did you mean "regular"?; allowed: emergency, framework, high, domain, regular, feature`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, err := Parse("f.yaml", []byte(tc.text))
			var e *strictyaml.Errors
			if l != nil || !errors.As(err, &e) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(calendar))
	f.Add([]byte(freezes("owner: ana", "owner: ana\n    classes: [high]\n    applications: [\"a*\"]\n    zone: America/Havana")))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := Parse("f.yaml", data)
		if err != nil {
			if e := (*strictyaml.Errors)(nil); !errors.As(err, &e) || len(e.Problems) == 0 || l != nil {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		for _, f := range l.All() {
			if f.Name == "" || f.Reason == "" || f.Owner == "" || !f.Until.After(f.From) || f.Until.Sub(f.From) > longest {
				t.Fatalf("accepted: %+v", f)
			}
			if _, held := l.At("payments", "high", f.From); !held && len(f.Applications) == 0 && len(f.Classes) == 0 {
				t.Fatalf("%s does not hold when it begins", f)
			}
		}
	})
}
