package attest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"pgregory.net/rapid"

	"github.com/drydock-dev/drydock/pkg/artifact"
	"github.com/drydock-dev/drydock/pkg/coremeta"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/wheel/wheeltest"
)

// world is what is installed, of a few packages that require one another at random; some lack metadata.
func world(t *rapid.T) (Subject, *inventory.Inventory) {
	names, extras := []string{"a", "b", "c", "d", "e"}, []string{"x", "y", "z"}
	some := func(of []string, label string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 0, len(of), rapid.ID).Draw(t, label)
	}
	bracket := func(label string) string {
		if of := some(extras, label); len(of) > 0 {
			return "[" + strings.Join(of, ",") + "]"
		}
		return ""
	}
	markers := []string{"", "; extra == 'x'", "; extra == 'y'", "; extra == 'z' and sys_platform == 'linux'", "; extra != 'x'", "; sys_platform == 'win32'", "; platform_release >= '6'", "; platform_release >= '6' and extra == 'z'"}
	s := Subject{Application: "payments", Digest: digest, Environment: here, Direct: map[string][]string{}, Installed: map[string]Said{}}
	for _, name := range some(names, "direct") {
		s.Direct[name] = some(extras, "extras of "+name)
	}
	inv := &inventory.Inventory{}
	for _, name := range some(names, "installed") {
		inv.Packages = append(inv.Packages, inventory.Package{Package: name, Version: "1", PURL: "pkg:pypi/" + name + "@1", Pin: inventory.Exact})
		w := wheeltest.Wheel{Name: name, Version: "1"}
		for range rapid.IntRange(0, 4).Draw(t, "requirements of "+name) {
			w.Requires = append(w.Requires, rapid.SampledFrom(names).Draw(t, "requires")+bracket("with")+rapid.SampledFrom(markers).Draw(t, "marker"))
		}
		if rapid.IntRange(0, 9).Draw(t, "metadata") > 0 {
			m, err := coremeta.Parse([]byte(w.Metadata()))
			if err != nil {
				t.Fatal(err)
			}
			s.Installed[name] = Said{Metadata: m}
		}
	}
	return s, inv
}

// needs are the packages each one requires, found the long way: all of them again until no extra is new.
func needs(s Subject, inv *inventory.Inventory) map[string]map[string]bool {
	asked, out := map[string][]string{}, map[string]map[string]bool{}
	maps.Copy(asked, s.Direct)
	for again := true; again; {
		again = false
		for _, p := range inv.Packages {
			if s.Installed[p.Package].Metadata == nil {
				continue
			}
			out[p.Package] = map[string]bool{}
			certain, unknown := s.Installed[p.Package].Metadata.Needs(s.Environment, asked[p.Package])
			for _, r := range slices.Concat(certain, unknown) {
				out[p.Package][r.Name] = true
				for _, extra := range r.Extras {
					if !slices.Contains(asked[r.Name], extra) {
						asked[r.Name], again = append(slices.Clone(asked[r.Name]), extra), true
					}
				}
			}
		}
	}
	return out
}

// Whatever is installed: what refers to a component finds it, every component is told of exactly once, and the rows are
// those that the metadata asks for.
func TestBillHoldsTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, inv := world(t)
		bill, err := Bill(s, inv)
		if err != nil {
			t.Fatal(err)
		}
		other := &inventory.Inventory{Packages: rapid.Permutation(inv.Packages).Draw(t, "order")}
		if again, err := Bill(s, other); err != nil || !bytes.Equal(bill, again) {
			t.Fatalf("in another order it differs: %v", err)
		}
		bom := &cdx.BOM{}
		if err := cdx.NewBOMDecoder(bytes.NewReader(bill), cdx.BOMFileFormatJSON).Decode(bom); err != nil {
			t.Fatal(err)
		}
		refs := []string{bom.Metadata.Component.BOMRef}
		for _, c := range *bom.Components {
			refs = append(refs, c.BOMRef)
		}
		if got := slices.Compact(slices.Sorted(slices.Values(refs))); len(got) != len(refs) {
			t.Fatalf("a reference names two: %q", refs)
		}
		rows := map[string][]string{}
		for _, d := range *bom.Dependencies {
			if _, twice := rows[d.Ref]; twice || !slices.Contains(refs, d.Ref) || d.Dependencies == nil {
				t.Fatalf("row %+v", d)
			}
			rows[d.Ref] = *d.Dependencies
			for i, on := range rows[d.Ref] {
				if !slices.Contains(refs, on) || on == d.Ref || i > 0 && rows[d.Ref][i-1] >= on {
					t.Fatalf("row %+v", d)
				}
			}
		}
		want := needs(s, inv)
		have := func(name string) bool {
			return slices.ContainsFunc(inv.Packages, func(p inventory.Package) bool { return p.Package == name })
		}
		for _, p := range inv.Packages {
			var on []string
			for name := range want[p.Package] {
				if name != p.Package && have(name) {
					on = append(on, "pkg:pypi/"+name+"@1")
				}
			}
			slices.Sort(on)
			if row, ok := rows[p.PURL]; ok != (s.Installed[p.Package].Metadata != nil) || !slices.Equal(row, on) {
				t.Fatalf("%s has the row %q, want %q", p.Package, row, on)
			}
		}
		aggregates(t, bom, refs, rows)
	})
}

