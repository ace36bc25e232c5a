package dock

import (
	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
)

// The first steps of most tests.

// begin runs everything, and asks for an update.
func (w *world) begin() {
	w.t.Helper()
	w.start(bus.NewMemory())
	w.update("first")
}

// proposed begins, and waits until a change is proposed.
func (w *world) proposed() events.Change {
	w.t.Helper()
	w.begin()
	return w.stage(events.StageProposed)
}

// reported begins, and waits for the first report of a validator.
func (w *world) reported() events.Change {
	w.t.Helper()
	w.begin()
	return w.change(0, reports...)
}

// looked looks at the branches once, and waits for an event of one of some kinds after that.
func (w *world) looked(kinds ...string) events.Change {
	w.t.Helper()
	at := w.here()
	w.svc.Look(w.t.Context())
	return w.change(at, kinds...)
}
