package manifest

import (
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

func TestComposed(t *testing.T) {
	for _, tc := range []struct {
		name, pins string // "package version source"
		phases     []string
		want       string
	}{
		{"nothing", "", nil, ""},
		{"one phase", "x 1 a", []string{"x 1>2 a"}, "x 1>2 a"},
		{"a later phase moves on", "x 1 a", []string{"x 1>2 a", "x 2>3 a", "x 3>4 a"}, "x 1>4 a"},
		{"versions written otherwise", "x 1.0 a", []string{"x 1.0>2 a", "x 2.0>3 a"}, "x 1.0>3 a"},
		{"a later phase that starts from the pin takes its place", "x 1 a", []string{"x 1>2 a", "x 1>3 a"}, "x 1>3 a"},
		{"two pins of one package stay apart", "x 1 a, x 2 a", []string{"x 1>2 a, x 2>3 a", "x 3>4 a"}, "x 1>2 a, x 2>4 a"},
		{"each file for itself", "x 1 a, x 1 b", []string{"x 1>2 a, x 1>2 b", "x 2>3 b"}, "x 1>2 a, x 1>3 b"},
		{"an added pin keeps who requires it", "", []string{"x >1 a via y", "x 1>2 a"}, "x >2 a via y"},
	} {
		inv := &inventory.Inventory{}
		for _, p := range listed(tc.pins) {
			f := strings.Fields(p)
			inv.Packages = append(inv.Packages, inventory.Package{Package: f[0], Version: f[1], Source: f[2]})
		}
		var phases []report.Phase
		for _, text := range tc.phases {
			ph := report.Phase{}
			for _, s := range listed(text) {
				f := strings.Fields(s)
				from, to, _ := strings.Cut(f[1], ">")
				u := report.Update{Package: f[0], From: from, To: to, Source: f[2]}
				if len(f) > 3 {
					u.Through = f[4:]
				}
				ph.Updates = append(ph.Updates, u)
			}
			phases = append(phases, ph)
		}
		before := slices.Clone(phases)
		var got []string
		for _, u := range Composed(phases, inv) {
			s := u.Package + " " + u.From + ">" + u.To + " " + u.Source
			if len(u.Through) > 0 {
				s += " via " + strings.Join(u.Through, " ")
			}
			got = append(got, s)
		}
		if strings.Join(got, ", ") != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, strings.Join(got, ", "), tc.want)
		}
		for i := range before {
			if &before[i].Updates[0] != &phases[i].Updates[0] || before[i].Updates[0].From != phases[i].Updates[0].From {
				t.Errorf("%s: the phases changed", tc.name)
			}
		}
	}
}

func listed(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ", ")
}
