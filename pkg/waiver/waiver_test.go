package waiver

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/drydock-dev/drydock/pkg/evidence"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

// written is a sound waiver in which some keys are replaced, or left out where the value is "".
func written(changes ...string) string {
	keys := []string{"id", "application", "ecosystem", "package", "version", "vulnerability", "owner", "justification", "control", "approved_by", "granted", "expires", "malicious"}
	values := map[string]string{"id": "W-1", "application": "payments", "package": "jinja2", "vulnerability": "CVE-2024-56201", "owner": "ana@bank.example",
		"justification": "templates come from our own repository only", "control": "the renderer runs without network", "approved_by": "ben@bank.example",
		"granted": "2026-11-01", "expires": "2027-01-31"}
	for i := 0; i < len(changes); i += 2 {
		values[changes[i]] = changes[i+1]
	}
	var b strings.Builder
	lead := "  - "
	for _, key := range keys {
		if v := values[key]; v != "" {
			fmt.Fprintf(&b, "%s%s: %s\n", lead, key, v)
			lead = "    "
		}
	}
	return b.String()
}

func file(entries ...string) []byte {
	return []byte("schema: drydock.waivers/v1\nwaivers:\n" + strings.Join(entries, ""))
}

func parse(t testing.TB, entries ...string) *List {
	t.Helper()
	l, err := Parse("waivers.yaml", file(entries...))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var finding = Subject{Package: "jinja2", Version: "3.1.4", Kind: "vulnerability", IDs: []string{"CVE-2024-56201", "GHSA-gmj6-6f8f-6699"}}

func TestFor(t *testing.T) {
	other := func(change func(*Subject)) Subject {
		f := finding
		change(&f)
		return f
	}
	malicious := other(func(f *Subject) { f.Kind, f.IDs = "malicious", []string{"MAL-2024-1"} })
	for _, tc := range []struct {
		name    string
		entries []string
		app     string
		finding Subject
		now     string
		want    string // id, "-id" for an expired one, "" for neither
	}{
		{"in force", []string{written()}, "payments", finding, "2026-11-22T00:00:00Z", "W-1"},
		{"from the first moment of its day", []string{written()}, "payments", finding, "2026-11-01T00:00:00Z", "W-1"},
		{"not yet granted", []string{written()}, "payments", finding, "2026-10-31T23:59:59Z", ""},
		{"on its last day", []string{written()}, "payments", finding, "2027-01-31T23:59:59Z", "W-1"},
		{"the day after", []string{written()}, "payments", finding, "2027-02-01T00:00:00Z", "-W-1"},
		{"another application", []string{written()}, "ledger", finding, "2026-11-22T00:00:00Z", ""},
		{"how names begin", []string{written("application", "pay*")}, "payments", finding, "2026-11-22T00:00:00Z", "W-1"},
		{"every application", []string{written("application", `"*"`)}, "ledger", finding, "2026-11-22T00:00:00Z", "W-1"},
		{"no name", []string{written("application", `"*"`)}, "", finding, "2026-11-22T00:00:00Z", "W-1"},
		{"an alias in another case", []string{written("vulnerability", "ghsa-GMJ6-6f8f-6699")}, "payments", finding, "2026-11-22T00:00:00Z", "W-1"},
		{"another vulnerability", []string{written("vulnerability", "CVE-2024-5620")}, "payments", finding, "2026-11-22T00:00:00Z", ""},
		{"another package", []string{written("package", "markupsafe")}, "payments", finding, "2026-11-22T00:00:00Z", ""},
		{"a name spelt otherwise", []string{written("package", "Ruamel.YAML")}, "payments", other(func(f *Subject) { f.Package = "ruamel-yaml" }), "2026-11-22T00:00:00Z", "W-1"},
		{"another ecosystem", []string{written("ecosystem", "npm")}, "payments", finding, "2026-11-22T00:00:00Z", ""},
		{"the ecosystem named", []string{written("ecosystem", "PyPI")}, "payments", finding, "2026-11-22T00:00:00Z", "W-1"},
		{"a Go module", []string{written("ecosystem", "Go", "package", "golang.org/x/net", "version", `"==v0.1.0"`)}, "payments",
			other(func(f *Subject) { f.Ecosystem, f.Package, f.Version = "Go", "golang.org/x/net", "v0.1.0" }), "2026-11-22T00:00:00Z", "W-1"},
		{"a Go module, another version", []string{written("ecosystem", "Go", "package", "golang.org/x/net", "version", `"==v0.1.0"`)}, "payments",
			other(func(f *Subject) { f.Ecosystem, f.Package, f.Version = "Go", "golang.org/x/net", "v0.2.0" }), "2026-11-22T00:00:00Z", ""},
		{"a version it names", []string{written("version", `">=3.1,<3.1.5"`)}, "payments", finding, "2026-11-22T00:00:00Z", "W-1"},
		{"a version it doesn't", []string{written("version", `"<3.1.4"`)}, "payments", finding, "2026-11-22T00:00:00Z", ""},
		{"a pre-release, by its number", []string{written("version", `"<3.1.5"`)}, "payments", other(func(f *Subject) { f.Version = "3.1.0rc1" }), "2026-11-22T00:00:00Z", "W-1"},
		{"a version that can't be read", []string{written("version", `"<3.1.5"`)}, "payments", other(func(f *Subject) { f.Version = "unknown" }), "2026-11-22T00:00:00Z", ""},
		{"a version nobody knows", []string{written("version", `"<3.1.5"`)}, "payments", other(func(f *Subject) { f.Version = "" }), "2026-11-22T00:00:00Z", ""},
		{"every version, one nobody knows", []string{written()}, "payments", other(func(f *Subject) { f.Version = "" }), "2026-11-22T00:00:00Z", "W-1"},
		{"a kind nobody knows", []string{written()}, "payments", other(func(f *Subject) { f.Kind = "" }), "2026-11-22T00:00:00Z", ""},
		{"malicious after all", []string{written()}, "payments", other(func(f *Subject) { f.Kind = "malicious" }), "2026-11-22T00:00:00Z", ""},
		{"malicious and said so", []string{written("vulnerability", "MAL-2024-1", "malicious", "true")}, "payments", malicious, "2026-11-22T00:00:00Z", "W-1"},
		{"malicious and denied", []string{written("malicious", "false")}, "payments", other(func(f *Subject) { f.Kind = "malicious" }), "2026-11-22T00:00:00Z", ""},
		{"two, the one that ends last", []string{written("id", "A", "expires", "2027-01-01"), written("id", "B", "expires", "2027-03-01"), written("id", "C", "expires", "2027-02-01")},
			"payments", finding, "2026-11-22T00:00:00Z", "B"},
		{"two that end together", []string{written("id", "B"), written("id", "A")}, "payments", finding, "2026-11-22T00:00:00Z", "A"},
		{"one in force beside an expired one", []string{written("id", "A", "expires", "2026-11-05"), written("id", "B")}, "payments", finding, "2026-11-22T00:00:00Z", "B"},
		{"two expired", []string{written("id", "A", "expires", "2026-11-05"), written("id", "B", "expires", "2026-11-10")}, "payments", finding, "2026-11-22T00:00:00Z", "-B"},
		{"an expired one, the next not granted yet", []string{written("id", "A", "expires", "2026-11-05"), written("id", "B", "granted", "2026-12-01")}, "payments", finding, "2026-11-22T00:00:00Z", "-A"},
		{"none", nil, "payments", finding, "2026-11-22T00:00:00Z", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := file(tc.entries...)
			if tc.entries == nil {
				text = []byte("waivers: []")
			}
			l, err := Parse("waivers.yaml", text)
			if err != nil {
				t.Fatal(err)
			}
			if got := told(l.For(tc.app, tc.finding, at(tc.now))); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func told(a Answer) string {
	switch {
	case a.Waiver != nil && a.Expired != nil:
		return "both"
	case a.Waiver != nil:
		return a.Waiver.ID
	case a.Expired != nil:
		return "-" + a.Expired.ID
	}
	return ""
}

func TestWaiver(t *testing.T) {
	l := parse(t, written("package", "Jinja2", "owner", `" Ana Berg "`, "justification", "|\n      one\n      two"))
	a := l.For("payments", finding, at("2026-11-22T00:00:00Z"))
	want := "waiver W-1 of Ana Berg, approved by ben@bank.example: one\ntwo; control: the renderer runs without network"
	if a.Waiver == nil || a.Waiver.String() != want || a.Waiver.Package != "jinja2" || a.Waiver.Ecosystem != "PyPI" || !a.Waiver.Expires.Equal(at("2027-02-01T00:00:00Z")) {
		t.Errorf("%+v", a.Waiver)
	}
	a.Waiver.Expires = at("2100-01-01T00:00:00Z")
	if a := l.For("payments", finding, at("2028-01-01T00:00:00Z")); a.Waiver != nil {
		t.Error("an answer that is changed changes the list")
	}
}

func TestList(t *testing.T) {
	text := file(written("id", "B", "granted", "2026-12-01"), written("id", "A"), written("id", "C", "application", "ledger", "granted", "2026-11-15"))
	l, err := Parse("waivers.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	if l.Digest() != string(evidence.Of(text)) || !slices.Equal(l.Text(), text) || l.Empty() {
		t.Errorf("%s, %q, empty %v", l.Digest(), l.Text(), l.Empty())
	}
	if all := l.All(); len(all) != 3 || all[0].ID != "A" || all[2].ID != "C" {
		t.Errorf("%v", all)
	}
	for _, tc := range []struct{ app, after, want string }{
		{"payments", "2026-01-01T00:00:00Z", "2026-11-01T00:00:00Z"},
		{"payments", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"},
		{"ledger", "2026-11-01T00:00:00Z", "2026-11-15T00:00:00Z"},
		{"payments", "2026-12-01T00:00:00Z", "2027-02-01T00:00:00Z"},
		{"payments", "2027-02-01T00:00:00Z", ""},
		{"cards", "2026-01-01T00:00:00Z", ""},
	} {
		got := ""
		if next := l.Next(tc.app, at(tc.after)); next != nil {
			got = next.Format(time.RFC3339)
		}
		if got != tc.want {
			t.Errorf("%s after %s: %q, want %q", tc.app, tc.after, got, tc.want)
		}
	}
	var none *List
	if !none.Empty() || none.Digest() != "" || none.Text() != nil || none.All() != nil || none.Next("payments", at("2026-01-01T00:00:00Z")) != nil ||
		told(none.For("payments", finding, at("2026-11-22T00:00:00Z"))) != "" {
		t.Error("a nil list says something")
	}
}

// drawn is a file of waivers over few names and times, so that they often meet.
func drawn(t *rapid.T) (entries []string, app string, f Subject, now time.Time) {
	pick := func(label string, from ...string) string { return rapid.SampledFrom(from).Draw(t, label) }
	day := func(label string, from, to int) time.Time {
		return at("2026-01-01T00:00:00Z").AddDate(0, 0, rapid.IntRange(from, to).Draw(t, label))
	}
	for i := range rapid.IntRange(0, 6).Draw(t, "waivers") {
		granted := day("granted", 0, 20)
		expires := granted.AddDate(0, 0, rapid.IntRange(0, 20).Draw(t, "days"))
		entries = append(entries, written("id", fmt.Sprintf("W-%d", i), "application", pick("application", "a", "ab", "a*", `"*"`), "package", pick("package", "p", "P_q"),
			"version", pick("version", "", `"<2"`, `"==1.0"`), "vulnerability", pick("vulnerability", "CVE-1-1", "GHSA-1", "CVE-1-2"), "granted", granted.Format(time.DateOnly),
			"expires", expires.Format(time.DateOnly), "malicious", pick("malicious", "", "true")))
	}
	f = Subject{Package: pick("of", "p", "p-q"), Version: pick("at", "1.0", "1.5", "2.0", ""), Kind: pick("kind", "vulnerability", "malicious"), IDs: []string{"CVE-1-1", "GHSA-1"}}
	return entries, pick("in", "a", "ab", "b"), f, day("now", 0, 50)
}

func TestExpiredNeverAccepts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries, app, f, now := drawn(t)
		l := listOf(t, entries)
		a := l.For(app, f, now)
		if w := a.Waiver; w != nil && (!w.Expires.After(now) || w.Granted.After(now) || f.Kind == "malicious" && !w.Malicious || a.Expired != nil) {
			t.Fatalf("%+v accepts at %s", w, now)
		}
		if w := a.Expired; w != nil && w.Expires.After(now) {
			t.Fatalf("%+v is told as expired at %s", w, now)
		}
		for _, w := range l.All() { // long after all of them, and before
			if l.For(app, f, w.Expires.AddDate(2, 0, 0)).Waiver != nil || told(l.For(app, f, w.Granted.AddDate(-2, 0, 0))) != "" {
				t.Fatal("it accepts outside its time")
			}
		}
	})
}

func listOf(t *rapid.T, entries []string) *List {
	text := file(entries...)
	if len(entries) == 0 {
		text = []byte("waivers: []")
	}
	l, err := Parse("waivers.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestOrderMakesNoDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries, app, f, now := drawn(t)
		a := listOf(t, entries)
		b := listOf(t, rapid.Permutation(entries).Draw(t, "order"))
		if x, y := told(a.For(app, f, now)), told(b.For(app, f, now)); x != y {
			t.Fatalf("%q, in another order %q", x, y)
		}
	})
}

// The answer changes only at moments Next names, so that a timer set to them misses nothing.
func TestNextMissesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries, app, f, now := drawn(t)
		l := listOf(t, entries)
		until := now.AddDate(1, 0, 0)
		if next := l.Next(app, now); next != nil {
			until = *next
		}
		for at := now; at.Before(until); at = at.Add(24 * time.Hour) {
			if x, y := told(l.For(app, f, now)), told(l.For(app, f, at)); x != y {
				t.Fatalf("%q at %s, %q at %s, next %s", x, now, y, at, until)
			}
		}
	})
}
