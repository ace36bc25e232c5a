package vex

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

func TestParse(t *testing.T) {
	// The specification's own example, and a second statement with everything there can be.
	d := parse(t, "\ufeff"+`{
  "@context": "https://openvex.dev/ns",
  "@id": "https://openvex.dev/docs/public/vex-2e67563e128250cbcb3e98930df948dd053e43271d70dc50cfa22d57e03fe96f",
  "author": "Spring Builds <spring-builds@users.noreply.github.com>",
  "role": "Project Release Bot", "tooling": "by hand", "last_updated": null,
  "timestamp": "2023-01-16T19:07:16.853479631-06:00",
  "version": 1,
  "statements": [
    {
      "vulnerability": {"@id": "https://nvd.nist.gov/vuln/detail/CVE-2021-44228", "name": "CVE-2021-44228", "description": "Remote code injection in Log4j", "aliases": ["GHSA-jfh8-c2jp-5v3q"]},
      "products": [{
        "@id": "pkg:maven/org.springframework.boot/spring-boot@2.6.0-M3",
        "identifiers": {"purl": "pkg:maven/org.springframework.boot/spring-boot@2.6.0-M3"},
        "hashes": {"sha-256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
      }],
      "status": "not_affected",
      "justification": "vulnerable_code_not_in_execute_path",
      "impact_statement": "Only applications using log4j-core and including user input in log messages are vulnerable."
    },
    {
      "@id": "urn:x", "version": 0, "timestamp": "2023-01-01T00:00:00Z", "last_updated": "2023-02-01T00:00:00Z", "supplier": "s", "status_notes": "n",
      "vulnerability": {"name": "CVE-2"}, "products": [{"@id": "payments", "supplier": "us", "subcomponents": [{"@id": "pkg:pypi/x", "identifiers": {"cpe22": "cpe:/a:x"}}]}],
      "status": "affected", "action_statement": "update", "action_statement_timestamp": "2023-02-01T00:00:00Z"
    }
  ]
}
`)
	if len(d.Statements) != 2 || d.Role != "Project Release Bot" || d.Version != 1 || d.Issued != at("2023-01-17T01:07:16.853479631Z") || !d.Updated.IsZero() || d.Since() != d.Issued {
		t.Fatalf("%+v", d)
	}
	a, b := d.Statements[0], d.Statements[1]
	if a.Time != d.Issued || a.Status != NotAffected || a.Justification != "vulnerable_code_not_in_execute_path" || !strings.HasPrefix(a.Impact, "Only") || a.Aliases[0] != "GHSA-jfh8-c2jp-5v3q" ||
		a.Document != d.ID || a.Author != d.Author || len(a.Products[0].PURLs) != 2 {
		t.Errorf("%+v", a)
	}
	if b.Time != at("2023-02-01T00:00:00Z") || b.Action != "update" || b.Notes != "n" || b.Supplier != "s" || b.ID != "urn:x" || b.Products[0].ID != "payments" || len(b.Products[0].Subcomponents) != 1 {
		t.Errorf("%+v", b)
	}
}

var sound = document(statement(jinja, notAffected))

// changed is the sound document with something in place of something else.
func changed(old, new string) string {
	if !strings.Contains(sound, old) {
		panic(old + " is not there")
	}
	return strings.Replace(sound, old, new, 1)
}

type refusal struct{ name, text, want string }

