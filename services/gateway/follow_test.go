package gateway

import (
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
)

// TestUnread: what arrived after the repository was last read asks for a scan, and nothing else does.
func TestUnread(t *testing.T) {
	at := func(h int) time.Time { return time.Date(2026, 11, 22, h, 0, 0, 0, time.UTC) }
	scan := func(h int, repository, full bool) events.Scanned {
		return events.Scanned{Time: at(h), Scan: events.ScanCompleted{Repository: repository, PlanOptions: events.PlanOptions{Full: full}}}
	}
	merged := func(id string, h int) events.Change {
		c := events.Change{ChangeOpened: events.ChangeOpened{Change: id}}
		if h > 0 {
			c.Merged, c.MergedAt = &events.ChangeMerged{}, at(h)
		}
		return c
	}
	for what, try := range map[string]struct {
		scans   []events.Scanned
		changes []events.Change
		want    string
		full    bool
	}{
		"nothing":                             {nil, nil, "", false},
		"nothing merged":                      {[]events.Scanned{scan(1, true, false)}, []events.Change{merged("c-1", 0)}, "", false},
		"merged after the scan":               {[]events.Scanned{scan(1, true, true)}, []events.Change{merged("c-1", 2)}, "c-1", true},
		"merged before the scan":              {[]events.Scanned{scan(3, true, false)}, []events.Change{merged("c-1", 2)}, "", false},
		"a folder's scan does not read it":    {[]events.Scanned{scan(1, true, false), scan(3, false, true)}, []events.Change{merged("c-1", 2)}, "c-1", false},
		"never read":                          {nil, []events.Change{merged("c-1", 2)}, "c-1", false},
		"the last of several":                 {[]events.Scanned{scan(1, true, false)}, []events.Change{merged("c-2", 3), merged("c-1", 2)}, "c-2", false},
		"at the same time, the first by name": {nil, []events.Change{merged("c-2", 2), merged("c-1", 2)}, "c-1", false},
	} {
		st := events.NewState("app")
		for i, s := range try.scans {
			st.Scans[string(rune('a'+i))] = s
		}
		for _, c := range try.changes {
			st.Changes[c.Change] = c
		}
		if got, full := unread(st); got != try.want || full != try.full {
			t.Errorf("%s: %q, %t; want %q, %t", what, got, full, try.want, try.full)
		}
	}
}
