package advisory

import (
	"archive/zip"
	"cmp"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	modsemver "golang.org/x/mod/semver"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// reference is the evaluation algorithm of the OSV schema written down word for word, on the records as they
// are in the archive, with other code for JSON and SemVer: what Match answers must follow from it.
type reference struct {
	ecosystem string
	records   []referenceRecord
	byName    map[string][]int
}

type referenceRecord struct {
	ID        string   `json:"id"`
	Aliases   []string `json:"aliases"`
	Withdrawn string   `json:"withdrawn"`
	Affected  []struct {
		Package struct {
			Name      string `json:"name"`
			Ecosystem string `json:"ecosystem"`
		} `json:"package"`
		Ranges []struct {
			Type   string              `json:"type"`
			Events []map[string]string `json:"events"`
		} `json:"ranges"`
		Versions []string `json:"versions"`
	} `json:"affected"`
}

func loadReference(t *testing.T, file, ecosystem string) *reference {
	t.Helper()
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	ref := &reference{ecosystem: ecosystem, byName: map[string][]int{}}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		var rec referenceRecord
		if err := json.NewDecoder(r).Decode(&rec); err != nil {
			t.Fatal(err)
		}
		r.Close()
		if ref.ecosystem == "PyPI" && rec.unreadable() {
			t.Logf("%s has an event that PEP 440 can't read; the specification says nothing about it", rec.ID)
			continue
		}
		for _, a := range rec.Affected {
			name := ref.normal(a.Package.Name)
			if !slices.Contains(ref.byName[name], len(ref.records)) {
				ref.byName[name] = append(ref.byName[name], len(ref.records))
			}
		}
		ref.records = append(ref.records, rec)
	}
	return ref
}

func (rec *referenceRecord) unreadable() bool {
	for _, a := range rec.Affected {
		for _, r := range a.Ranges {
			for _, e := range r.Events {
				if _, err := pep440.Parse(at(e)); err != nil && r.Type != "GIT" {
					return true
				}
			}
		}
	}
	return false
}

func (ref *reference) normal(name string) string {
	if ref.ecosystem == "PyPI" {
		return pep440.Normalize(name)
	}
	return name
}

// compare is -1, 0 or 1; "0" is before all.
func (ref *reference) compare(a, b string) int {
	if b == "0" {
		return 1
	}
	if ref.ecosystem != "PyPI" {
		return modsemver.Compare("v"+strings.TrimPrefix(a, "v"), "v"+strings.TrimPrefix(b, "v"))
	}
	x, err := pep440.Parse(a)
	y, err2 := pep440.Parse(b)
	if err != nil || err2 != nil {
		panic("records with unreadable events are left out: " + a + ", " + b)
	}
	return x.Public().Compare(y)
}

func (ref *reference) affects(rec *referenceRecord, name, version string) bool {
	if rec.Withdrawn != "" && !strings.HasPrefix(rec.Withdrawn, "0001") {
		return false
	}
	for _, a := range rec.Affected {
		if a.Package.Ecosystem != ref.ecosystem || ref.normal(a.Package.Name) != name {
			continue
		}
		if slices.Contains(a.Versions, version) {
			return true
		}
		for _, r := range a.Ranges {
			if r.Type == "GIT" {
				continue
			}
			events := slices.Clone(r.Events)
			for i := 1; i < len(events); i++ { // an interval without a version in it, as written
				if events[i-1]["introduced"] != "" && events[i]["fixed"] == events[i-1]["introduced"] {
					events = slices.Delete(events, i-1, i+1)
					i = 0
				}
			}
			slices.SortStableFunc(events, func(x, y map[string]string) int { // of two at one version, the end comes first
				return cmp.Or(ref.order(at(x), at(y)), cmp.Compare(y["fixed"], x["fixed"]))
			})
			vulnerable := false
			for _, e := range events {
				c := ref.compare(version, at(e))
				switch {
				case e["introduced"] != "" && (c >= 0):
					vulnerable = true
				case e["fixed"] != "" && c >= 0:
					vulnerable = false
				case e["last_affected"] != "" && c > 0:
					vulnerable = false
				}
			}
			if vulnerable {
				return true
			}
		}
	}
	return false
}

func (ref *reference) order(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "0":
		return -1
	default:
		return ref.compare(a, b)
	}
}

func at(event map[string]string) string {
	return event["introduced"] + event["fixed"] + event["last_affected"] + event["limit"]
}

// versions are those the records of a package speak of, which is where answers change.
func (ref *reference) versions(name string) []string {
	var all []string
	for _, i := range ref.byName[name] {
		for _, a := range ref.records[i].Affected {
			if ref.normal(a.Package.Name) != name {
				continue
			}
			for _, r := range a.Ranges {
				for _, e := range r.Events {
					if v := at(e); r.Type != "GIT" && v != "0" {
						all = append(all, v)
					}
				}
			}
			all = append(all, a.Versions[:min(len(a.Versions), 15)]...)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	for len(all) > 40 { // every other one, for packages with hundreds of records
		for i := range len(all) / 2 {
			all[i] = all[2*i]
		}
		all = all[:len(all)/2]
	}
	return all
}

func TestAgreesWithTheSpecificationOnRealRecords(t *testing.T) {
	dir := frozen(t)
	db := open(t, dir, Options{})
	for _, ecosystem := range []string{"PyPI", "Go", "crates.io"} {
		ref := loadReference(t, filepath.Join(dir, scalibrDir, ecosystem, archiveName), ecosystem)
		asked, hit := 0, 0
		for name := range ref.byName {
			for _, version := range ref.versions(name) {
				if _, err := schemeOf(ecosystem).parse(version); err != nil {
					continue
				}
				hits, err := db.Match(ecosystem, name, version)
				if err != nil {
					t.Fatal(err)
				}
				asked++
				for _, i := range ref.byName[name] {
					rec := &ref.records[i]
					want := ref.affects(rec, name, version)
					got := slices.ContainsFunc(hits, func(h Hit) bool { return slices.Contains(h.IDs, rec.ID) })
					// A group is hit when any of its records covers the version, so more than want is no fault
					// where another record of the group is affected.
					if want && !got || got && !want && !ref.groupAffected(hits, rec, name, version) {
						t.Errorf("%s %s %s: %s says %v, Match %v", ecosystem, name, version, rec.ID, want, got)
					}
					if want {
						hit++
					}
				}
			}
		}
		t.Logf("%s: %d package versions, %d times covered by a record", ecosystem, asked, hit)
		if asked < 1000 || hit < 1000 {
			t.Errorf("%s: too little was compared", ecosystem)
		}
	}
}

// groupAffected says whether another record of rec's group is affected.
func (ref *reference) groupAffected(hits []Hit, rec *referenceRecord, name, version string) bool {
	for _, h := range hits {
		if !slices.Contains(h.IDs, rec.ID) {
			continue
		}
		for _, i := range ref.byName[name] {
			if other := &ref.records[i]; slices.Contains(h.IDs, other.ID) && ref.affects(other, name, version) {
				return true
			}
		}
	}
	return false
}
