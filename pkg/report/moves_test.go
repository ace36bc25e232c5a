package report

import (
	"slices"
	"testing"
)

func TestMovesOfSeveralPhasesAreOne(t *testing.T) {
	p := &Plan{Phases: []Phase{
		{Phase: "emergency", Updates: []Update{
			{Package: "werkzeug", From: "2.2.2", To: "2.2.3", Source: "requirements.txt", Direct: true, Fixes: []string{"CVE-2"}},
			{Package: "blinker", To: "1.6", Source: "requirements.txt"}}},
		{Phase: "framework", Updates: []Update{
			{Package: "werkzeug", From: "2.2.3", To: "3.0.6", Source: "requirements.txt", Fixes: []string{"CVE-1"}, Hashes: []string{"sha256:1"}},
			{Package: "blinker", From: "1.6", To: "1.8", Source: "requirements.txt"},
			{Package: "werkzeug", From: "2.2.3", To: "3.0.6", Source: "other.txt"}}},
	}}
	all := p.Moves(func(Phase) bool { return true })
	if len(all) != 3 {
		t.Fatalf("%+v", all)
	}
	w := all[0]
	if w.From != "2.2.2" || w.To != "3.0.6" || !w.Direct || !slices.Equal(w.Fixes, []string{"CVE-1", "CVE-2"}) || len(w.Hashes) != 1 {
		t.Errorf("moved on: %+v", w)
	}
	if b := all[1]; b.From != "" || b.To != "1.8" {
		t.Errorf("added, then moved on: %+v", b)
	}
	if o := all[2]; o.Source != "other.txt" || o.From != "2.2.3" {
		t.Errorf("elsewhere: %+v", o)
	}
	if first := p.Moves(func(ph Phase) bool { return ph.Phase == "emergency" }); len(first) != 2 || first[0].To != "2.2.3" {
		t.Errorf("the first phase alone: %+v", first)
	}
}
