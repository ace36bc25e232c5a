package advisory

import (
	"fmt"
	"sync"
	"testing"
)

func TestDiffNamesTheChangedPackages(t *testing.T) {
	all := ranged("introduced=0")
	before := dbOf(t, pypi("PYSEC-1", "same", all), pypi("PYSEC-2", "wider", ranged("introduced=0 fixed=2")), pypi("PYSEC-3", "gone", all),
		pypi("PYSEC-4", "aliased", all), pypi("PYSEC-5", "zeta-withdrawn", all), pypi("PYSEC-8", "renamed", all))
	after := dbOf(t, pypi("PYSEC-1", "same", all), pypi("PYSEC-2", "wider", ranged("introduced=0 fixed=3")), pypi("PYSEC-6", "Brand.New", all),
		pypi("PYSEC-4", "aliased", all), pypi("GHSA-7", "other", all, aliases("PYSEC-4"), vector98), pypi("PYSEC-5", "zeta-withdrawn", all, `"withdrawn":"2024-01-01T00:00:00Z"`), pypi("PYSEC-9", "renamed", all))
	want := "[{PyPI aliased} {PyPI brand-new} {PyPI gone} {PyPI other} {PyPI renamed} {PyPI wider} {PyPI zeta-withdrawn}]"
	if got := fmt.Sprint(Diff(before, after)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := Diff(after, after); len(got) != 0 {
		t.Errorf("with itself: %v", got)
	}
	if got := Diff(Empty().(*DB), after); len(got) != 6 {
		t.Errorf("the first: %v", got)
	}
	if got := Diff(after, Empty().(*DB)); len(got) != 6 {
		t.Errorf("the last: %v", got)
	}
	// Records in another order, or written differently, say the same.
	shuffled := dbOf(t, pypi("PYSEC-2", "Wider", `"versions":["1.0"],`+ranged("introduced=0 fixed=2")), pypi("PYSEC-1", "same", all))
	if got := Diff(dbOf(t, pypi("PYSEC-1", "same", all), pypi("PYSEC-2", "wider", ranged("introduced=0 fixed=2"))), shuffled); len(got) != 0 {
		t.Errorf("said differently: %v", got)
	}
}

func TestHolderSwaps(t *testing.T) {
	var h Holder
	if h.Current() == nil || len(h.Current().Databases()) != 0 {
		t.Error("the zero Holder has the empty Matcher")
	}
	one, two := dbOf(t, recordOne), dbOf(t, recordTwo)
	if old := h.Swap(one); len(old.Databases()) != 0 || h.Current() != Matcher(one) {
		t.Error("first swap")
	}
	if old := h.Swap(two); old != Matcher(one) || NewHolder(two).Current() != Matcher(two) {
		t.Error("second swap")
	}
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for range 50 {
				if i == 0 {
					h.Swap([]Matcher{one, two}[i%2])
				} else if _, err := h.Current().Match("PyPI", "demo", "1"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if h.Swap(nil); h.Current() == nil {
		t.Error("nil is the empty Matcher")
	}
}
