package strictyaml

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type colour string

func (colour) Allowed() []string { return []string{"red", "green", "blue"} }

type size int

func (s *size) UnmarshalText(text []byte) error {
	if _, err := fmt.Sscanf(string(text), "%dcm", (*int)(s)); err != nil {
		return fmt.Errorf("%q is not a size such as 5cm", text)
	}
	return nil
}

type ship struct {
	Name    string            `yaml:"name"`
	Colour  colour            `yaml:"colour"`
	Length  size              `yaml:"length"`
	Masts   *int              `yaml:"masts,omitempty"`
	Draught float64           `yaml:"draught"`
	Crew    []string          `yaml:"crew"`
	Built   time.Time         `yaml:"built"`
	Insured Until             `yaml:"insured"`
	Boats   map[string]ship   `yaml:"boats"`
	Flags   map[colour]string `yaml:"flags"`
	Afloat  bool              `yaml:"afloat"`
	hidden  string
	Derived string `yaml:"-"`
}

func (s *ship) Validate() []Problem {
	if s.Name == "Titanic" {
		return []Problem{{Path: "name", Message: "not again"}}
	}
	return nil
}

func TestDecode(t *testing.T) {
	s := ship{Name: "base", Crew: []string{"a", "b"}, Boats: map[string]ship{"gig": {Name: "gig", Crew: []string{"g"}}}}
	err := Decode("ship.yaml", []byte(`
name: Fram
colour: green
length: 39cm
masts: 3
draught: 4.5
crew: [Nansen]
built: 1892-10-26
insured: 2026-12-31
afloat: true
boats:
  gig: {length: 5cm}
  dinghy: {built: "2020-01-02T03:04:05+02:00", insured: 2026-12-31T17:00:00Z}
flags: {red: danger}
`), &s)
	if err != nil {
		t.Fatal(err)
	}
	date := func(text string) time.Time { at, _ := time.Parse(time.RFC3339, text); return at }
	dinghy := s.Boats["dinghy"]
	if s.Name != "Fram" || s.Colour != "green" || s.Length != 39 || *s.Masts != 3 || s.Draught != 4.5 || len(s.Crew) != 1 || !s.Afloat || s.hidden != "" || s.Flags["red"] != "danger" {
		t.Errorf("%+v", s)
	}
	if g := s.Boats["gig"]; g.Name != "gig" || g.Length != 5 || len(g.Crew) != 1 {
		t.Errorf("a mapping adds to what is there: %+v", g)
	}
	if !s.Built.Equal(date("1892-10-26T00:00:00Z")) || !s.Insured.Equal(date("2027-01-01T00:00:00Z")) ||
		!dinghy.Built.Equal(date("2020-01-02T01:04:05Z")) || !dinghy.Insured.Equal(date("2026-12-31T17:00:00Z")) {
		t.Errorf("times: %s, %s, %s, %s", s.Built, s.Insured, dinghy.Built, dinghy.Insured)
	}
	before := s.Name
	if err := Decode("empty.yaml", []byte("# nothing\n"), &s); err != nil || s.Name != before {
		t.Errorf("an empty document: %v", err)
	}
}

func TestDecodeTellsWhatIsWrong(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"typo in a key", "nmae: x", `s.yaml:1: nmae: unknown key, did you mean "name"?; allowed: name, colour, length, masts, draught, crew, built, insured, boats, flags, afloat`},
		{"key of a field that can't be written", "Derived: x", `s.yaml:1: Derived: unknown key; allowed`},
		{"hidden field", "hidden: x", `unknown key`},
		{"dash", "\"-\": x", `s.yaml:1: -: unknown key`},
		{"choice", "\n\ncolour: gren", `s.yaml:3: colour: "gren" is not known, did you mean "green"?; allowed: red, green, blue`},
		{"choice as a key", "flags: {gren: x}", `flags.gren: unknown key, did you mean "green"?; allowed: red, green, blue`},
		{"own reader", "boats:\n  gig:\n    length: long\n", `s.yaml:3: boats.gig.length: "long" is not a size such as 5cm`},
		{"own reader, a list", "length: [1]", `length: want text, found a list`},
		{"date", "built: yesterday", `built: "yesterday" is neither a date nor a time with its zone, such as 2026-12-31 or 2026-12-31T17:00:00Z`},
		{"no such day", "built: 2026-02-30", `built: "2026-02-30" is neither`},
		{"time without a zone", "insured: 2026-12-31T17:00:00", `insured: "2026-12-31T17:00:00" is neither`},
		{"date in a mapping", "built: {a: b}", `built: want a date or time, found a mapping`},
		{"number with a unit", "draught: 4.5m", `draught: want a number, found "4.5m"`},
		{"infinite", "draught: .inf", `draught: want a number`},
		{"whole number", "masts: 1.5", `masts: want a whole number, found "1.5"`},
		{"boolean in words", "afloat: yes", `afloat: want true or false, found "yes"; allowed: true, false`},
		{"text for a list", "crew: Nansen", `crew: want a list, found "Nansen"`},
		{"item of a list", "crew: [a, {b: c}]", `crew[1]: want text, found a mapping`},
		{"no value", "name:\n", `name: no value: leave the key out to keep the default`},
		{"anchor", "name: &x y", `name: anchors, aliases and tags are not read here`},
		{"tag", "name: !!str y", `name: anchors, aliases and tags are not read here`},
		{"merge", "boats:\n  <<: {gig: {}}", `boats: a key is plain text, found "<<"`},
		{"key that is a list", "boats: {[a]: {}}", `s.yaml:1: `},
		{"key twice", "name: a\nname: b", `s.yaml:2: not YAML`},
		{"list at the top", "- a", `s.yaml:1: want a mapping (key: value), found a list`},
		{"two documents", "name: a\n---\nname: b\n", `s.yaml:3: the file is one YAML document, this is another`},
		{"two, and an empty one between", "name: a\n---\n---\nname: b\n", `s.yaml:4: the file is one YAML document, this is another`},
		{"one behind an empty one", "---\n# ours\n---\nname: b\n", `s.yaml:4: the file is one YAML document, this is another`},
		{"two, divided by an end", "name: a\n...\nname: b\n", `s.yaml:3: the file is one YAML document, this is another`},
		{"not YAML", "boats: [", `s.yaml:1: not YAML`},
		{"what only a check finds", "afloat: true\nname: Titanic\n", `s.yaml:2: name: not again`},
		{"deep brackets", strings.Repeat("[", 1e5), `s.yaml:1: nested deeper than 64 levels`},
		{"deep dashes", strings.Repeat("- ", 1e5) + "x", `s.yaml:1: nested deeper than 64 levels`},
		{"deep mappings", strings.Repeat("a: ", 1e5), `s.yaml:1: nested deeper than 64 levels`},
		{"deep tags", strings.Repeat("!t ", 1e5) + "x", `s.yaml:1: nested deeper than 64 levels`},
		{"deep indentation", staircase(100), `s.yaml:66: nested deeper than 64 levels`},
		{"too large", strings.Repeat("#", maxSize+1), `s.yaml: 4194305 bytes are more than such a file may have (4194304)`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := Decode("s.yaml", []byte(tc.text), &ship{})
			var e *Errors
			if !errors.As(err, &e) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func staircase(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%sa:\n", strings.Repeat(" ", i))
	}
	return b.String()
}

