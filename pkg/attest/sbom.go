package attest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep508"
)

// Subject is the artifact a bill of materials is of.
type Subject struct {
	Application string
	Revision    string // commit; empty where there is none
	Digest      string // sha256:… of the artifact
	Tool        string // version of Drydock
	// Distributions are the digests ("sha256:…") of the files that packages were installed from, by name.
	Distributions map[string]string

	Environment pep508.Environment  // it runs in, which decides what a package requires
	Direct      map[string][]string // the packages that the application's manifests name themselves, and the extras they ask for
	Installed   map[string]Said     // what packages say of themselves, by name; see Installed
}

// incomplete is the property that holds why something can't be called complete.
const incomplete = "drydock:incomplete"

// Bill lists what is installed in an artifact, and what requires what there (CycloneDX 1.6, JSON). It has no time and no
// random number: its serial number follows from the artifact. It says of itself whether it is complete: what the
// inventory could not determine stands among its properties, and a package without an exact version is listed without
// one. Each component has a row of dependencies, empty where it requires nothing, but for one whose requirements are
// not known; the compositions say of each how far its row goes, and its properties why no further.
func Bill(s Subject, inv *inventory.Inventory) ([]byte, error) {
	if !digestForm.MatchString(s.Digest) {
		return nil, fmt.Errorf("write the bill of materials of %s: %q is no digest of an artifact: %w", s.Application, s.Digest, ErrStatement)
	}
	root := cdx.Component{BOMRef: "artifact", Type: cdx.ComponentTypeApplication, Name: s.Application, Version: s.Revision,
		Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: strings.TrimPrefix(s.Digest, "sha256:")}}}
	components := []cdx.Component{}
	var refs []string
	exact := true
	for _, p := range inv.Packages {
		if p.PURL == "" || p.Package == "" {
			return nil, fmt.Errorf("write the bill of materials of %s: %q has no package URL: %w", s.Application, p.Package, ErrStatement)
		}
		exact = exact && p.Pin == inventory.Exact && p.Version != ""
		if slices.Contains(refs, p.PURL) {
			continue // found in two places
		}
		refs = append(refs, p.PURL)
		c := cdx.Component{BOMRef: p.PURL, Type: cdx.ComponentTypeLibrary, Name: p.Package, Version: p.Version, PackageURL: p.PURL}
		if d := s.Distributions[p.Package]; digestForm.MatchString(d) {
			c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: strings.TrimPrefix(d, "sha256:")}}
		}
		components = append(components, c)
	}
	slices.SortFunc(components, func(a, b cdx.Component) int { return strings.Compare(a.BOMRef, b.BOMRef) })
	own, rows := requires(s, inv)
	root.Properties = properties(own.doubts)
	for i := range components {
		components[i].Properties = properties(rows[components[i].BOMRef].doubts)
	}
	rows[root.BOMRef] = &own
	// Not by EncodeVersion: its copy loses rows that are empty, which say that a component requires nothing.
	bom := cdx.NewBOM()
	bom.SpecVersion, bom.JSONSchema = cdx.SpecVersion1_6, "http://cyclonedx.org/schema/bom-1.6.schema.json"
	bom.SerialNumber = serial(s.Digest)
	bom.Metadata = &cdx.Metadata{Component: &root, Tools: &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: "drydock", Version: s.Tool}}},
		Properties: properties(gaps(inv))}
	bom.Components = &components
	listed := cdx.CompositionAggregateComplete
	if len(inv.Incomplete) > 0 || !exact {
		listed = cdx.CompositionAggregateIncomplete
	}
	dependencies, compositions := written(rows)
	bom.Dependencies = &dependencies
	compositions = slices.Insert(compositions, 0, cdx.Composition{Aggregate: listed, Assemblies: &[]cdx.BOMReference{cdx.BOMReference(root.BOMRef)}})
	bom.Compositions = &compositions
	var out bytes.Buffer
	if err := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).Encode(bom); err != nil {
		return nil, fmt.Errorf("write the bill of materials of %s: %w", s.Application, err)
	}
	return out.Bytes(), nil
}

// written are the rows by ref, and what is said of each: those that are complete, that lack something, and of which
// it is not known.
func written(rows map[string]*row) ([]cdx.Dependency, []cdx.Composition) {
	dependencies := []cdx.Dependency{}
	by := map[cdx.CompositionAggregate][]cdx.BOMReference{}
	for _, ref := range slices.Sorted(maps.Keys(rows)) {
		r := rows[ref]
		if on := append([]string{}, r.on...); !r.absent {
			dependencies = append(dependencies, cdx.Dependency{Ref: ref, Dependencies: &on})
		}
		by[r.aggregate()] = append(by[r.aggregate()], cdx.BOMReference(ref))
	}
	var compositions []cdx.Composition
	for _, a := range []cdx.CompositionAggregate{cdx.CompositionAggregateComplete, cdx.CompositionAggregateIncomplete, cdx.CompositionAggregateUnknown} {
		if of := by[a]; len(of) > 0 {
			compositions = append(compositions, cdx.Composition{Aggregate: a, Dependencies: &of})
		}
	}
	return dependencies, compositions
}

// gaps are what could not be determined.
func gaps(inv *inventory.Inventory) []string {
	var out []string
	for _, i := range inv.Incomplete {
		out = append(out, strings.TrimSpace(strings.Join([]string{i.Reason, i.Source, i.Detail}, " ")))
	}
	return out
}

func properties(reasons []string) *[]cdx.Property {
	if len(reasons) == 0 {
		return nil
	}
	out := make([]cdx.Property, 0, len(reasons))
	for _, r := range reasons {
		out = append(out, cdx.Property{Name: incomplete, Value: r})
	}
	return &out
}

// serial is a UUID made of a digest (RFC 9562, version 8: custom).
func serial(digest string) string {
	hex := []byte(strings.TrimPrefix(digest, "sha256:")[:32])
	hex[12] = '8'
	hex[16] = "89ab"[fromHex(hex[16])&3]
	return fmt.Sprintf("urn:uuid:%s-%s-%s-%s-%s", hex[:8], hex[8:12], hex[12:16], hex[16:20], hex[20:32])
}

func fromHex(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}
