package vex

import (
	"fmt"
	"testing"
)

// feed is a supplier's document of n statements.
func feed(n int) string {
	statements := make([]string, n)
	for i := range statements {
		statements[i] = fmt.Sprintf(`    {"vulnerability": {"name": "CVE-2026-%d", "aliases": ["GHSA-%d"]}, "products": [{"@id": "pkg:pypi/p%d"}], %s}`, i, i, i%500, notAffected)
	}
	return document(statements...)
}

func BenchmarkParse10000(b *testing.B) {
	text := []byte(feed(10_000))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("v.json", text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkForOf10000(b *testing.B) {
	s, now := NewSet(parse(b, feed(10_000))), at("2026-11-22T00:00:00Z")
	f := Subject{PURL: "pkg:pypi/p7@1.0", IDs: []string{"GHSA-7", "CVE-2026-7"}, Application: "payments"}
	b.ReportAllocs()
	for b.Loop() {
		if _, silenced := s.For(f, now); !silenced {
			b.Fatal("not silenced")
		}
	}
}
