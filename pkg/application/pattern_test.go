package application

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, good := range []string{"a", "payments", "payments-2", "payments-*", "*", "7*", strings.Repeat("a", 63), strings.Repeat("a", 62) + "*"} {
		var p Pattern
		if err := p.UnmarshalText([]byte(good)); err != nil || string(p) != good {
			t.Errorf("%q: %q, %v", good, p, err)
		}
	}
	for _, bad := range []string{"", "Payments", "-a", "a b", "*a", "a*b", "**", "a?", "a/b", "a\n", strings.Repeat("a", 64), strings.Repeat("a", 63) + "*"} {
		if p, err := Parse(bad); err == nil || p != "" || !strings.Contains(err.Error(), "want the name of an application") {
			t.Errorf("%q: %q, %v", bad, p, err)
		}
	}
}

func TestCovers(t *testing.T) {
	for _, tc := range []struct {
		pattern Pattern
		name    string
		want    bool
	}{
		{"payments", "payments", true},
		{"payments", "payments-eu", false},
		{"payments", "pay", false},
		{"payments*", "payments", true},
		{"payments-*", "payments", false},
		{"payments-*", "payments-eu", true},
		{"*", "anything", true},
		{"", "", false},
		{"", "payments", false},
	} {
		if got := tc.pattern.Covers(tc.name); got != tc.want {
			t.Errorf("%q covers %q: %v", tc.pattern, tc.name, got)
		}
	}
}
