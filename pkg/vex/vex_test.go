package vex

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/drydock-dev/drydock/pkg/evidence"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

// document is a document of these statements, issued on 2026-11-01.
func document(statements ...string) string {
	return version(1, "2026-11-01T00:00:00Z", statements...)
}

func version(n int, issued string, statements ...string) string {
	return fmt.Sprintf(`{
  "@context": "https://openvex.dev/ns/v0.2.0",
  "@id": "https://openvex.dev/docs/example/vex-1",
  "author": "ana@bank.example",
  "timestamp": %q,
  "version": %d,
  "statements": [
%s
  ]
}`, issued, n, strings.Join(statements, ",\n"))
}

// statement is one about jinja2's CVE-2024-56201.
func statement(products, rest string) string {
	return fmt.Sprintf(`    {"vulnerability": {"name": "CVE-2024-56201", "aliases": ["GHSA-gmj6-6f8f-6699"]}, "products": [%s], %s}`, products, rest)
}

const (
	jinja       = `{"@id": "pkg:pypi/jinja2"}`
	notAffected = `"status": "not_affected", "justification": "vulnerable_code_not_in_execute_path"`
	affected    = `"status": "affected", "action_statement": "update"`
)

func parse(t testing.TB, text string) *Document {
	t.Helper()
	d, err := Parse("vex.json", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var finding = Subject{PURL: "pkg:pypi/jinja2@3.1.4", Package: "jinja2", Version: "3.1.4", IDs: []string{"CVE-2024-56201", "PYSEC-2024-1"}, Application: "payments"}

func TestProducts(t *testing.T) {
	for _, tc := range []struct {
		name, products string
		change         func(*Subject)
		want           bool
	}{
		{"the package", `{"@id": "pkg:pypi/jinja2"}`, nil, true},
		{"another package", `{"@id": "pkg:pypi/jinja"}`, nil, false},
		{"another ecosystem", `{"@id": "pkg:npm/jinja2"}`, nil, false},
		{"one of two", `{"@id": "pkg:pypi/flask"}, {"@id": "pkg:pypi/jinja2"}`, nil, true},
		{"by its identifiers", `{"@id": "https://bank.example/jinja", "identifiers": {"purl": "pkg:pypi/jinja2"}}`, nil, true},
		{"without an @id", `{"identifiers": {"purl": "pkg:pypi/jinja2", "cpe23": "cpe:2.3:a:palletsprojects:jinja:3.1.4:*:*:*:*:*:*:*"}}`, nil, true},
		{"only by what is not matched", `{"hashes": {"sha-256": "00"}, "identifiers": {"cpe23": "cpe:2.3:a:palletsprojects:jinja:*:*:*:*:*:*:*:*"}}`, nil, false},
		{"spelt otherwise", `{"@id": "pkg:PyPI/Ruamel_YAML"}`, func(f *Subject) { f.PURL = "pkg:pypi/ruamel.yaml" }, true},
		{"the version", `{"@id": "pkg:pypi/jinja2@3.1.4"}`, nil, true},
		{"the same release", `{"@id": "pkg:pypi/jinja2@3.1.4.0"}`, nil, true},
		{"another version", `{"@id": "pkg:pypi/jinja2@3.1.5"}`, nil, false},
		{"a version, none known", `{"@id": "pkg:pypi/jinja2@3.1.4"}`, func(f *Subject) { f.PURL, f.Version = "pkg:pypi/jinja2", "" }, false},
		{"the version of the package URL", `{"@id": "pkg:pypi/jinja2@3.1.4"}`, func(f *Subject) { f.Version = "" }, true},
		{"the version beside the package URL", `{"@id": "pkg:pypi/jinja2@3.1.4"}`, func(f *Subject) { f.PURL = "pkg:pypi/jinja2" }, true},
		{"an escaped version", `{"@id": "pkg:pypi/jinja2@1%213.1.4%2Bcu117"}`, func(f *Subject) { f.Version = "1!3.1.4+cu117" }, true},
		{"a local label", `{"@id": "pkg:pypi/jinja2@3.1.4"}`, func(f *Subject) { f.Version = "3.1.4+bank" }, false},
		{"a version that is no version", `{"@id": "pkg:pypi/jinja2@latest"}`, func(f *Subject) { f.Version = "latest" }, true},
		{"one file of the release", `{"@id": "pkg:pypi/jinja2@3.1.4?file_name=jinja2-3.1.4.tar.gz"}`, nil, false},
		{"that file", `{"@id": "pkg:pypi/jinja2?file_name=a.tar.gz"}`, func(f *Subject) { f.PURL = "pkg:pypi/jinja2@3.1.4?file_name=a.tar.gz" }, true},
		{"a part of it", `{"@id": "pkg:pypi/jinja2#src/x"}`, nil, false},
		{"@id wider than its purl", `{"@id": "pkg:pypi/jinja2", "identifiers": {"purl": "pkg:pypi/jinja2@3.1.3"}}`, nil, false},
		{"@id wider, its purl the release", `{"@id": "pkg:pypi/jinja2", "identifiers": {"purl": "pkg:pypi/jinja2@3.1.4"}}`, nil, true},
		{"the package by name alone", `{"@id": "jinja2"}`, nil, false},
		{"no package URL of the finding", jinja, func(f *Subject) { f.PURL = "" }, true},
		{"nothing of the finding", jinja, func(f *Subject) { f.PURL, f.Package = "", "" }, false},
		{"nothing readable of the finding", jinja, func(f *Subject) { f.PURL = "jinja2" }, false},

		{"the application", `{"@id": "payments"}`, nil, true},
		{"the application as a package URL", `{"@id": "pkg:generic/payments"}`, nil, true},
		{"the application among identifiers", `{"@id": "https://bank.example/payments", "identifiers": {"purl": "pkg:generic/payments"}}`, nil, true},
		{"a version of the application", `{"@id": "pkg:generic/payments@2.0"}`, nil, false},
		{"another application", `{"@id": "pkg:generic/ledger"}`, nil, false},
		{"no application", `{"@id": "pkg:generic/payments"}`, func(f *Subject) { f.Application = "" }, false},
		{"the package in the application", `{"@id": "pkg:generic/payments", "subcomponents": [{"@id": "pkg:pypi/flask"}, {"@id": "pkg:pypi/jinja2@3.1.4"}]}`, nil, true},
		{"the package in the application by name", `{"@id": "payments", "subcomponents": [{"identifiers": {"purl": "pkg:pypi/Jinja2"}}]}`, nil, true},
		{"another version of it in the application", `{"@id": "payments", "subcomponents": [{"@id": "pkg:pypi/jinja2@3.1.3"}]}`, nil, false},
		{"another package in the application", `{"@id": "payments", "subcomponents": [{"@id": "pkg:pypi/flask"}]}`, nil, false},
		{"an unknown part of the application", `{"@id": "payments", "subcomponents": [{"hashes": {"sha1": "00"}}]}`, nil, false},
		{"no subcomponents after all", `{"@id": "payments", "subcomponents": []}`, nil, true},
		{"the package in another application", `{"@id": "ledger", "subcomponents": [{"@id": "pkg:pypi/jinja2"}]}`, nil, false},
		{"the package as another one uses it", `{"@id": "pkg:pypi/flask", "subcomponents": [{"@id": "pkg:pypi/jinja2"}]}`, nil, false},
		{"a part of the package", `{"@id": "pkg:pypi/jinja2", "subcomponents": [{"@id": "pkg:npm/jquery"}]}`, nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := finding
			if tc.change != nil {
				tc.change(&f)
			}
			s, silenced := NewSet(parse(t, document(statement(tc.products, notAffected)))).For(f, at("2026-11-22T00:00:00Z"))
			if silenced != tc.want || (s.Status == NotAffected) != tc.want {
				t.Errorf("silenced %v by %+v, want %v", silenced, s, tc.want)
			}
		})
	}
}

func TestWhichStatementCounts(t *testing.T) {
	const fixed, looking = `"status": "fixed"`, `"status": "under_investigation"`
	dated := func(when, rest string) string { return statement(jinja, `"timestamp": "`+when+`", `+rest) }
	for _, tc := range []struct {
		name      string
		documents []string
		now       string
		want      Status
	}{
		{"not affected", []string{document(statement(jinja, notAffected))}, "2026-11-22T00:00:00Z", NotAffected},
		{"only affected", []string{document(statement(jinja, affected))}, "2026-11-22T00:00:00Z", Affected},
		{"only fixed", []string{document(statement(jinja, fixed))}, "2026-11-22T00:00:00Z", Fixed},
		{"only under investigation", []string{document(statement(jinja, looking))}, "2026-11-22T00:00:00Z", UnderInvestigation},
		{"dated by the document, from that moment", []string{document(statement(jinja, notAffected))}, "2026-11-01T00:00:00Z", NotAffected},
		{"dated by the document, not before", []string{document(statement(jinja, notAffected))}, "2026-10-31T23:59:59Z", ""},
		{"dated itself, earlier", []string{document(dated("2026-10-01T02:00:00+02:00", notAffected))}, "2026-10-01T00:00:00Z", NotAffected},
		{"dated itself, later", []string{document(dated("2026-12-01T00:00:00Z", notAffected))}, "2026-11-22T00:00:00Z", ""},
		{"updated later", []string{document(dated("2026-10-01T00:00:00Z", `"last_updated": "2026-12-01T00:00:00Z", `+notAffected))}, "2026-11-22T00:00:00Z", ""},
		{"the newer takes it back", []string{document(dated("2026-10-01T00:00:00Z", notAffected), statement(jinja, affected))}, "2026-11-22T00:00:00Z", Affected},
		{"the newer clears it", []string{document(dated("2026-10-01T00:00:00Z", affected), statement(jinja, notAffected))}, "2026-11-22T00:00:00Z", NotAffected},
		{"the newer doesn't count yet", []string{document(statement(jinja, notAffected), dated("2026-12-01T00:00:00Z", affected))}, "2026-11-22T00:00:00Z", NotAffected},
		{"at one moment, affected first", []string{document(statement(jinja, notAffected), statement(jinja, affected))}, "2026-11-22T00:00:00Z", Affected},
		{"at one moment, doubt first", []string{document(statement(jinja, notAffected), statement(jinja, looking))}, "2026-11-22T00:00:00Z", UnderInvestigation},
		{"at one moment, fixed first", []string{document(statement(jinja, notAffected), statement(jinja, fixed))}, "2026-11-22T00:00:00Z", Fixed},
		{"of another version, newer", []string{document(dated("2026-10-01T00:00:00Z", notAffected), statement(`{"@id": "pkg:pypi/jinja2@3.1.3"}`, affected))}, "2026-11-22T00:00:00Z", NotAffected},
		{"a later version of the document left it out", []string{document(statement(jinja, notAffected)),
			version(2, "2026-11-10T00:00:00Z", statement(`{"@id": "pkg:pypi/flask"}`, notAffected))}, "2026-11-22T00:00:00Z", ""},
		{"before that later version", []string{document(statement(jinja, notAffected)),
			version(2, "2026-11-10T00:00:00Z", statement(`{"@id": "pkg:pypi/flask"}`, notAffected))}, "2026-11-09T00:00:00Z", NotAffected},
		{"none", nil, "2026-11-22T00:00:00Z", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var documents []*Document
			for _, text := range tc.documents {
				documents = append(documents, parse(t, text))
			}
			for range 2 {
				s, silenced := NewSet(documents...).For(finding, at(tc.now))
				if s.Status != tc.want || silenced != (tc.want == NotAffected) {
					t.Errorf("silenced %v by %q, want %q", silenced, s.Status, tc.want)
				}
				for i, j := 0, len(documents)-1; i < j; i, j = i+1, j-1 {
					documents[i], documents[j] = documents[j], documents[i]
				}
			}
		})
	}
}

