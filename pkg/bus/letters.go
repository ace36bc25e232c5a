package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	letterPrefix     = "drydock.deadletter."
	resolutionPrefix = letterPrefix + "resolution."
	headerLetter     = "Drydock-Letter"
	maxLetterData    = 768 << 10 // of the original message; with its headers it stays below 1 MiB
)

// Bury implements [DeadLetters]. The subject names the message, and is written only when empty or when its
// letter was resolved: the same failure again, after a requeue, is news.
func (b *jsBus) Bury(ctx context.Context, l Letter) error {
	l, err := l.checked()
	if err != nil {
		return err
	}
	subject := fmt.Sprintf("%sletter.%s.%s.%d", letterPrefix, l.Consumer, l.Stream, l.Sequence)
	err = b.bury(ctx, subject, l, 0)
	if errors.Is(err, ErrConflict) {
		err = b.buryAgain(ctx, subject, l)
	}
	if err != nil {
		return fmt.Errorf("bury message %d of %s: %w", l.Sequence, l.Consumer, err)
	}
	return nil
}

func (b *jsBus) bury(ctx context.Context, subject string, l Letter, after uint64) error {
	if err := b.readyHost(); err != nil {
		return err
	}
	l.ID, l.Time, l.Resolved = 0, time.Time{}, nil // the server's, when read
	data := l.Data
	if keep := min(maxLetterData, int(b.nc.MaxPayload())*3/4); len(data) > keep {
		l.Reason = fmt.Sprintf("%s (%d of %d bytes kept here, all of them at %s %d)", l.Reason, keep, len(data), l.Stream, l.Sequence)
		data = data[:keep]
	}
	l.Data = nil
	head, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = b.ask(ctx, &nats.Msg{Subject: subject, Data: data, Header: nats.Header{
		headerLetter: {string(head)}, headerExpected: {strconv.FormatUint(after, 10)}}})
	return err
}

func (b *jsBus) buryAgain(ctx context.Context, subject string, l Letter) error {
	opCtx, cancel := b.operation(ctx, b.set.limit)
	defer cancel()
	last, err := b.lastOf(opCtx, streamLetters, subject)
	if err != nil {
		return err
	}
	_, err = b.lastOf(opCtx, streamLetters, resolutionSubject(last.Sequence))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil // buried before and still there
	}
	if err != nil {
		return err
	}
	err = b.bury(ctx, subject, l, last.Sequence)
	if errors.Is(err, ErrConflict) {
		return nil // by someone else, this moment
	}
	return err
}

func resolutionSubject(id uint64) string { return resolutionPrefix + strconv.FormatUint(id, 10) }

// Letters implements [DeadLetters].
func (b *jsBus) Letters(ctx context.Context, all bool) ([]Letter, error) {
	opCtx, cancel := b.operation(ctx, 4*b.set.limit)
	defer cancel()
	var letters []Letter
	byID := map[uint64]int{}
	cfg := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy}
	err := b.ordered(opCtx, streamLetters, cfg, true, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		if id, ok := strings.CutPrefix(m.Subject(), resolutionPrefix); ok {
			return resolve(letters, byID, id, m.Data())
		}
		l := Letter{Data: m.Data()}
		if err := json.Unmarshal([]byte(m.Headers().Get(headerLetter)), &l); err != nil {
			l.Reason = fmt.Sprintf("dead letter %d does not decode: %v", meta.Sequence.Stream, err)
		}
		l.ID, l.Time = meta.Sequence.Stream, meta.Timestamp.UTC()
		byID[l.ID] = len(letters)
		letters = append(letters, l)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("dead letters: %w", err)
	}
	if !all {
		letters = slices.DeleteFunc(letters, func(l Letter) bool { return l.Resolved != nil })
	}
	return letters, nil
}

// resolve marks a letter. The resolution of one that expired is left over and says nothing.
func resolve(letters []Letter, byID map[uint64]int, id string, data []byte) error {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return fmt.Errorf("resolution of dead letter %q: %w", id, err)
	}
	i, ok := byID[n]
	if !ok {
		return nil
	}
	var r Resolution
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("resolution of dead letter %d: %w", n, err)
	}
	letters[i].Resolved = &r
	return nil
}

// Resolve implements [DeadLetters].
func (b *jsBus) Resolve(ctx context.Context, id uint64, r Resolution) error {
	r, err := r.checked()
	if err != nil {
		return err
	}
	if err := b.resolveLetter(ctx, id, r); err != nil {
		return fmt.Errorf("resolve dead letter %d: %w", id, err)
	}
	return nil
}

func (b *jsBus) resolveLetter(ctx context.Context, id uint64, r Resolution) error {
	opCtx, cancel := b.operation(ctx, b.set.limit)
	defer cancel()
	stream, err := b.stream(opCtx, streamLetters)
	if err != nil {
		return err
	}
	msg, err := stream.GetMsg(opCtx, max(id, 1))
	if errors.Is(err, jetstream.ErrMsgNotFound) || (err == nil && (id == 0 || strings.HasPrefix(msg.Subject, resolutionPrefix))) {
		return ErrNoLetter
	}
	if err != nil {
		return b.explain(ctx, err)
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = b.ask(ctx, &nats.Msg{Subject: resolutionSubject(id), Data: data, Header: nats.Header{headerExpected: {"0"}}})
	return err // ErrConflict: resolved before
}

// oneLine makes a reason fit for a line of the protocol.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
