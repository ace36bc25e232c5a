package validator

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// heldFor is a store of leases whose only one has another holder for so many looks; with each of them
// everything stands still for an hour.
type heldFor struct {
	bus.KV
	looks int
}

func (h *heldFor) Put(context.Context, string, []byte, uint64, time.Duration) (uint64, error) {
	if h.looks--; h.looks < 0 {
		return 1, nil
	}
	time.Sleep(time.Hour)
	return 0, bus.ErrConflict
}

func (h *heldFor) Get(context.Context, string) ([]byte, uint64, error) { return nil, 0, bus.ErrNoKey }

// leases is a bus that has nothing but that store.
type leases struct {
	bus.Bus
	kv bus.KV
}

func (l leases) KV(string) (bus.KV, error) { return l.kv, nil }

// A lease is waited for by looks: a host that was asleep has not waited.
func TestTakeUpAfterAPause(t *testing.T) {
	const all = int((6*time.Second + leaseSlack) / leaseLook)
	for looks, held := range map[int]bool{0: false, 1: false, all: false, all + 1: true} {
		synctest.Test(t, func(t *testing.T) {
			s := &Service{deps: Deps{Bus: leases{kv: &heldFor{looks: looks}}, Lease: 6 * time.Second}}
			_, waited, err := s.takeUp(t.Context(), "validator.payments.c-1")
			if errors.Is(err, worker.ErrHeld) != held || !held && err != nil || waited != (looks > 0) {
				t.Errorf("held for %d looks: %v, waited %t", looks, err, waited)
			}
		})
	}
}
