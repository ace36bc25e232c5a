package policy

import (
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

func TestIsolationOnlyGetsStronger(t *testing.T) {
	levels := []Isolation{"", NoIsolation, Landlock, Namespaces, Bubblewrap}
	for i, was := range levels {
		for j, is := range levels {
			parent, child := *Default(), *Default()
			parent.Isolation, child.Isolation = was, is
			weaker := j < i && !(i == 1 && j == 0) // none asks for as little as nothing
			if got := Tightens(&parent, &child); (len(got) > 0) != weaker {
				t.Errorf("%q below %q: %v", is, was, got)
			}
		}
	}
	if Isolation("").AtLeast(Landlock) || Isolation("docker").AtLeast(NoIsolation) {
		t.Error("what is no level is stronger than one")
	}
}

func TestIsolationByApplication(t *testing.T) {
	p, err := Parse("p.yaml", []byte("isolation: landlock\napplications:\n  payments: {isolation: bubblewrap}\n"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse("again.yaml", p.Text())
	if err != nil || again.Digest() != p.Digest() {
		t.Fatalf("the text of a policy is another policy: %v", err)
	}
	if p.For("ledger").Isolation != Landlock || again.For("payments").Isolation != Bubblewrap || Default().Isolation != "" {
		t.Errorf("ledger %q, payments %q", p.For("ledger").Isolation, again.For("payments").Isolation)
	}
}

// TestTightenedBy lays the block of another document over the policy of an application.
func TestTightenedBy(t *testing.T) {
	read := func(text string) strictyaml.Raw {
		var doc struct {
			Policy strictyaml.Raw `yaml:"policy"`
		}
		if err := strictyaml.Decode("r.yaml", []byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		return doc.Policy
	}
	base := Default().For("payments")
	p, found := base.TightenedBy(read("policy:\n  classes:\n    high: {deadline: {detected: 5d}}\n"))
	if len(found) > 0 || p.Classes.High.Deadline.Detected.String() != "5d" || p.Digest() == base.Digest() || base.Classes.High.Deadline.Detected.String() == "5d" {
		t.Fatalf("%v, %v", found, p)
	}
	if again, err := Parse("t", p.Text()); err != nil || again.Digest() != p.Digest() {
		t.Errorf("its text is another policy: %v", err)
	}
	for text, want := range map[string]string{
		"policy:\n  classes:\n    high: {cooldown: 1h}\n": "r.yaml:3: policy.classes.high.cooldown: found 1h, the parent has 24h: it may only get longer",
		"policy:\n  clases: {}\n":                         "r.yaml:2: policy.clases: unknown key, did you mean \"classes\"?",
		"policy:\n  isolation: some\n":                    "r.yaml:2: policy.isolation: \"some\" is not known",
	} {
		p, found := base.TightenedBy(read(text))
		if p != nil || len(found) != 1 || !strings.HasPrefix(found[0].String(), want) {
			t.Errorf("%q: %v", text, found)
		}
	}
}
