package scanner

import (
	"cmp"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/report"
)

// differences lists what only one of the two engines says, by package, version, source and first id.
func differences(inv *inventory.Inventory, native []report.Finding, o Opinion) []report.Difference {
	out := []report.Difference{}
	for _, f := range native {
		if other := o.ids(f.Ecosystem, f.Package, f.Version); !intersect(f.IDs, other) {
			out = append(out, report.Difference{Package: f.Package, Version: f.Version, Source: f.Source, IDs: f.IDs, OnlyIn: engineNative, Why: whyNative(f)})
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
			out = append(out, report.Difference{Package: p.Package, Version: p.Version, Source: p.Source, IDs: only, OnlyIn: engineOSV, Why: whyOther(p)})
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

// whyNative names the known reasons for which osv-scanner's own matcher passes over a version that the record
// covers. It does not see the record, so it says what is typical, not what is certain.
func whyNative(f report.Finding) string {
	v, err := pep440.Parse(f.Version)
	switch {
	case err == nil && v.Local() != "":
		return "the version has a local label (+" + v.Local() + "): osv-scanner compares it with the label, Drydock by the public version (PEP 440)"
	case slices.ContainsFunc(f.IDs, func(id string) bool { return strings.HasPrefix(id, "PYSEC-") }):
		return "half of the PYSEC records list a GIT range first, and the stock matcher then looks at the enumerated versions only, not at the version ranges after it"
	case strings.HasPrefix(f.Package, "-") || f.Package != strings.ToLower(f.Package):
		return "the name is written differently in the record"
	}
	return "the stock matcher compares the name as the record writes it and skips ranges it can't read; the record covers this version by the OSV specification"
}

// whyOther names what may make osv-scanner report more.
func whyOther(p inventory.Package) string {
	if _, err := pep440.Parse(p.Version); err != nil {
		return "the version is not one of PEP 440, so Drydock does not match it and says so"
	}
	return "the ids may be of a record that was withdrawn, or whose ranges do not cover this version by the OSV specification"
}
