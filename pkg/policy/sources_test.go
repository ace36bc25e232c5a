package policy

import (
	"errors"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

func TestSourceBuilds(t *testing.T) {
	if Default().BuildsSources() || Default().SourceBuilds != RefuseSources || (&Policy{SourceBuilds: "alow"}).BuildsSources() {
		t.Error("sources are built where nobody allowed it")
	}
	p, err := Parse("p.yaml", []byte("source_builds: allow\napplications:\n  'pay*': {source_builds: refuse}\n"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse("again.yaml", p.Text())
	if err != nil || again.Digest() != p.Digest() || p.Digest() == Default().Digest() {
		t.Fatalf("the text of a policy is another policy: %v", err)
	}
	for _, p := range []*Policy{p, again} {
		if !p.For("ledger").BuildsSources() || p.For("payments").BuildsSources() {
			t.Errorf("ledger %q, payments %q", p.For("ledger").SourceBuilds, p.For("payments").SourceBuilds)
		}
	}
	old, err := Parse("old.yaml", []byte(strings.Replace(string(Default().Text()), "source_builds: refuse\n", "", 1)))
	if err != nil || old.BuildsSources() {
		t.Errorf("a policy kept before the key was known: %v", err)
	}
}

// To refuse is the stricter: nothing that lies over a policy can allow what it refuses.
func TestSourceBuildsOnlyTighten(t *testing.T) {
	levels := []SourceBuilds{"", RefuseSources, AllowSources}
	for _, was := range levels {
		for _, is := range levels {
			parent, child := *Default(), *Default()
			parent.SourceBuilds, child.SourceBuilds = was, is
			loosens := is == AllowSources && was != AllowSources
			if got := Tightens(&parent, &child); (len(got) > 0) != loosens {
				t.Errorf("%q over %q: %v", is, was, got)
			}
		}
	}
	for text, want := range map[string]string{
		"applications:\n  payments: {source_builds: allow}\n":                                                 "p.yaml:2: applications.payments.source_builds: found allow, the parent has refuse: it may only refuse what was allowed",
		"source_builds: allow\napplications:\n  p*: {source_builds: refuse}\n  pay: {source_builds: allow}\n": "p.yaml:4: applications.pay.source_builds: found allow, the parent has refuse",
		"source_builds: alow\n":  `p.yaml:1: source_builds: "alow" is not known, did you mean "allow"?; allowed: refuse, allow`,
		"source_builds: true\n":  "p.yaml:1: source_builds: ",
		"source_builds:\n":       "p.yaml:1: source_builds: no value",
		"source_build: refuse\n": `p.yaml:1: source_build: unknown key, did you mean "source_builds"?`,
	} {
		_, err := Parse("p.yaml", []byte(text))
		var e *Errors
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v\nwant %s", text, err, want)
		}
	}
	if _, err := Default().Tightened("team.yaml", []byte("source_builds: allow\n")); err == nil || !strings.Contains(err.Error(), "team.yaml:1: source_builds: found allow") {
		t.Errorf("a file over a parent: %v", err)
	}
}

// A repository's own block can refuse, and not allow.
func TestSourceBuildsOfARepository(t *testing.T) {
	read := func(text string) strictyaml.Raw {
		var doc struct {
			Policy strictyaml.Raw `yaml:"policy"`
		}
		if err := strictyaml.Decode("r.yaml", []byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		return doc.Policy
	}
	if p, found := Default().TightenedBy(read("policy: {source_builds: allow}\n")); p != nil || len(found) != 1 || found[0].Path != "policy.source_builds" {
		t.Errorf("%v", found)
	}
	open, err := Parse("p.yaml", []byte("source_builds: allow\n"))
	if err != nil {
		t.Fatal(err)
	}
	if p, found := open.TightenedBy(read("policy: {source_builds: refuse}\n")); len(found) > 0 || p.BuildsSources() {
		t.Errorf("%v", found)
	}
	if p, found := open.TightenedBy(read("policy: {warn_at: [50, 75, 90]}\n")); len(found) > 0 || !p.BuildsSources() {
		t.Errorf("%v", found)
	}
}