// aggregates holds that each component is told of once, that what has no row is unknown, and that what may not be all
// says why.
func aggregates(t *rapid.T, bom *cdx.BOM, refs []string, rows map[string][]string) {
	why := map[string]bool{}
	for _, c := range append([]cdx.Component{*bom.Metadata.Component}, *bom.Components...) {
		why[c.BOMRef] = c.Properties != nil
	}
	var told []string
	for _, c := range (*bom.Compositions)[1:] {
		for _, ref := range *c.Dependencies {
			told = append(told, string(ref))
			if (c.Aggregate == cdx.CompositionAggregateComplete) == why[string(ref)] {
				t.Fatalf("%s is %s, and says why: %v", ref, c.Aggregate, why[string(ref)])
			}
			if _, ok := rows[string(ref)]; !ok && c.Aggregate != cdx.CompositionAggregateUnknown {
				t.Fatalf("%s has no row and is %s", ref, c.Aggregate)
			}
		}
	}
	if slices.Sort(told); !slices.Equal(told, slices.Sorted(slices.Values(refs))) {
		t.Fatalf("told of %q, want %q", told, refs)
	}
}

// A hostile package that asks for ever more extras, of itself and of another.
func TestExtrasWithoutEnd(t *testing.T) {
	chain := func(name, next string, step, n int) Said {
		w := wheeltest.Wheel{Name: name, Version: "1"}
		for i := n; i > 0; i-- { // the last first: each is found only after the one before it
			w.Requires = append(w.Requires, fmt.Sprintf("%s[x%d] ; extra == 'x%d'", next, i+step, i))
		}
		m, err := coremeta.Parse([]byte(w.Metadata()))
		if err != nil {
			t.Fatal(err)
		}
		return Said{Metadata: m}
	}
	inv := &inventory.Inventory{}
	for _, name := range []string{"a", "b"} {
		inv.Packages = append(inv.Packages, inventory.Package{Package: name, Version: "1", PURL: "pkg:pypi/" + name + "@1", Pin: inventory.Exact})
	}
	s := Subject{Application: "payments", Digest: digest, Environment: here, Direct: asked("a[x1]"), Installed: map[string]Said{"a": chain("a", "b", 0, maxAsked-1), "b": chain("b", "a", 1, maxAsked-1)}}
	bill, err := Bill(s, inv)
	if err != nil {
		t.Fatal(err)
	}
	if got := told(decoded(t, bill)); !slices.Equal(got, []string{"a > b", "artifact > a", "b > a"}) {
		t.Errorf("%q", got)
	}
	s.Installed["a"], s.Installed["b"] = chain("a", "a", 1, maxAsked+5), chain("b", "b", 1, 1)
	if bill, err = Bill(s, inv); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(told(decoded(t, bill)), "\n"); !strings.Contains(got, "unknown a: more than 1000 extras of it are asked for") {
		t.Error(got)
	}
}

// What says nothing of its requirements has many reasons; the first of them are told.
func TestDoubtsAreBounded(t *testing.T) {
	w := wheeltest.Wheel{Name: "a", Version: "1"}
	for i := range 2 * maxDoubts {
		w.Requires = append(w.Requires, fmt.Sprintf("gone%d", i))
	}
	files, m, inv := sealed(t, []wheeltest.Wheel{w}, nil)
	said, err := Installed(files, m, []string{filepath.ToSlash(site)})
	if err != nil {
		t.Fatal(err)
	}
	bill, err := Bill(Subject{Application: "payments", Digest: digest, Environment: pep508.Environment{}, Direct: asked("a"), Installed: said}, inv)
	if err != nil || strings.Count(string(bill), `"it requires gone`) != maxDoubts {
		t.Errorf("%v %s", err, bill)
	}
}

// Metadata counts as it was sealed, from where packages lie and nowhere else.
func TestInstalled(t *testing.T) {
	wheels := []wheeltest.Wheel{wheel("a: b"), wheel("b")}
	files, m, _ := sealed(t, wheels, func(site string) {
		put(t, filepath.Join(site, "a", "_vendor", "c-1.dist-info", "METADATA"), wheel("c").Metadata())
		put(t, filepath.Join(site, "d-1.dist-info"), "a file")
		put(t, filepath.Join(site, "e-1.dist-info", "METADATA", "folder"), "")
	})
	said, err := Installed(files, m, []string{filepath.ToSlash(site)})
	if got := slices.Sorted(maps.Keys(said)); err != nil || !slices.Equal(got, []string{"a", "b", "e"}) || said["a"].Metadata.Requires[0].Name != "b" || said["e"].Unknown == "" {
		t.Errorf("%v %+v", err, said)
	}
	if said, err := Installed(files, m, []string{"venv"}); err != nil || len(said) != 0 {
		t.Errorf("%v %+v", err, said)
	}
	put(t, filepath.Join(files, site, "a-1.dist-info", "METADATA"), wheel("a").Metadata())
	if _, err := Installed(files, m, []string{filepath.ToSlash(site)}); !errors.Is(err, artifact.ErrChanged) || !strings.Contains(err.Error(), "a-1.dist-info") {
		t.Errorf("changed: %v", err)
	}
	if err := os.RemoveAll(filepath.Join(files, site, "a-1.dist-info")); err != nil {
		t.Fatal(err)
	}
	if _, err := Installed(files, m, []string{filepath.ToSlash(site)}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("gone: %v", err)
	}
	if _, err := Installed(filepath.Join(files, "nowhere"), m, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no artifact: %v", err)
	}
}
