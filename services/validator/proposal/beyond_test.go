package proposal

import (
	"slices"
	"testing"

	"github.com/drydock-dev/drydock/pkg/report"
)

// An earlier phase that moves a package which this one moves on is told as far as it goes.
func TestBeyond(t *testing.T) {
	at := func(pkg, from, to string) report.Update {
		return report.Update{Package: pkg, From: from, To: to, Source: "requirements.txt"}
	}
	applied := []report.Update{at("urllib3", "1.26.14", "2.8.0"), at("idna", "3.4", "3.7"), at("pytest", "8.0", "9.0"), at("pluggy", "", "1.5")}
	own := []report.Update{at("urllib3", "1.26.20", "2.8.0"), at("pytest", "8.0", "9.0"), at("pluggy", "", "1.5")}
	var got []string
	for _, u := range beyond(applied, own) {
		got = append(got, u.Package+" "+u.From+" "+u.To)
	}
	if want := []string{"urllib3 1.26.14 1.26.20", "idna 3.4 3.7"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
