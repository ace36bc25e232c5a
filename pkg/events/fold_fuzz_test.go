package events_test

import (
	"testing"

	"github.com/drydock-dev/drydock/pkg/events"
)

// FuzzFold: whatever bytes stand in the log, a fold neither fails to go on nor depends on more than the log;
// and what Check lets in, it folds without an error.
func FuzzFold(f *testing.F) {
	for i, row := range events.Catalog {
		f.Add(uint8(i), []byte(`{"finding":"f-1"}`), uint8(i+1), []byte(`{"change":"c-1","plan":"p","target":"t"}`), row.OrgOnly)
	}
	f.Add(uint8(6), []byte(`{"finding":5}`), uint8(8), []byte(`{"finding":"f-1","reason":"fixed"}`), true)
	f.Fuzz(func(t *testing.T, first uint8, a []byte, second uint8, b []byte, batch bool) {
		s := &story{t: t, app: "payments", cause: "cause"}
		if batch {
			s.batch = digestOf('a')
		}
		sound := true
		for i, c := range []struct {
			row  uint8
			data []byte
		}{{first, a}, {second, b}} {
			row := events.Catalog[int(c.row)%len(events.Catalog)]
			r := s.add(string(rune('a'+i)), row.Payload, func(e *events.Event) {
				e.DataEncoded = c.data
				if batch && i == 1 {
					final(e)
				}
			})
			sound = sound && (row.OrgOnly || events.Check(r.Event) == nil)
		}
		st, err := events.Fold(s.app, s.records)
		if sound && err != nil {
			t.Errorf("what passed Check does not fold: %v", err)
		}
		if st.Sequence != 2 || !st.Seen(s.records[0].Event.ID()) || !st.Done("cause", producer(s.records[1])) {
			t.Errorf("the fold did not go on: %+v", st)
		}
		again, _ := events.Fold(s.app, s.records)
		if x, y := dump(t, st, s.records), dump(t, again.Clone(), s.records); x != y {
			t.Errorf("two folds differ:\n%s\n%s", x, y)
		}
	})
}

func producer(r events.Record) events.Service {
	row, _ := events.Lookup(r.Event.Type())
	return row.Producer
}
