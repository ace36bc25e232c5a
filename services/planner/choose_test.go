package planner

import (
	"testing"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/pep508"
)

func TestTelling(t *testing.T) {
	hit := []advisory.Hit{{ID: "CVE-2"}, {ID: "CVE-1"}}
	rs := []rejection{
		{Version: "1", Whys: []why{whyHit}, Hits: hit}, {Version: "2", Whys: []why{whyHit}, Hits: hit}, {Version: "3", Whys: []why{whyHit}, Hits: hit},
		{Version: "4", Whys: []why{whyHit, whyYanked}, Hits: hit, Yanked: "bad\x1b[31m"},
		{Version: "5", Whys: []why{whyPython}, Requires: ">=3.10"}, {Version: "6", Whys: []why{whyPython}, Requires: ">=3.10"},
		{Version: "7", Whys: []why{whyPrerelease, whyNewer}}, {Version: "8", Whys: []why{whyUnhashed}}, {Version: "9", Whys: []why{whyUnjudged}},
	}
	want := "lib 1 to 3 are hit by CVE-1, CVE-2; lib 4 is hit by CVE-1, CVE-2 and yanked (bad[31m); lib 5 and 6 require Python >=3.10, target is 3.9; " +
		"lib 7 is a pre-release and published after the time allowed; and 2 more"
	if got := tellAll(rs, "lib", pep508.Environment{Python: "3.9"}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
