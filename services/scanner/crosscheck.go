package scanner

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/report"
)

// differences lists what only one of the two engines says, by package, version, source and first id.
func differences(inv *inventory.Inventory, native []report.Finding, o Opinion, dbDir string) []report.Difference {
	why := &explainer{dir: dbDir}
	out := []report.Difference{}
	for _, f := range native {
		if other := o.ids(f.Ecosystem, f.Package, f.Version); !intersect(f.IDs, other) {
			out = append(out, report.Difference{Package: f.Package, Version: f.Version, Source: f.Source, IDs: f.IDs, OnlyIn: engineNative, Why: why.whyNative(f)})
		}
	}
	type key struct{ name, version, source string }
	seen := map[key]bool{}
	for _, p := range inv.Packages {
		k := key{p.Package, p.Version, p.Source}
		if p.Pin != inventory.Exact || p.Reference != "" || seen[k] {
			continue
		}
		seen[k] = true
		var ours, only []string
		for _, f := range native {
			if f.Ecosystem == p.Ecosystem && f.Package == p.Package && f.Version == p.Version && f.Source == p.Source {
				ours = append(ours, f.IDs...)
			}
		}
		for _, id := range o.ids(p.Ecosystem, p.Package, p.Version) {
			if !slices.Contains(ours, id) && !slices.Contains(only, id) {
				only = append(only, cleanText(id))
			}
		}
		if len(only) > 0 {
			slices.Sort(only)
			out = append(out, report.Difference{Package: p.Package, Version: p.Version, Source: p.Source, IDs: only, OnlyIn: engineOSV, Why: why.whyOther(p, only)})
		}
	}
	slices.SortStableFunc(out, func(a, b report.Difference) int {
		return cmp.Or(cmp.Compare(a.Package, b.Package), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Source, b.Source), slices.Compare(a.IDs, b.IDs))
	})
	return out
}

func (o Opinion) ids(ecosystem, name, version string) []string {
	for _, q := range o.Results {
		if q.Ecosystem == ecosystem && q.Name == name && q.Version == version {
			return q.IDs
		}
	}
	return nil
}

// explainer explains differences from the records themselves, as the second opinion read them.
type explainer struct {
	archives map[string]*zip.Reader // by ecosystem; nil where there is none
	dir      string
}

// record is the little of an OSV record that explains a difference.
type record struct {
	ID        string `json:"id"`
	Withdrawn string `json:"withdrawn"`
	Affected  []struct {
		Package struct {
			Name      string `json:"name"`
			Ecosystem string `json:"ecosystem"`
		} `json:"package"`
		Ranges []struct {
			Type string `json:"type"`
		} `json:"ranges"`
		Versions []string `json:"versions"`
	} `json:"affected"`
}

// record reads one record from the archive of an ecosystem; nil where that can't be done.
func (e *explainer) record(ecosystem, id string) *record {
	if e.archives == nil {
		e.archives = map[string]*zip.Reader{}
	}
	archive, ok := e.archives[ecosystem]
	if !ok {
		archive = openArchive(e.dir, ecosystem)
		e.archives[ecosystem] = archive
	}
	if archive == nil {
		return nil
	}
	f, err := archive.Open(id + ".json")
	if err != nil {
		return nil
	}
	defer f.Close()
	r := &record{}
	if json.NewDecoder(io.LimitReader(f, maxFile)).Decode(r) != nil {
		return nil
	}
	return r
}

func openArchive(dir, ecosystem string) *zip.Reader {
	if !filepath.IsLocal(ecosystem) {
		return nil
	}
	for _, name := range []string{filepath.Join(dir, "osv-scalibr", ecosystem, "all.zip"), filepath.Join(dir, ecosystem, "all.zip")} {
		data, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		if archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data))); err == nil {
			return archive
		}
	}
	return nil
}

// whyNative says why osv-scanner passes over a version that a record covers by the OSV specification.
func (e *explainer) whyNative(f report.Finding) string {
	for _, id := range f.IDs {
		r := e.record(f.Ecosystem, id)
		if r == nil {
			continue
		}
		for _, a := range r.Affected {
			switch {
			case a.Package.Ecosystem != f.Ecosystem || pep440.Normalize(a.Package.Name) != f.Package:
			case a.Package.Name != f.Package:
				return fmt.Sprintf("%s writes the name %q, and the stock matcher compares names as they are written", id, a.Package.Name)
			case len(a.Ranges) > 0 && a.Ranges[0].Type == "GIT" && !slices.Contains(a.Versions, f.Version):
				why := fmt.Sprintf("%s lists a GIT range first: the stock matcher ignores the version ranges after it, and %s is not spelled so in the list of versions", id, f.Version)
				if v, err := pep440.Parse(f.Version); err == nil && v.Local() != "" {
					why += "; Drydock judges it by its public version, without +" + v.Local()
				}
				return why
			}
		}
	}
	if v, err := pep440.Parse(f.Version); err == nil && v.Local() != "" {
		return "the version has a local label (+" + v.Local() + "), which the stock matcher compares; Drydock judges it by its public version"
	}
	return unexplained
}

// unexplained is a difference whose cause the records do not show: a defect of one of the two.
const unexplained = "not explained by the record; please report it"

// whyOther says why Drydock does not report what osv-scanner does.
func (e *explainer) whyOther(p inventory.Package, ids []string) string {
	if _, err := pep440.Parse(p.Version); err != nil {
		return "the version is not one of PEP 440, so Drydock does not match it and says so"
	}
	for _, id := range ids {
		if r := e.record(p.Ecosystem, id); r != nil && r.Withdrawn != "" {
			return id + " was withdrawn"
		}
	}
	return unexplained
}
