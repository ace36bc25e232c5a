package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/telemetry"
)

// outlast does what it is given until the log lets it. A full disk or a server that is away is no message's
// fault: handing the message back again and again would use up its attempts, and what no worker had a chance
// to answer would end with the dead letters, or be given up by the server. So it stays in hand.
func (j *job) outlast(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		if !logTrouble(ctx, j.r.bus, err) {
			return err
		}
		if try == 1 {
			j.r.o.Log.WarnContext(ctx, "kept in hand until the event log takes something again", telemetry.KeyStage, j.st.Name, telemetry.KeyLane, j.consumer.lane,
				telemetry.KeySequence, j.m.Sequence(), telemetry.KeyError, err)
		}
		j.alive.extend()
		wait, stop := context.WithCancel(ctx)
		unhook := context.AfterFunc(j.ends, stop)
		ended := pause(wait, min(j.r.o.Backoff(try), holdMost))
		unhook()
		stop()
		if ended != nil {
			return fmt.Errorf("%w: %w", errDraining, err)
		}
	}
}

// logTrouble tells an error of the log as a whole from one of this message or moment.
func logTrouble(ctx context.Context, b bus.Bus, err error) bool {
	switch {
	case err == nil || ctx.Err() != nil || Kind(err) != "transient":
		return false
	case errors.Is(err, bus.ErrFull):
		return true
	case !errors.Is(err, bus.ErrUnavailable):
		return false
	}
	st, err := b.Status(ctx)
	return err != nil || !st.Ready
}
