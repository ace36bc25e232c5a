package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/advisory"
)

// A list of exploitation that was replaced, beside the databases or elsewhere, is taken up and told, though no database
// is another: what was not known to be exploited yesterday may be today.
func TestListsAreTakenUp(t *testing.T) {
	dir, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "kev.json")
	write := func(file, cve string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(`{"title":"KEV","vulnerabilities":[{"cveID":"`+cve+`"}]}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, file := range map[string]string{"beside": filepath.Join(dir, "kev.json"), "elsewhere": elsewhere} {
		write(file, "CVE-2020-1")
		o := advisory.Options{}
		if name == "elsewhere" {
			o.KEV = file
		}
		d := &databases{dir: dir, holder: advisory.NewHolder(nil), opts: o, now: time.Now}
		if d.lists() != nil {
			t.Errorf("%s: lists before anything was read", name)
		}
		if err := d.reload(); err != nil {
			t.Fatal(err)
		}
		before := d.lists()
		if len(before) != 1 || before[0].Name != "kev" {
			t.Fatalf("%s: %+v", name, before)
		}
		if changed, err := d.refresh(); changed || err != nil {
			t.Errorf("%s: nothing changed: %t, %v", name, changed, err)
		}
		write(file, "CVE-2026-10001")
		if changed, err := d.refresh(); !changed || err != nil {
			t.Errorf("%s: replaced: %t, %v", name, changed, err)
		}
		if after := d.lists(); len(after) != 1 || after[0].Digest == before[0].Digest {
			t.Errorf("%s: %+v", name, after)
		}
	}
}
