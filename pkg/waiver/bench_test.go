package waiver

import (
	"fmt"
	"testing"
)

// many are n waivers of 500 packages.
func many(n int) []byte {
	entries := make([]string, n)
	for i := range entries {
		entries[i] = written("id", fmt.Sprintf("W-%d", i), "package", fmt.Sprintf("p%d", i%500), "vulnerability", fmt.Sprintf("CVE-2026-%d", i))
	}
	return file(entries...)
}

func BenchmarkParse1000(b *testing.B) {
	text := many(1000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("w.yaml", text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkForOf10000(b *testing.B) {
	l, err := Parse("w.yaml", many(10_000))
	if err != nil {
		b.Fatal(err)
	}
	f, now := Subject{Package: "p7", Version: "1.0", Kind: "vulnerability", IDs: []string{"CVE-2026-1507", "GHSA-1"}}, at("2026-11-22T00:00:00Z")
	b.ReportAllocs()
	for b.Loop() {
		if l.For("payments", f, now).Waiver == nil {
			b.Fatal("not accepted")
		}
	}
}
