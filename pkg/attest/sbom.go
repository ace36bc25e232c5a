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
}

// Bill lists what is installed in an artifact (CycloneDX 1.6, JSON). It has no time and no random number: its serial
// number follows from the artifact. Only packages with an exact version can be in it; another one in the inventory
// is an error, since a bill that leaves something out says that it is not there.
func Bill(s Subject, inv *inventory.Inventory) ([]byte, error) {
	if !digestForm.MatchString(s.Digest) {
		return nil, fmt.Errorf("write the bill of materials of %s: %q is no digest of an artifact: %w", s.Application, s.Digest, ErrStatement)
	}
	if len(inv.Incomplete) > 0 {
		i := inv.Incomplete[0]
		return nil, fmt.Errorf("write the bill of materials of %s: the inventory is incomplete (%s %s: %s)", s.Application, i.Reason, i.Source, i.Detail)
	}
	root := cdx.Component{BOMRef: "artifact", Type: cdx.ComponentTypeApplication, Name: s.Application, Version: s.Revision,
		Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: strings.TrimPrefix(s.Digest, "sha256:")}}}
	var components []cdx.Component
	var refs []string
	for _, p := range inv.Packages {
		if p.Pin != inventory.Exact || p.Version == "" || p.PURL == "" {
			return nil, fmt.Errorf("write the bill of materials of %s: %s has no exact version", s.Application, p.Package)
		}
		if slices.Contains(refs, p.PURL) {
			continue // found in two places
		}
		refs = append(refs, p.PURL)
		components = append(components, cdx.Component{BOMRef: p.PURL, Type: cdx.ComponentTypeLibrary, Name: p.Package, Version: p.Version, PackageURL: p.PURL})
	}
	slices.SortFunc(components, func(a, b cdx.Component) int { return strings.Compare(a.BOMRef, b.BOMRef) })
	slices.Sort(refs)
	bom := cdx.NewBOM()
	bom.SerialNumber = serial(s.Digest)
	bom.Metadata = &cdx.Metadata{Component: &root, Tools: &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: "drydock", Version: s.Tool}}}}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: root.BOMRef, Dependencies: &refs}}
	// All packages are listed; which of them needs which is not.
	bom.Compositions = &[]cdx.Composition{{Aggregate: cdx.CompositionAggregateIncomplete, Dependencies: &[]cdx.BOMReference{cdx.BOMReference(root.BOMRef)}}}
	var out bytes.Buffer
	if err := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return nil, fmt.Errorf("write the bill of materials of %s: %w", s.Application, err)
	}
	return out.Bytes(), nil
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