func TestEveryProblemIsToldByLine(t *testing.T) {
	err := Decode("s.yaml", []byte("name: Titanic\nmats: 3\ncolour: grey\n"), &ship{})
	var e *Errors
	if !errors.As(err, &e) || len(e.Problems) != 3 || e.Problems[0].Line != 1 || e.Problems[2].Line != 3 || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("%v", err)
	}
	err = Decode("s.yaml", []byte(strings.Repeat("x: 1\n", 1)+"crew: ["+strings.Repeat("{}, ", 1000)+"a]\n"), &ship{})
	if !errors.As(err, &e) || len(e.Problems) != maxProblems+1 || !strings.HasSuffix(err.Error(), "and 901 more problems") {
		t.Errorf("%d problems", len(e.Problems))
	}
}

func TestLines(t *testing.T) {
	lines, err := Locate("s.yaml", []byte("boats:\n  gig:\n    name: x\n    crew:\n    - a\n    - b\n"), &ship{})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"boats.gig.crew[1]": 6, "boats.gig.crew[7]": 5, "boats.gig.length": 3, "name": 0} {
		if got := lines.Of(path); got != want {
			t.Errorf("%s: line %d, want %d", path, got, want)
		}
	}
}

func TestRaw(t *testing.T) {
	var fleet struct {
		Ships map[string]Raw `yaml:"ships"`
	}
	if err := Decode("f.yaml", []byte("ships:\n  fram:\n    colour: red\n    mats: 3\n"), &fleet); err != nil {
		t.Fatal(err)
	}
	s := ship{Name: "base"}
	problems := fleet.Ships["fram"].Lay(&s)
	if s.Name != "base" || s.Colour != "red" || len(problems) != 1 || !strings.HasPrefix(problems[0].String(), `f.yaml:4: ships.fram.mats: unknown key, did you mean "masts"?`) {
		t.Errorf("%+v, %v", s, problems)
	}
	if raw := fleet.Ships["fram"]; raw.Path() != "ships.fram" || raw.Lines().Of("ships.fram.colour") != 3 {
		t.Errorf("%s at %d", raw.Path(), raw.Lines().Of("ships.fram.colour"))
	}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, make([]byte, maxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := File("policy", filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "read policy: ") {
		t.Errorf("missing: %v", err)
	}
	if _, err := File("policy", big); err == nil || !strings.Contains(err.Error(), "more than 4194304 bytes") {
		t.Errorf("too large: %v", err)
	}
	if _, err := File("policy", dir); err == nil {
		t.Error("a directory was read")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("name: Fram\nboats: {gig: {length: 5cm}}\n"))
	f.Add([]byte("a: &x [*x]"))
	f.Add([]byte("? - a\n: !!map {b: c}\n--- |\n x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := Decode("f.yaml", data, &ship{}); err != nil {
			var e *Errors
			if !errors.As(err, &e) || len(e.Problems) == 0 {
				t.Fatalf("%T %v", err, err)
			}
		}
	})
}

// TestDecodeEdges: what stands around a document changes nothing of it.
func TestDecodeEdges(t *testing.T) {
	for _, text := range []string{"\ufeffname: Fram\n", "---\nname: Fram\n", "# ours\n---\nname: Fram", "name: Fram\r\n", "name: Fram\n---\n", "---\nname: Fram\n...\n# end\n", "\ufeff# ours\nname: Fram\n"} {
		s := ship{}
		if err := Decode("s.yaml", []byte(text), &s); err != nil || s.Name != "Fram" {
			t.Errorf("%q: %q, %v", text, s.Name, err)
		}
	}
}