func refused(t *testing.T, cases []refusal) {
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			d, err := Parse("v.json", []byte(tc.text))
			var e *strictyaml.Errors
			if d != nil || !errors.As(err, &e) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestBadDocuments(t *testing.T) {
	refused(t, []refusal{
		{"empty", "", "v.json: the file is empty: want an OpenVEX document"},
		{"blank", " \n", "v.json: the file is empty"},
		{"not JSON", "statements:\n", "v.json:1: not JSON: invalid character 's' at start of value"},
		{"cut short", sound[:len(sound)-20], `v.json:8: statements[0]`},
		{"cut short, why", sound[:len(sound)-20], "not JSON: it ends in the middle"},
		{"a comma too many", changed("\n  ]\n}", ",\n  ]\n}"), "v.json:8: statements: not JSON: "},
		{"a key twice", changed(`"version": 1,`, `"version": 1, "version": 2,`), "v.json:6: version: not JSON: the key stands there twice"},
		{"not UTF-8", changed("ana@", "\xffana@"), "v.json:4: author: not JSON: invalid UTF-8"},
		{"two documents", sound + "\n" + sound, "v.json:11: something follows the document: each file is one"},
		{"trailing rubbish", sound + "x", "v.json:10: not JSON: invalid character 'x'"},
		{"a list", "[]", "v.json:1: want an object, found a list"},
		{"a number", "1e400", "v.json:1: want an object, found 1e400"},
		{"deep", strings.Repeat("[", 100), "nested deeper than 16 levels"},
		{"too many values", "[" + strings.Repeat("0,", maxNodes) + "0]", "more than 500000 values: split the document"},
		{"too large", strings.Repeat(" ", maxBytes+1), "8388609 bytes are more than an OpenVEX document may have (8388608)"},
		{"CycloneDX", `{"bomFormat": "CycloneDX", "version": 1}`, "v.json:1: this is a CycloneDX document: only OpenVEX is read"},
		{"CSAF", `{"document": {"csaf_version": "2.0"}}`, "this is a CSAF document"},
		{"an attestation", `{"_type": "https://in-toto.io/Statement/v1", "predicate": {}}`, "this is an attestation: give the OpenVEX document that is its predicate"},
		{"an envelope", `{"payload": "e30=", "payloadType": "x", "signatures": []}`, "this is a signed envelope"},
		{"nothing at all", "{}", "v.json:1: @context: missing: want https://openvex.dev/ns/v0.2.0"},
		{"another version", changed("ns/v0.2.0", "ns/v0.3.0"), `v.json:2: @context: "https://openvex.dev/ns/v0.3.0": this reads OpenVEX 0.2.0; allowed: https://openvex.dev/ns, `},
		{"another language", changed("https://openvex.dev/ns/v0.2.0", "https://schema.org"), `v.json:2: @context: "https://schema.org": this reads OpenVEX 0.2.0`},
		{"no id", changed(`"@id": "https://openvex.dev/docs/example/vex-1",`, ""), "v.json:1: @id: missing"},
		{"no author", changed(`"author": "ana@bank.example",`, ""), "v.json:1: author: missing: who says so"},
		{"blank author", changed(`"ana@bank.example"`, `" "`), "v.json:1: author: missing"},
		{"author as a list", changed(`"ana@bank.example"`, `["ana"]`), "v.json:4: author: want text, found a list"},
		{"no time", changed(`"timestamp": "2026-11-01T00:00:00Z",`, ""), "v.json:1: timestamp: missing: when the document was issued"},
		{"bad time", changed("2026-11-01T00:00:00Z", "2026-11-01"), `v.json:5: timestamp: "2026-11-01" is not a time with its zone (RFC 3339)`},
		{"no version", changed(`"version": 1,`, ""), "v.json:1: version: missing"},
		{"version 0", changed(`"version": 1,`, `"version": 0,`), "v.json:6: version: want a whole number from 1 on, found 0"},
		{"version as text", changed(`"version": 1,`, `"version": "1",`), `v.json:6: version: want a whole number from 1 on, found "1"`},
		{"half a version", changed(`"version": 1,`, `"version": 1.5,`), `want a whole number from 1 on, found 1.5`},
		{"unknown key", changed(`"version": 1,`, `"version": 1, "autor": "x",`), `v.json:6: autor: unknown key, did you mean "author"?; allowed: @context, @id, author,`},
		{"no statements", document(), "v.json:1: statements: missing: a document makes at least one"},
		{"statements without value", changed(`"statements": [`, `"statements": null, "tooling": [`), "v.json:1: statements: missing"},
		{"statements as an object", `{"statements": {}}`, "v.json:1: statements: want a list, found an object"},
	})
}

func TestBadStatements(t *testing.T) {
	says := func(rest string) string { return document(statement(jinja, rest)) }
	about := func(product string) string { return document(statement(product, notAffected)) }
	refused(t, []refusal{
		{"a statement in words", document(`"x"`), `v.json:8: statements[0]: want an object, found "x"`},
		{"no vulnerability", document(`{"products": [` + jinja + `], ` + notAffected + `}`), "v.json:8: statements[0].vulnerability: missing"},
		{"vulnerability of an older OpenVEX", document(`{"vulnerability": "CVE-1", "products": [` + jinja + `], ` + notAffected + `}`),
			`v.json:8: statements[0].vulnerability: want an object, found "CVE-1" (OpenVEX before 0.2.0 wrote the name alone)`},
		{"no name", document(`{"vulnerability": {"@id": "x"}, "products": [` + jinja + `], ` + notAffected + `}`), "v.json:8: statements[0].vulnerability.name: missing"},
		{"alias", changed(`["GHSA-gmj6-6f8f-6699"]`, `["GHSA-gmj6-6f8f-6699", 7]`), "v.json:8: statements[0].vulnerability.aliases[1]: want text, found 7"},
		{"no products", about(""), "v.json:8: statements[0].products: missing: what the statement is about"},
		{"products left out", document(`{"vulnerability": {"name": "CVE-1"}, ` + notAffected + `}`), "v.json:8: statements[0].products: missing"},
		{"product of an older OpenVEX", about(`"pkg:pypi/jinja2"`), `v.json:8: statements[0].products[0]: want an object, found "pkg:pypi/jinja2" (OpenVEX before 0.2.0 wrote the @id alone)`},
		{"a product that is none", about(`{"supplier": "x"}`), "v.json:8: statements[0].products[0]: it identifies nothing: want an @id, identifiers or hashes"},
		{"a bad package URL", about(`{"@id": "pkg:jinja2"}`), `v.json:8: statements[0].products[0].@id: "pkg:jinja2" is not a package URL (no type), such as pkg:pypi/jinja2@3.1.4`},
		{"a bad package URL inside", about(`{"@id": "x", "identifiers": {"purl": "jinja2"}}`), `statements[0].products[0].identifiers.purl: "jinja2" is not a package URL (it does not begin with pkg:)`},
		{"a package URL with a star", about(`{"@id": "pkg:pypi/*"}`), `"pkg:pypi/*" is not a package URL (name)`},
		{"an unknown identifier", about(`{"identifiers": {"prul": "pkg:pypi/jinja2"}}`), `statements[0].products[0].identifiers.prul: unknown key, did you mean "purl"?`},
		{"an unknown hash", about(`{"@id": "x", "hashes": {"sha256": "00"}}`), `statements[0].products[0].hashes.sha256: unknown key, did you mean "sha-256"?`},
		{"subcomponents mistyped", about(`{"@id": "payments", "subcomponent": [{"@id": "pkg:pypi/jinja2"}]}`), `statements[0].products[0].subcomponent: unknown key, did you mean "subcomponents"?`},
		{"subcomponents within subcomponents", about(`{"@id": "payments", "subcomponents": [{"@id": "x", "subcomponents": []}]}`), `statements[0].products[0].subcomponents[0].subcomponents: unknown key`},
		{"subcomponent in words", about(`{"@id": "payments", "subcomponents": ["pkg:pypi/jinja2"]}`), `statements[0].products[0].subcomponents[0]: want an object`},
		{"no status", says(`"status_notes": "x"`), "v.json:8: statements[0].status: missing: one of not_affected, affected, fixed, under_investigation"},
		{"unknown status", says(`"status": "not-affected"`), `v.json:8: statements[0].status: "not-affected" is not a status, did you mean "not_affected"?; allowed: not_affected, affected, fixed, under_investigation`},
		{"status as a number", says(`"status": 1`), `v.json:8: statements[0].status: want text, found 1`},
		{"no justification", says(`"status": "not_affected"`), "v.json:8: statements[0].justification: missing: not_affected needs a justification, or an impact_statement; allowed: component_not_present, "},
		{"blank justification", says(`"status": "not_affected", "justification": "", "impact_statement": " "`), "statements[0].justification: missing"},
		{"unknown justification", says(`"status": "not_affected", "justification": "because"`), `v.json:8: statements[0].justification: "because" is not a justification; allowed: component_not_present, vulnerable_code_not_present,`},
		{"justified and affected", says(affected + `, "justification": "component_not_present"`), "v.json:8: statements[0].justification: it justifies not_affected, but the status is affected"},
		{"affected, and then", says(`"status": "affected"`), "v.json:8: statements[0].action_statement: missing: affected needs to say what to do about it"},
		{"escape bytes", says(notAffected + `, "impact_statement": "\u001b[2J"`), "v.json:8: statements[0].impact_statement: it has control characters"},
		{"a very long text", says(notAffected + `, "impact_statement": "` + strings.Repeat("x", maxText+1) + `"`), "statements[0].impact_statement: 65537 bytes are more than a text may have (65536)"},
		{"bad time of a statement", says(notAffected + `, "timestamp": "now"`), `v.json:8: statements[0].timestamp: "now" is not a time with its zone`},
	})
	if _, err := Parse("v.json", []byte(says(`"status": "not_affected", "impact_statement": "templates are ours"`))); err != nil {
		t.Errorf("an impact statement is enough: %v", err)
	}
}

func TestParseTellsAllAtOnce(t *testing.T) {
	_, err := Parse("v.json", []byte(document("{}", `{"vulnerability": {"name": "CVE-1"}, "products": ["x"], "status": "affected"}`)))
	if got := strings.Count(fmt.Sprint(err), "\n") + 1; got != 5 {
		t.Errorf("%d problems:\n%v", got, err)
	}
	_, err = Parse("v.json", []byte(document(strings.Repeat("{},", 1000)+"{}")))
	if got := strings.Split(fmt.Sprint(err), "\n"); len(got) != maxProblems+1 || !strings.Contains(fmt.Sprint(err), "and 2953 more problems") {
		t.Errorf("%d problems, the last %s", len(got), got[len(got)-1])
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(document(statement(jinja, notAffected), statement(`{"@id": "payments", "subcomponents": [{"@id": "pkg:pypi/jinja2@3.1.4"}]}`, affected))))
	f.Add([]byte(`{"@context": "https://openvex.dev/ns", "statements": [{"status": 1}]}`))
	f.Add([]byte("[[[{\"a\":null}]]]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Parse("v.json", data)
		if err != nil {
			if e := (*strictyaml.Errors)(nil); !errors.As(err, &e) || len(e.Problems) == 0 || d != nil {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		s := NewSet(d)
		for _, st := range d.Statements {
			if st.Status == NotAffected && st.Justification == "" && st.Impact == "" || len(st.Products) == 0 || st.Vulnerability == "" || st.Time.IsZero() {
				t.Fatalf("accepted: %+v", st)
			}
			f := finding
			f.IDs = []string{st.Vulnerability}
			if got, silenced := s.For(f, st.Time); silenced != (got.Status == NotAffected) {
				t.Fatalf("silenced %v by %s", silenced, got)
			}
		}
	})
}