func TestVulnerabilities(t *testing.T) {
	s := NewSet(parse(t, document(statement(jinja, notAffected))))
	for _, tc := range []struct {
		ids  []string
		want bool
	}{
		{[]string{"CVE-2024-56201"}, true},
		{[]string{"PYSEC-1", "ghsa-GMJ6-6f8f-6699"}, true},
		{[]string{"CVE-2024-5620"}, false},
		{[]string{""}, false},
		{nil, false},
	} {
		f := finding
		f.IDs = tc.ids
		if _, got := s.For(f, at("2026-11-22T00:00:00Z")); got != tc.want {
			t.Errorf("%v: %v", tc.ids, got)
		}
	}
}

func TestSet(t *testing.T) {
	text := document(statement(jinja, `"timestamp": "2026-11-15T00:00:00Z", "impact_statement": "templates are ours", `+notAffected))
	d := parse(t, text)
	other := parse(t, version(2, "2026-12-01T00:00:00Z", statement(jinja, affected)))
	s := NewSet(d, other)
	if d.Digest() != string(evidence.Of([]byte(text))) || string(d.Text()) != text || s.Empty() || len(s.Documents()) != 2 {
		t.Errorf("%s %s", d.Digest(), d.Text())
	}
	if s.Digest() != NewSet(other, d).Digest() || s.Digest() == NewSet(d).Digest() {
		t.Error("the digest of a set is not that of its documents, in any order")
	}
	st, _ := s.For(finding, at("2026-11-22T00:00:00Z"))
	if want := "not_affected: vulnerable_code_not_in_execute_path: templates are ours (ana@bank.example, 2026-11-15, https://openvex.dev/docs/example/vex-1)"; st.String() != want {
		t.Errorf("%s", st)
	}
	var got []string
	for next := s.Next(at("2026-01-01T00:00:00Z")); next != nil; next = s.Next(*next) {
		got = append(got, next.Format(time.DateOnly))
	}
	if want := "[2026-11-01 2026-11-15 2026-12-01]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
	for name, none := range map[string]*Set{"nil": nil, "empty": NewSet()} {
		if st, silenced := none.For(finding, at("2026-11-22T00:00:00Z")); silenced || st.Status != "" || !none.Empty() || none.Digest() != "" || none.Documents() != nil || none.Next(at("2026-01-01T00:00:00Z")) != nil {
			t.Errorf("%s: it says something", name)
		}
	}
}

