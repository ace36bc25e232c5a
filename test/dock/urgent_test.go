package dock

import (
	"slices"
	"sync"
	"testing"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/test/yard"
)

// An emergency is in the urgent lane from the moment it is opened, whatever asked for the scan; where all of a plan is
// urgent, because somebody waits for it, it is taken up first.
func TestEmergencyFirst(t *testing.T) {
	for _, asked := range []events.Lane{events.Routine, events.Urgent} {
		t.Run(string(asked), func(t *testing.T) {
			w := newWorld(t, plain())
			w.db = yard.Advisories(t, yard.Advisory{ID: "GHSA-0000-0000-0001", Package: "lib", Fixed: "1.1"},
				yard.Advisory{ID: "GHSA-0000-0000-0002", Package: "other", Fixed: "1.1", Severity: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"})
			w.cfg.Workers = 1
			var mu sync.Mutex
			var begun []string
			w.crossed = func(change, _ string) {
				mu.Lock()
				defer mu.Unlock()
				if !slices.Contains(begun, change) {
					begun = append(begun, change)
				}
			}
			w.start(bus.NewMemory())
			w.request("all", asked)
			s := w.until("both proposed", func(s *events.State) bool {
				n := 0
				for _, c := range s.Changes {
					if c.Stage() == events.StageProposed {
						n++
					}
				}
				return n == 2
			})
			lanes := map[string][]string{}
			for _, r := range w.records(0) {
				c := s.Changes[events.Ext(r.Event, events.ExtChange)]
				if lane := events.Ext(r.Event, events.ExtLane); c.Change != "" && !slices.Contains(lanes[c.Class], lane) {
					lanes[c.Class] = append(lanes[c.Class], lane)
				}
			}
			if !slices.Equal(lanes["emergency"], []string{"urgent"}) || !slices.Equal(lanes["high"], []string{string(asked)}) {
				t.Errorf("lanes: %v", lanes)
			}
			mu.Lock()
			defer mu.Unlock()
			if asked == events.Urgent && (len(begun) != 2 || s.Changes[begun[0]].Class != "emergency") {
				t.Errorf("taken up in the order %v of %v", begun, s.Changes)
			}
		})
	}
}
