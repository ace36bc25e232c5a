package advisory

import (
	"strconv"
	"strings"
	"testing"
)

func formatScore(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

func TestSemverOrder(t *testing.T) {
	ordered := strings.Fields("0.0.0-0 0.0.0 1.0.0-0 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1 1.2 1.10.0 2 10.0.0 99999999999999999999.0.0")
	for i, a := range ordered {
		for j, b := range ordered {
			x, ok := parseSemver(a)
			y, ok2 := parseSemver("v" + b + "+incompatible")
			if !ok || !ok2 {
				t.Fatal(a, b)
			}
			if got, want := x.compare(&y), compareInts(i, j); got != want {
				t.Errorf("%s against %s: %d, want %d", a, b, got, want)
			}
		}
	}
	for _, bad := range []string{"", "v", "x", "1.", "1..2", "1.2.3.4", "1.2.x", "1.0-", "1.0-a..b", "1.0-é", "1.0+é", "latest", "-1"} {
		if s, ok := parseSemver(bad); ok {
			t.Errorf("%q was read as %+v", bad, s)
		}
	}
}

func compareInts(a, b int) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

func TestGoReleases(t *testing.T) {
	for given, want := range map[string]string{
		"go1.21": "1.21", "go1.21rc2": "1.21.0-rc.2", "go1.13beta1": "1.13.0-beta.1", "1.22.1 X:nocoverageredesign": "1.22.1", "v1.2.3": "v1.2.3", "v1.0.0-rc.1": "v1.0.0-rc.1", "go1.20.3": "1.20.3", "v0.0.0-20240101-abcrc1": "v0.0.0-20240101-abcrc1",
	} {
		if got := goRelease(given); got != want {
			t.Errorf("goRelease(%q) = %q, want %q", given, got, want)
		}
	}
}

func TestGoAndCratesMatchBySemver(t *testing.T) {
	dir := t.TempDir()
	record := func(ecosystem, name, events string) string {
		return `{"schema_version":"1.3.1","id":"X-1","modified":"2024-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"` + ecosystem + `","name":"` + name + `"},"ranges":[{"type":"SEMVER","events":[` + events + `]}]}]}`
	}
	write(t, zipOf(t, record("Go", "stdlib", `{"introduced":"0"},{"fixed":"1.20.12"},{"introduced":"1.21.0-0"},{"fixed":"1.21.5"}`), strings.Replace(record("Go", "github.com/Masterminds/x", `{"introduced":"garbage"},{"fixed":"1.2.0"}`), "X-1", "X-2", 1)), dir, "osv-scalibr", "Go", archiveName)
	write(t, zipOf(t, record("crates.io", "time", `{"introduced":"0.1.0"},{"fixed":"garbage"}`)), dir, "crates.io", archiveName)
	db := open(t, dir, Options{})
	for _, c := range []struct {
		ecosystem, name, version string
		hit                      bool
	}{
		{"Go", "stdlib", "go1.20.11", true}, {"Go", "stdlib", "1.20.12", false}, {"Go", "stdlib", "go1.21rc2", true}, {"Go", "stdlib", "1.21", true}, {"Go", "stdlib", "1.21.5", false},
		{"Go", "github.com/Masterminds/x", "v1.1.0+incompatible", true}, {"Go", "github.com/Masterminds/x", "v1.2.0", false}, {"Go", "github.com/masterminds/x", "v1.1.0", false},
		{"crates.io", "time", "0.1.43", true}, {"crates.io", "time", "99.0.0", true}, {"crates.io", "time", "0.0.9", false},
	} {
		hits, err := db.Match(c.ecosystem, c.name, c.version)
		if err != nil || (len(hits) == 1) != c.hit {
			t.Errorf("%s %s %s: %d hits, %v; want a hit: %v", c.ecosystem, c.name, c.version, len(hits), err, c.hit)
		}
	}
}