// drawn are documents of few names and days, so that statements often meet.
func drawn(t *rapid.T) [][]string {
	var out [][]string
	for range rapid.IntRange(1, 3).Draw(t, "documents") {
		var statements []string
		for i := range rapid.IntRange(1, 5).Draw(t, "statements") {
			when := fmt.Sprintf("2026-11-%02dT00:00:00Z", rapid.IntRange(1, 5).Draw(t, "day"))
			product := rapid.SampledFrom([]string{jinja, `{"@id": "pkg:pypi/jinja2@3.1.4"}`, `{"@id": "payments"}`, `{"@id": "pkg:pypi/flask"}`}).Draw(t, "product")
			status := rapid.SampledFrom([]string{notAffected, notAffected, affected, `"status": "fixed"`, `"status": "under_investigation"`}).Draw(t, "status")
			statements = append(statements, statement(product, fmt.Sprintf(`"@id": "urn:%d", "timestamp": %q, %s`, i, when, status)))
		}
		out = append(out, statements)
	}
	return out
}

func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := drawn(t)
		set := func(permute bool) *Set {
			var documents []*Document
			for i, statements := range texts {
				if permute {
					statements = rapid.Permutation(statements).Draw(t, "statements in another order")
				}
				d, err := Parse("v.json", []byte(strings.Replace(document(statements...), "vex-1", fmt.Sprintf("vex-%d", i), 1)))
				if err != nil {
					t.Fatal(err)
				}
				documents = append(documents, d)
			}
			if permute {
				documents = rapid.Permutation(documents).Draw(t, "documents in another order")
			}
			return NewSet(documents...)
		}
		now := at("2026-11-01T00:00:00Z").Add(time.Duration(rapid.IntRange(-12, 120).Draw(t, "hours")) * time.Hour)
		a, silenced := set(false).For(finding, now)
		b, too := set(true).For(finding, now)
		if silenced != too || a.String() != b.String() || a.ID != b.ID {
			t.Fatalf("%s, in another order %s", a, b)
		}
		if silenced != (a.Status == NotAffected) || a.Time.After(now) {
			t.Fatalf("silenced %v by %s at %s", silenced, a, now)
		}
		for _, d := range set(false).Documents() { // nothing newer says otherwise
			for _, s := range d.Statements {
				if s.about(purl{kind: "pypi", name: "jinja2", version: "3.1.4"}, true, "payments") && !s.Time.After(now) && (s.Time.After(a.Time) || s.Time.Equal(a.Time) && silenced && !s.Silences()) {
					t.Fatalf("%s counts, not %s", a, s)
				}
			}
		}
	})
}
