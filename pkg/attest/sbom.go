package attest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/drydock-dev/drydock/pkg/inventory"
)

// Subject is the artifact a bill of materials is of.
type Subject struct {
	Application string
	Revision    string // commit; empty where there is none
	Digest      string // sha256:… of the artifact
	Tool        string // version of Drydock
	// Distributions are the digests ("sha256:…") of the files that packages were installed from, by name.
	Distributions map[string]string
}

// Bill lists what is installed in an artifact (CycloneDX 1.6, JSON). It has no time and no random number: its serial
// number follows from the artifact. It says of itself whether it is complete: what the inventory could not determine
// stands among its properties, and a package without an exact version is listed without one.
func Bill(s Subject, inv *inventory.Inventory) ([]byte, error) {
	if !digestForm.MatchString(s.Digest) {
		return nil, fmt.Errorf("write the bill of materials of %s: %q is no digest of an artifact: %w", s.Application, s.Digest, ErrStatement)
	}
	root := cdx.Component{BOMRef: "artifact", Type: cdx.ComponentTypeApplication, Name: s.Application, Version: s.Revision,
		Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: strings.TrimPrefix(s.Digest, "sha256:")}}}
	var components []cdx.Component
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
	slices.Sort(refs)
	bom := cdx.NewBOM()
	bom.SerialNumber = serial(s.Digest)
	bom.Metadata = &cdx.Metadata{Component: &root, Tools: &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: "drydock", Version: s.Tool}}}}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: root.BOMRef, Dependencies: &refs}}
	// Which packages there are is known as far as the inventory is complete; which of them needs which is not said.
	listed := cdx.CompositionAggregateComplete
	if len(inv.Incomplete) > 0 || !exact {
		listed = cdx.CompositionAggregateIncomplete
	}
	if gaps := gaps(inv); len(gaps) > 0 {
		bom.Metadata.Properties = &gaps
	}
	of := &[]cdx.BOMReference{cdx.BOMReference(root.BOMRef)}
	bom.Compositions = &[]cdx.Composition{{Aggregate: listed, Assemblies: of}, {Aggregate: cdx.CompositionAggregateIncomplete, Dependencies: of}}
	var out bytes.Buffer
	if err := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return nil, fmt.Errorf("write the bill of materials of %s: %w", s.Application, err)
	}
	return out.Bytes(), nil
}

// gaps are what could not be determined.
func gaps(inv *inventory.Inventory) []cdx.Property {
	var out []cdx.Property
	for _, i := range inv.Incomplete {
		out = append(out, cdx.Property{Name: "drydock:incomplete", Value: strings.TrimSpace(strings.Join([]string{i.Reason, i.Source, i.Detail}, " "))})
	}
	return out
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
