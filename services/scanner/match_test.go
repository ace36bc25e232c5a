package scanner

import (
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/inventory"
)

// A record that could not be read may be of what was scanned: it is named with its cause.
func TestUnreadableRecordsAreNamed(t *testing.T) {
	inv := &inventory.Inventory{Sources: []inventory.Source{{Path: "requirements.txt", Ecosystem: "PyPI"}}}
	for name, c := range map[string]struct {
		d    advisory.Database
		want []string
	}{
		"says so itself": {advisory.Database{Partial: true}, []string{"of PyPI says that it is only a part"}},
		"one":            {advisory.Database{Partial: true, Refused: 1, RefusedWhy: []string{"X-1.json: schema 9.0"}}, []string{"1 record of", "could not be read", ": X-1.json: schema 9.0; run"}},
		"many":           {advisory.Database{Partial: true, Refused: 7, RefusedWhy: []string{"a: b", "c: d"}}, []string{"7 records of", ": a: b; c: d; and 5 more; run"}},
	} {
		c.d.Name, c.d.Records = "PyPI", 3
		got := checkDatabases(inv, []advisory.Database{c.d}, time.Hour, time.Now())
		if len(got) != 1 || got[0].Reason != inventory.PartialDatabase {
			t.Fatalf("%s: %+v", name, got)
		}
		for _, want := range c.want {
			if !strings.Contains(got[0].Detail, want) {
				t.Errorf("%s: %q lacks %q", name, got[0].Detail, want)
			}
		}
	}
}

// An advisory can name a version that no scheme reads: it hits, and what ranges would say stays unknown.
func TestVersionThatIsNamedButNotRead(t *testing.T) {
	inv := &inventory.Inventory{Sources: []inventory.Source{{Path: "requirements.txt", Ecosystem: "PyPI"}},
		Packages: []inventory.Package{{Package: "flask", Ecosystem: "PyPI", Version: "2.2-custom", Pin: inventory.Exact, Source: "requirements.txt", Line: 3}}}
	b := newBook()
	m := match(inv, b.Databases, func(string, string, string) ([]advisory.Hit, error) {
		return []advisory.Hit{{ID: "CVE-2023-30861", Severity: "high"}}, advisory.ErrVersion
	}, time.Hour, epoch)
	if len(m.findings) != 1 || m.findings[0].Vulnerability != "CVE-2023-30861" {
		t.Errorf("findings %+v", m.findings)
	}
	if len(m.incomplete) != 1 || m.incomplete[0].Reason != inventory.Unparsed || m.incomplete[0].Line != 3 {
		t.Errorf("incomplete %+v", m.incomplete)
	}
}
