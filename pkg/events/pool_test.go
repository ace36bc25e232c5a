package events_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/drydock-dev/drydock/pkg/events"
)

// TestSharingIsInvisible: a folded finding says what its event said, whatever else was folded before it.
func TestSharingIsInvisible(t *testing.T) {
	base := full()[6].(events.FindingOpened)
	var all []events.FindingOpened
	for i, ids := range [][]string{{"a", "b"}, {"a\x00b"}, {"a", "b"}, {"ab"}, {"a", "b", ""}, nil, {}, {""}} {
		f := base
		f.Finding, f.IDs, f.FixedIn = fmt.Sprint("f-", i), ids, ids
		f.KEV, f.Score = ptr(i%2 == 0), ptr(float64(i%3))
		if i%2 == 1 {
			f.Published = nil
		}
		all = append(all, f)
	}
	var wg sync.WaitGroup
	for range 4 { // applications fold at the same time
		wg.Go(func() {
			s := &story{t: t, app: "payments", cause: "scan"}
			for _, f := range all {
				s.add(f.Finding, f)
			}
			st, err := events.Fold(s.app, s.records)
			if err != nil {
				t.Error(err)
				return
			}
			for _, f := range all {
				data, _ := json.Marshal(f)
				var want events.FindingOpened
				if err := json.Unmarshal(data, &want); err != nil {
					t.Error(err)
				}
				if want.IDs == nil {
					want.IDs = []string{} // as New writes it
				}
				if got := st.Findings[f.Finding].FindingOpened; !reflect.DeepEqual(got, want) {
					t.Errorf("folded\n%+v\nwant\n%+v", got, want)
				}
			}
		})
	}
	wg.Wait()
}
