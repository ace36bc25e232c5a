package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Headers of a scheduled message.
const (
	headerSchedule       = "Nats-Schedule"
	headerScheduleTarget = "Nats-Schedule-Target"
	headerScheduleTTL    = "Nats-Schedule-TTL"
)

// Schedule implements [Timers]. The server holds the schedule: one message a subject, a newer one takes the
// place of the older, and what fell due while it was down fires after its start.
func (b *jsBus) Schedule(ctx context.Context, t Timer) error {
	if err := checkTimer(t.Service, t.App, t.Key); err != nil {
		return err
	}
	data, err := encodeTimer(t)
	if err != nil {
		return fmt.Errorf("schedule %s of %s: %w", t.Key, t.App, err)
	}
	if err := b.readyHost(); err != nil {
		return fmt.Errorf("schedule %s of %s: %w", t.Key, t.App, err)
	}
	_, err = b.ask(ctx, &nats.Msg{Subject: timerSubject(t.Service, t.App, t.Key), Data: data, Header: nats.Header{
		headerSchedule:       {"@at " + t.At.UTC().Format(time.RFC3339Nano)},
		headerScheduleTarget: {dueSubject(t.Service, t.App, t.Key)},
		headerScheduleTTL:    {keepDue.String()},
	}})
	if err != nil {
		return fmt.Errorf("schedule %s of %s: %w", t.Key, t.App, err)
	}
	return nil
}

// Cancel implements [Timers].
func (b *jsBus) Cancel(ctx context.Context, service, app, key string) error {
	if err := checkTimer(service, app, key); err != nil {
		return err
	}
	opCtx, cancel := b.operation(ctx, b.set.limit)
	defer cancel()
	stream, err := b.stream(opCtx, streamTimers)
	if err == nil {
		err = stream.Purge(opCtx, jetstream.WithPurgeSubject(timerSubject(service, app, key)))
	}
	if err != nil {
		return fmt.Errorf("cancel timer %s of %s: %w", key, app, b.explain(ctx, err))
	}
	return nil
}

// Scheduled implements [Timers].
func (b *jsBus) Scheduled(ctx context.Context, service string) ([]Timer, error) {
	if err := checkToken("timer's service", service); err != nil {
		return nil, err
	}
	opCtx, cancel := b.operation(ctx, 4*b.set.limit)
	defer cancel()
	byKey := map[string]Timer{}
	cfg := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, FilterSubjects: []string{timerPrefix + service + ".>"}}
	err := b.ordered(opCtx, streamTimers, cfg, true, func(m jetstream.Msg, _ *jetstream.MsgMetadata) error {
		var t Timer
		if json.Unmarshal(m.Data(), &t) == nil && timerSubject(t.Service, t.App, t.Key) == m.Subject() {
			byKey[m.Subject()] = t
		} // else somebody else wrote it; once due it goes to the dead letters like any garbage
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("timers of %s: %w", service, err)
	}
	var out []Timer
	for _, t := range byKey {
		out = append(out, t)
	}
	sortTimers(out)
	return out, nil
}
