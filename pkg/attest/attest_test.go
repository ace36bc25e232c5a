package attest

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/drydock-dev/drydock/pkg/inventory"
)

var digest = "sha256:" + strings.Repeat("4f", 32)

func resource(t *testing.T, name string) Resource {
	t.Helper()
	r, err := SHA256(name, digest)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTests(t *testing.T) {
	subject, config := resource(t, "payments"), []Resource{resource(t, "plan")}
	data, err := Tests(subject, TestResult{Result: Warned, Configuration: config, Passed: []string{"b", "a", "a"}, Warned: []string{"old"}})
	want := `{"_type":"https://in-toto.io/Statement/v1","predicate":{"configuration":[{"digest":{"sha256":"` + digest[7:] + `"},"name":"plan"}],"passedTests":["a","b"],"result":"WARNED","warnedTests":["old"]},` +
		`"predicateType":"https://in-toto.io/attestation/test-result/v0.1","subject":[{"digest":{"sha256":"` + digest[7:] + `"},"name":"payments"}]}`
	if err != nil || string(data) != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, data, want)
	}
	for name, tc := range map[string]struct {
		subject Resource
		r       TestResult
	}{
		"no subject":            {Resource{}, TestResult{Result: Passed, Configuration: config, Passed: []string{"a"}}},
		"nothing was run":       {subject, TestResult{Result: Passed, Passed: []string{"a"}}},
		"no test at all passes": {subject, TestResult{Result: Passed, Configuration: config}},
		"a failure passes":      {subject, TestResult{Result: Passed, Configuration: config, Passed: []string{"a"}, Failed: []string{"b"}}},
		"old failures pass":     {subject, TestResult{Result: Passed, Configuration: config, Passed: []string{"a"}, Warned: []string{"b"}}},
		"nothing failed":        {subject, TestResult{Result: Failed, Configuration: config, Passed: []string{"a"}}},
		"unknown":               {subject, TestResult{Result: "OK", Configuration: config, Passed: []string{"a"}}},
	} {
		if _, err := Tests(tc.subject, tc.r); !errors.Is(err, ErrStatement) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := SHA256("x", "sha256:12"); !errors.Is(err, ErrStatement) {
		t.Errorf("half a digest: %v", err)
	}
}

func installed() *inventory.Inventory {
	return &inventory.Inventory{Packages: []inventory.Package{
		{Package: "werkzeug", Version: "2.2.3", PURL: "pkg:pypi/werkzeug@2.2.3", Pin: inventory.Exact},
		{Package: "flask", Version: "2.2.5", PURL: "pkg:pypi/flask@2.2.5", Pin: inventory.Exact},
		{Package: "flask", Version: "2.2.5", PURL: "pkg:pypi/flask@2.2.5", Pin: inventory.Exact, Source: "elsewhere"},
	}}
}

func TestBill(t *testing.T) {
	s := Subject{Application: "payments", Revision: "abc", Digest: digest, Tool: "1.0", Direct: asked("flask werkzeug")}
	data, err := Bill(s, installed())
	if err != nil {
		t.Fatal(err)
	}
	again, err := Bill(s, installed())
	if err != nil || !bytes.Equal(data, again) {
		t.Error("made twice it differs")
	}
	bom := &cdx.BOM{}
	if err := cdx.NewBOMDecoder(bytes.NewReader(data), cdx.BOMFileFormatJSON).Decode(bom); err != nil {
		t.Fatal(err)
	}
	if bom.SpecVersion != cdx.SpecVersion1_6 || len(*bom.Components) != 2 || (*bom.Components)[0].PackageURL != "pkg:pypi/flask@2.2.5" ||
		(*bom.Metadata.Component.Hashes)[0].Value != digest[7:] || len(*(*bom.Dependencies)[0].Dependencies) != 2 {
		t.Errorf("%s", data)
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(bom.SerialNumber) {
		t.Errorf("serial number %s", bom.SerialNumber)
	}
	if !json.Valid(data) || strings.Contains(string(data), "timestamp") {
		t.Errorf("%s", data)
	}
}

// A bill that leaves something out says so.
func TestBillSaysWhatIsMissing(t *testing.T) {
	s := Subject{Application: "payments", Digest: digest, Distributions: map[string]string{"flask": digest, "werkzeug": "sha256:none"}}
	ranged := installed()
	ranged.Packages[0].Pin, ranged.Packages[0].Version, ranged.Packages[0].PURL = inventory.Ranged, "", "pkg:pypi/werkzeug"
	gap := installed()
	gap.Incomplete = []inventory.Incomplete{{Reason: inventory.NotCovered, Source: "site-packages/x.pth", Detail: "packages are imported from /opt too"}}
	for name, c := range map[string]struct {
		inv       *inventory.Inventory
		aggregate cdx.CompositionAggregate
		gap       string
	}{"all": {installed(), cdx.CompositionAggregateComplete, ""}, "a range": {ranged, cdx.CompositionAggregateIncomplete, ""}, "a gap": {gap, cdx.CompositionAggregateIncomplete, "not_covered site-packages/x.pth packages are imported from /opt too"}} {
		data, err := Bill(s, c.inv)
		bom := &cdx.BOM{}
		if err = errors.Join(err, cdx.NewBOMDecoder(bytes.NewReader(data), cdx.BOMFileFormatJSON).Decode(bom)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all := (*bom.Compositions)[0]
		if all.Aggregate != c.aggregate || (*all.Assemblies)[0] != "artifact" || len(*bom.Components) != 2 {
			t.Errorf("%s: %s", name, data)
		}
		if c.gap != "" && (*bom.Metadata.Properties)[0].Value != c.gap {
			t.Errorf("%s: %s", name, data)
		}
		if flask := (*bom.Components)[0]; (*flask.Hashes)[0].Value != digest[7:] || (*bom.Components)[1].Hashes != nil {
			t.Errorf("%s: hashes: %s", name, data)
		}
	}
	if _, err := Bill(Subject{Application: "payments"}, installed()); !errors.Is(err, ErrStatement) {
		t.Errorf("no artifact: %v", err)
	}
	nameless := installed()
	nameless.Packages[0].PURL = ""
	if _, err := Bill(s, nameless); !errors.Is(err, ErrStatement) {
		t.Errorf("no package URL: %v", err)
	}
}
