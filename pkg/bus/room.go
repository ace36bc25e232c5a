package bus

import (
	"fmt"
	"strings"

	"github.com/drydock-dev/drydock/pkg/events"
)

// Shares of the log's MaxBytes at which people are warned, and at which only what ends a change is taken: the
// last tenth is kept for approvals and for the deployer, so that a rollout in progress can still be finished,
// rolled back and recorded.
const (
	warnPercent    = 80
	reservePercent = 90
)

// checkRoom reports ErrFull when evs may not be taken with the log at size bytes, them included.
func checkRoom(evs []events.Event, size, limit int64) error {
	if limit <= 0 || size <= limit/100*reservePercent {
		return nil
	}
	if size > limit {
		return fmt.Errorf("%w: %d of %d bytes would be in use; archive the log or raise its limit", ErrFull, size, limit)
	}
	for _, e := range evs {
		if !reserved(e) {
			return fmt.Errorf("%w: %d of %d bytes are in use and the last tenth is kept for approvals and deployments; archive the log or raise its limit", ErrFull, size, limit)
		}
	}
	return nil
}

// reserved reports whether e may use the last tenth of the log. No event of the catalogue may today: the
// deployer and approvals arrive with their own issues.
func reserved(e events.Event) bool {
	row, ok := events.Lookup(e.Type())
	return ok && (row.Producer == "deployer" || row.Entity == "approval")
}

func roomWarning(size uint64, limit int64) []string {
	if limit <= 0 || size <= uint64(limit)/100*warnPercent {
		return nil
	}
	return []string{fmt.Sprintf("%s holds %d of %d bytes (%d %%): archive the log or raise its limit; above %d %% only approvals and deployments are taken",
		streamEvents, size, limit, size*100/uint64(limit), reservePercent)}
}

// notice is what the broker says of a message it will not deliver again.
type notice struct {
	Type       string `json:"type"`
	Stream     string `json:"stream"`
	Consumer   string `json:"consumer"`
	Sequence   uint64 `json:"stream_seq"`
	Deliveries int    `json:"deliveries"`
	Reason     string `json:"reason,omitempty"`
}

const (
	maxDeliverType = "io.nats.jetstream.advisory.v1.max_deliver"
	terminatedType = "io.nats.jetstream.advisory.v1.terminated"
)

// noticeWarnings words the messages that were given up without anyone saying why: a terminated one has its
// reason among the dead letters.
func noticeWarnings(ns []notice) []string {
	var out []string
	for _, n := range ns {
		if n.Type == maxDeliverType && !strings.HasPrefix(n.Stream, "KV_") {
			out = append(out, fmt.Sprintf("consumer %s gave up on message %d of %s after %d deliveries: its worker died or hung each time", n.Consumer, n.Sequence, n.Stream, n.Deliveries))
		}
	}
	return out
}
