package inventory

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/evidence"
)

func example() Inventory {
	var inv Inventory
	for _, marker := range []string{"", "python_version < '3.9'", "sys_platform == 'win32'"} {
		for _, scope := range []string{"repository:a.txt", "repository:b.txt"} {
			for _, version := range []string{"1.0", "2.0"} {
				inv.Packages = append(inv.Packages, Package{Package: "flask", Ecosystem: "PyPI", Version: version, Source: "base.txt", Line: 3, Pin: Exact, Marker: marker, Scope: scope})
			}
		}
	}
	for _, reason := range []string{Unpinned, RangedPin, Unparsed} {
		inv.Incomplete = append(inv.Incomplete, Incomplete{Reason: reason, Source: "base.txt", Detail: "x"}, Incomplete{Reason: reason, Source: "base.txt", Ecosystem: "npm", Detail: "x"})
	}
	for _, path := range []string{"b.txt", "a.txt"} {
		inv.Sources = append(inv.Sources, Source{Path: path, Kind: "requirements"}, Source{Path: path, Kind: "environment"})
		inv.Files = append(inv.Files, File{Path: path, Digest: evidence.Of([]byte(path))})
	}
	return inv
}

// TestOrderMakesNoDifference: two readings of one target are one inventory, whatever the order of reading.
func TestOrderMakesNoDifference(t *testing.T) {
	first := example()
	data, want, err := first.Encode()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		inv := example()
		r.Shuffle(len(inv.Packages), func(i, j int) { inv.Packages[i], inv.Packages[j] = inv.Packages[j], inv.Packages[i] })
		r.Shuffle(len(inv.Incomplete), func(i, j int) { inv.Incomplete[i], inv.Incomplete[j] = inv.Incomplete[j], inv.Incomplete[i] })
		slices.Reverse(inv.Sources)
		slices.Reverse(inv.Files)
		got, digest, err := inv.Encode()
		if err != nil || digest != want {
			t.Fatalf("digest %s, want %s (%v)\n%s\n%s", digest, want, err, got, data)
		}
	}
	if evidence.Of(data) != want {
		t.Error("the digest is not that of the bytes")
	}
}

func TestNilIsEmpty(t *testing.T) {
	data, a, err := (&Inventory{}).Encode()
	if err != nil || strings.Contains(string(data), "null") {
		t.Errorf("%v: %s", err, data)
	}
	_, b, _ := (&Inventory{Sources: []Source{}, Packages: []Package{}, Incomplete: []Incomplete{}}).Encode()
	if a != b {
		t.Error("a nil list makes another inventory than an empty one")
	}
}

// TestEveryMemberCounts: what differs in any member is another inventory.
func TestEveryMemberCounts(t *testing.T) {
	base := example()
	_, want, _ := base.Encode()
	for name, change := range map[string]func(*Inventory){
		"hash":    func(i *Inventory) { i.Packages[0].Hashes = []string{"sha256:00"} },
		"extra":   func(i *Inventory) { i.Packages[0].Extras = []string{"async"} },
		"dev":     func(i *Inventory) { i.Packages[0].Dev = true },
		"python":  func(i *Inventory) { i.Python = "3.11" },
		"file":    func(i *Inventory) { i.Files[0].Size = 1 },
		"counter": func(i *Inventory) { i.Sources[0].NotCovered = 1 },
	} {
		inv := example()
		change(&inv)
		if _, got, err := inv.Encode(); err != nil || got == want {
			t.Errorf("%s: digest %s, %v", name, got, err)
		}
	}
}
