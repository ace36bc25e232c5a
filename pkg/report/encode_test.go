package report

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestListsAreAlwaysThere is what docs/formats.md promises to scripts.
func TestListsAreAlwaysThere(t *testing.T) {
	for name, c := range map[string]struct {
		doc  any
		want []string
	}{
		"scan":            {Scan{}, []string{`"findings":[]`, `"incomplete":[]`, `"sources":[]`, `"databases":[]`}},
		"pointer to scan": {&Scan{Findings: []Finding{{}}}, []string{`"ids":[]`}},
		"plan":            {Plan{Phases: []Phase{{Updates: []Update{{}}}}}, []string{`"outcomes":[]`, `"never_do":[]`, `"packages":[]`, `"fixes":[]`}},
		"empty plan":      {&Plan{}, []string{`"deployment_phases":[]`}},
	} {
		data, err := json.Marshal(c.doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range c.want {
			if !strings.Contains(string(data), w) {
				t.Errorf("%s lacks %s: %s", name, w, data)
			}
		}
		if strings.Contains(string(data), "null") {
			t.Errorf("%s holds null: %s", name, data)
		}
	}
}

// TestOnlyThenThere: these stand only where they were asked for.
func TestOnlyThenThere(t *testing.T) {
	data, err := json.Marshal(Scan{Schema: SchemaScan})
	if err != nil {
		t.Fatal(err)
	}
	for _, absent := range []string{"packages\":[", "outdated", "differences", "revision", "engine"} {
		if strings.Contains(string(data), absent) {
			t.Errorf("%s stands unasked: %s", absent, data)
		}
	}
	var back Scan
	if err := json.Unmarshal(data, &back); err != nil || back.Schema != SchemaScan {
		t.Errorf("%v, %+v", err, back)
	}
}
