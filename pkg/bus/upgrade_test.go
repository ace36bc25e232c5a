package bus_test

import (
	"context"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/bus/bustest"
)

// A consumer that an older binary made with another silence gets that of this one, for what is in hand, too: a
// crash must not cost what it cost before the upgrade.
func TestConsumerIsUpgraded(t *testing.T) {
	b := embedded(t, bus.EmbeddedConfig{Dir: t.TempDir()}.Patient(patient))
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	if _, err := b.Append(ctx, "ledger", bustest.Events(t, "ledger", "c1", 1), 0); err != nil {
		t.Fatal(err)
	}
	c := bus.Consumer{Name: "scanner", Filters: []string{"drydock.event.*.*.scan.requested"}, Prefetch: 1, AckWait: time.Hour, MaxDeliver: 5}
	old, err := b.Consume(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.Next(ctx); err != nil { // and dies with it
		t.Fatal(err)
	}
	old.Stop()
	c.AckWait = time.Second
	d, err := b.Consume(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.Next(ctx)
	if err != nil || m.Attempt() < 2 {
		t.Fatalf("message %+v, %v; want one more delivery", m, err)
	}
	if err := m.Ack(ctx); err != nil {
		t.Error(err)
	}
}
