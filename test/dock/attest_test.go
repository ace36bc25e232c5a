package dock

import (
	"encoding/json"
	"strings"
	"testing"
)

// What says what was sealed and tested names the artifact and the files it was installed from, and says where it could
// not look: a package that makes Python import from elsewhere does not stop a change.
func TestAttestations(t *testing.T) {
	w := newWorld(t, files())
	w.index.Library("elsewhere", "1.0", "")
	w.index.Wheel("elsewhere", "1.1", map[string]string{"elsewhere/__init__.py": "", "elsewhere.pth": "/opt/elsewhere\n"})
	w.repo.Push("main", "one more", map[string]string{"requirements.txt": "lib==1.0\nother==1.0\nelsewhere==1.0\n"})
	w.advise("lib", "1.1", "", "elsewhere", "1.1", "")
	c := w.proposed()
	var bom struct {
		Components []struct {
			PURL   string `json:"purl"`
			Hashes []struct {
				Alg, Content string
			} `json:"hashes"`
		} `json:"components"`
		Compositions []struct {
			Aggregate string `json:"aggregate"`
		} `json:"compositions"`
		Metadata struct {
			Properties []struct {
				Value string `json:"value"`
			} `json:"properties"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(w.evidence(c.Sealed.Bill), &bom); err != nil {
		t.Fatal(err)
	}
	hashes := map[string]string{}
	for _, one := range bom.Components {
		for _, h := range one.Hashes {
			hashes[one.PURL] = h.Content
		}
	}
	if hashes["pkg:pypi/lib@1.1"] != w.index.Hash("lib", "1.1") || len(hashes) != 3 {
		t.Errorf("%v", hashes)
	}
	if p := bom.Metadata.Properties; bom.Compositions[0].Aggregate != "incomplete" || len(p) != 1 || !strings.Contains(p[0].Value, "/opt/elsewhere") {
		t.Errorf("it does not say what is missing: %s", w.evidence(c.Sealed.Bill))
	}
	var s struct {
		Type    string `json:"_type"`
		Subject []struct {
			Digest map[string]string `json:"digest"`
		} `json:"subject"`
		PredicateType string `json:"predicateType"`
		Predicate     struct {
			Result string `json:"result"`
		} `json:"predicate"`
	}
	if err := json.Unmarshal(w.evidence(c.Validated.Tests), &s); err != nil {
		t.Fatal(err)
	}
	if "sha256:"+s.Subject[0].Digest["sha256"] != c.Sealed.Artifact || s.Type != "https://in-toto.io/Statement/v1" || s.PredicateType != "https://in-toto.io/attestation/test-result/v0.1" || s.Predicate.Result != "PASSED" {
		t.Errorf("%+v", s)
	}
}
