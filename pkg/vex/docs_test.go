package vex

import (
	"testing"

	"github.com/drydock-dev/drydock/pkg/strictyaml/docexample"
)

func TestDocumentedExample(t *testing.T) {
	d, err := Parse("docs/waivers.md", docexample.Block(t, "waivers.md", "vex"))
	if err != nil {
		t.Fatal(err)
	}
	s, now := NewSet(d), at("2026-11-22T00:00:00Z")
	if st, silenced := s.For(finding, now); !silenced || st.Justification != "vulnerable_code_cannot_be_controlled_by_adversary" {
		t.Errorf("%v, %s", silenced, st)
	}
	elsewhere := finding
	elsewhere.Application = "ledger"
	if st, silenced := s.For(elsewhere, now); silenced || st.Status != "" {
		t.Errorf("%v, %s", silenced, st)
	}
	flask := Subject{PURL: "pkg:pypi/flask@2.2.2", IDs: []string{"CVE-2023-30861"}, Application: "ledger"}
	if st, silenced := s.For(flask, now); silenced || st.Status != Affected {
		t.Errorf("%v, %s", silenced, st)
	}
}
