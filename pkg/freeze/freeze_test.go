package freeze

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

func parse(t testing.TB, text string) *List {
	t.Helper()
	l, err := Parse("freezes.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const calendar = `
schema: drydock.freezes/v1
zone: Europe/Zurich
freezes:
  - name: year-end
    reason: the books are closed
    owner: platform@bank.example
    from: 2026-12-18
    until: 2027-01-03
  - name: cards-launch
    reason: a new card goes live
    owner: cards@bank.example
    applications: [cards, "cards-*"]
    classes: [regular, feature]
    from: 2026-12-10T18:00:00+01:00
    until: 2026-12-20T06:00:00+01:00
  - name: audit
    reason: the auditors are in the house
    owner: platform@bank.example
    applications: [ledger]
    from: 2027-01-04
    until: 2027-01-05
    zone: UTC
`

func TestAt(t *testing.T) {
	l := parse(t, calendar)
	for _, tc := range []struct{ app, class, at, want string }{
		{"payments", "high", "2026-12-17T22:59:59Z", ""},
		{"payments", "high", "2026-12-17T23:00:00Z", "year-end"}, // midnight in Zurich
		{"payments", "emergency", "2026-12-24T12:00:00Z", "year-end"},
		{"payments", "feature", "2027-01-03T22:59:59Z", "year-end"},
		{"payments", "feature", "2027-01-03T23:00:00Z", ""},
		{"cards", "regular", "2026-12-10T16:59:59Z", ""},
		{"cards", "regular", "2026-12-10T17:00:00Z", "cards-launch"},
		{"cards-eu", "feature", "2026-12-15T00:00:00Z", "cards-launch"},
		{"cards", "high", "2026-12-15T00:00:00Z", ""},
		{"cardsharp", "regular", "2026-12-15T00:00:00Z", ""},
		{"cards", "regular", "2026-12-19T00:00:00Z", "year-end"}, // both: the one that ends last
		{"ledger", "regular", "2027-01-03T23:30:00Z", ""},
		{"ledger", "regular", "2027-01-04T00:00:00Z", "audit"},
		{"ledger", "regular", "2027-01-06T00:00:00Z", ""},
	} {
		f, ok := l.At(tc.app, tc.class, at(tc.at))
		if f.Name != tc.want || ok != (tc.want != "") {
			t.Errorf("%s, %s at %s: %q (%v), want %q", tc.app, tc.class, tc.at, f.Name, ok, tc.want)
		}
	}
	f, _ := l.At("cards", "regular", at("2026-12-15T00:00:00Z"))
	if want := "cards-launch (a new card goes live; cards@bank.example) from 2026-12-10T17:00:00Z until 2026-12-20T05:00:00Z"; f.String() != want {
		t.Errorf("%s", f)
	}
	f.Applications[0] = "*"
	if _, ok := l.At("ledger", "regular", at("2026-12-15T00:00:00Z")); ok {
		t.Error("an answer that is changed changes the list")
	}
}

func TestCovering(t *testing.T) {
	l := parse(t, calendar)
	for _, tc := range []struct{ app, class, from, until, want string }{
		{"cards", "regular", "2026-12-01T00:00:00Z", "2027-02-01T00:00:00Z", "cards-launch year-end"},
		{"cards", "high", "2026-12-01T00:00:00Z", "2027-02-01T00:00:00Z", "year-end"},
		{"ledger", "high", "2026-12-01T00:00:00Z", "2027-02-01T00:00:00Z", "year-end audit"},
		{"payments", "high", "2026-12-01T00:00:00Z", "2026-12-17T23:00:00Z", ""},
		{"payments", "high", "2026-12-01T00:00:00Z", "2026-12-17T23:00:01Z", "year-end"},
		{"payments", "high", "2027-01-03T22:59:59Z", "2027-02-01T00:00:00Z", "year-end"},
		{"payments", "high", "2027-01-03T23:00:00Z", "2027-02-01T00:00:00Z", ""},
		{"payments", "high", "2026-12-24T00:00:00Z", "2026-12-24T00:00:00Z", "year-end"},
		{"payments", "high", "2026-12-17T23:00:00Z", "2026-12-17T23:00:00Z", "year-end"},
		{"payments", "high", "2027-01-03T23:00:00Z", "2027-01-03T23:00:00Z", ""},
		{"payments", "high", "2026-12-25T00:00:00Z", "2026-12-24T00:00:00Z", ""},
	} {
		var got []string
		for _, f := range l.Covering(tc.app, tc.class, at(tc.from), at(tc.until)) {
			got = append(got, f.Name)
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s, %s, %s to %s: %v, want %s", tc.app, tc.class, tc.from, tc.until, got, tc.want)
		}
	}
}

func TestFreeAndNext(t *testing.T) {
	l := parse(t, strings.ReplaceAll(calendar, "from: 2027-01-04\n", "from: 2027-01-03\n"))
	for _, tc := range []struct{ app, class, at, free string }{
		{"payments", "high", "2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"},
		{"payments", "high", "2026-12-24T00:00:00Z", "2027-01-03T23:00:00Z"},
		{"ledger", "high", "2026-12-24T00:00:00Z", "2027-01-06T00:00:00Z"}, // the next one begins before it ends
		{"cards", "regular", "2026-12-11T00:00:00Z", "2027-01-03T23:00:00Z"},
		{"cards", "high", "2026-12-11T00:00:00Z", "2026-12-11T00:00:00Z"},
	} {
		if got := l.Free(tc.app, tc.class, at(tc.at)); !got.Equal(at(tc.free)) {
			t.Errorf("%s, %s from %s: free at %s, want %s", tc.app, tc.class, tc.at, got, tc.free)
		}
	}
	var got []string
	for next := l.Next("cards", at("2026-01-01T00:00:00Z")); next != nil; next = l.Next("cards", *next) {
		got = append(got, next.Format(time.RFC3339))
	}
	if want := []string{"2026-12-10T17:00:00Z", "2026-12-17T23:00:00Z", "2026-12-20T05:00:00Z", "2027-01-03T23:00:00Z"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestList(t *testing.T) {
	l := parse(t, calendar)
	if l.Digest() != string(evidence.Of([]byte(calendar))) || string(l.Text()) != calendar || l.Empty() || len(l.All()) != 3 || l.All()[0].Name != "cards-launch" {
		t.Errorf("%s, %v", l.Digest(), l.All())
	}
	none, some := (*List)(nil), at("2026-12-24T00:00:00Z")
	for name, l := range map[string]*List{"nil": none, "empty": parse(t, "freezes: []\n")} {
		if _, ok := l.At("payments", "high", some); ok || !l.Empty() || l.All() != nil || l.Covering("payments", "high", some, some) != nil || l.Next("payments", some) != nil ||
			!l.Free("payments", "high", some).Equal(some) {
			t.Errorf("%s: it holds something", name)
		}
	}
	if none.Digest() != "" || none.Text() != nil {
		t.Error("a nil list has a text")
	}
}

// Days begin where the clocks of the zone say so, also where midnight happens twice or not at all.
func TestStartOfDay(t *testing.T) {
	for _, tc := range []struct{ zone, date, want string }{
		{"UTC", "2026-12-18", "2026-12-18T00:00:00Z"},
		{"Europe/Zurich", "2026-03-29", "2026-03-28T23:00:00Z"},
		{"Europe/Zurich", "2026-03-30", "2026-03-29T22:00:00Z"},
		{"Pacific/Kiritimati", "2026-12-18", "2026-12-17T10:00:00Z"},
		{"Pacific/Pago_Pago", "2026-12-18", "2026-12-18T11:00:00Z"},
		{"Asia/Kathmandu", "2026-12-18", "2026-12-17T18:15:00Z"},
		{"America/Havana", "2024-11-03", "2024-11-03T04:00:00Z"},    // at 1 o'clock back to midnight: the first of the two
		{"America/Havana", "2024-03-10", "2024-03-10T05:00:00Z"},    // at midnight on to 1 o'clock
		{"Asia/Beirut", "2024-03-31", "2024-03-30T22:00:00Z"},       // likewise
		{"America/Sao_Paulo", "2018-02-18", "2018-02-18T03:00:00Z"}, // at midnight back to 23 o'clock
		{"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"},      // the whole day was left out
		{"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"},
	} {
		zone, err := time.LoadLocation(tc.zone)
		if err != nil {
			t.Skipf("this system has no time zones: %v", err)
		}
		date, _ := time.Parse(time.DateOnly, tc.date)
		if got := startOfDay(date, zone); !got.Equal(at(tc.want)) {
			t.Errorf("%s in %s begins at %s, want %s", tc.date, tc.zone, got, tc.want)
		}
	}
}

func TestStartOfDayEverywhere(t *testing.T) {
	for _, name := range []string{"Europe/Zurich", "America/Havana", "Asia/Beirut", "America/Sao_Paulo", "Asia/Tehran", "Africa/Cairo", "Australia/Lord_Howe"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Skipf("this system has no time zones: %v", err)
		}
		for date := at("2015-01-01T00:00:00Z"); date.Year() < 2028; date = date.AddDate(0, 0, 1) {
			begin := startOfDay(date, zone)
			if begin.In(zone).Format(time.DateOnly) != date.Format(time.DateOnly) || begin.Add(-time.Minute).In(zone).Format(time.DateOnly) >= date.Format(time.DateOnly) {
				t.Fatalf("%s in %s begins at %s", date.Format(time.DateOnly), name, begin.In(zone))
			}
		}
	}
}

// drawn is a calendar of few names and hours, so that freezes often meet.
func drawn(t *rapid.T) []string {
	var entries []string
	for i := range rapid.IntRange(1, 6).Draw(t, "freezes") {
		from := at("2026-01-01T00:00:00Z").Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "from")) * time.Hour)
		until := from.Add(time.Duration(rapid.IntRange(1, 12).Draw(t, "hours")) * time.Hour)
		apps := rapid.SampledFrom([]string{`["*"]`, "[a]", `["a*"]`, "[b, ab]"}).Draw(t, "applications")
		classes := rapid.SampledFrom([]string{"[regular]", "[high, regular]", "[emergency, high, framework, domain, regular, feature]"}).Draw(t, "classes")
		entries = append(entries, fmt.Sprintf("  - {name: F-%d, reason: r, owner: o, applications: %s, classes: %s, from: %s, until: %s}\n", i, apps, classes, moment(from), moment(until)))
	}
	return entries
}

func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := drawn(t)
		list := func(entries []string) *List {
			l, err := Parse("f.yaml", []byte("freezes:\n"+strings.Join(entries, "")))
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		l, other := list(entries), list(rapid.Permutation(entries).Draw(t, "order"))
		app := rapid.SampledFrom([]string{"a", "ab", "b", "c"}).Draw(t, "application")
		class := rapid.SampledFrom([]string{"high", "regular", "feature"}).Draw(t, "class")
		now := at("2026-01-01T00:00:00Z").Add(time.Duration(rapid.IntRange(-60, 2600).Draw(t, "now")) * time.Minute)
		f, held := l.At(app, class, now)
		if g, too := other.At(app, class, now); too != held || g.Name != f.Name {
			t.Fatalf("%s, in another order %s", f, g)
		}
		if held && (f.From.After(now) || !f.Until.After(now)) {
			t.Fatalf("%s holds at %s", f, now)
		}
		if covering := l.Covering(app, class, now, now); (len(covering) > 0) != held || held && !slices.ContainsFunc(covering, func(g Freeze) bool { return g.Name == f.Name }) {
			t.Fatalf("held %v, covering %v", held, covering)
		}
		free := l.Free(app, class, now)
		if _, still := l.At(app, class, free); still || free.Before(now) || held != free.After(now) {
			t.Fatalf("held %v at %s, free at %s", held, now, free)
		}
		for at := now; at.Before(free); at = at.Add(time.Hour) {
			if _, still := l.At(app, class, at); !still {
				t.Fatalf("free at %s already, not only at %s", at, free)
			}
		}
		until := now.Add(100 * time.Hour)
		if next := l.Next(app, now); next != nil {
			until = *next
		}
		for at := now; at.Before(until); at = at.Add(30 * time.Minute) {
			if g, _ := l.At(app, class, at); g.Name != f.Name {
				t.Fatalf("%q at %s, %q at %s, next %s", f.Name, now, g.Name, at, until)
			}
		}
	})
}

// TestSince: the beginning of freezes that touch or overlap, and t itself where none lies before it.
func TestSince(t *testing.T) {
	list, err := Parse("f.yaml", []byte(`schema: drydock.freezes/v1
freezes:
- {name: a, reason: r, owner: o@b.example, from: 2026-12-01, until: 2026-12-03}
- {name: b, reason: r, owner: o@b.example, from: 2026-12-04, until: 2026-12-06}
- {name: c, reason: r, owner: o@b.example, from: 2026-12-05, until: 2026-12-09}
- {name: d, reason: r, owner: o@b.example, classes: [high], from: 2026-11-25, until: 2026-11-30}
- {name: e, reason: r, owner: o@b.example, from: 2026-12-11, until: 2026-12-12}
`))
	if err != nil {
		t.Fatal(err)
	}
	day := func(month time.Month, d int) time.Time { return time.Date(2026, month, d, 0, 0, 0, 0, time.UTC) }
	for _, tc := range []struct {
		class    string
		at, want time.Time
	}{
		{"regular", day(12, 8), day(12, 1)}, {"high", day(12, 8), day(11, 25)}, {"regular", day(12, 10), day(12, 1)}, {"regular", day(12, 11), day(12, 11)},
		{"regular", day(12, 12), day(12, 11)}, {"regular", day(11, 20), day(11, 20)}, {"high", day(12, 1), day(11, 25)},
	} {
		if got := list.Since("payments", tc.class, tc.at); !got.Equal(tc.want) {
			t.Errorf("%s at %s: %s, want %s", tc.class, tc.at, got, tc.want)
		}
	}
	if none := (*List)(nil); !none.Since("payments", "high", day(12, 1)).Equal(day(12, 1)) {
		t.Error("no list")
	}
}
