package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/drydock-dev/drydock/pkg/evidence"
)

const evidencePrefix = "drydock.evidence."

// maxSmall is up to where a document is one message of the stream EVIDENCE rather than an object. The object
// store costs a look, a message for each chunk and one for the description, each with its fsync and round
// trip; one message with "only if the subject is empty" stores and deduplicates in a single step
// (BenchmarkEvidence has both). It stays below the server's largest message, 1 MiB.
const maxSmall = 512 << 10

// perMegabyte is what a large document may take beyond the usual limit, for each of its megabytes.
const perMegabyte = 500 * time.Millisecond

// jsEvidence keeps documents by digest.
type jsEvidence struct {
	b     *jsBus
	small int
}

func (s *jsEvidence) Put(ctx context.Context, data []byte) (evidence.Digest, error) {
	d := evidence.Of(data)
	put := s.putSmall
	if len(data) > s.small {
		put = s.putLarge
	}
	if err := put(ctx, d, data); err != nil {
		return "", fmt.Errorf("store %s (%d bytes): %w", d, len(data), err)
	}
	return d, nil
}

func (s *jsEvidence) putSmall(ctx context.Context, d evidence.Digest, data []byte) error {
	if err := s.b.readyHost(); err != nil {
		return err
	}
	_, err := s.b.ask(ctx, &nats.Msg{Subject: evidencePrefix + hexOf(d), Data: data, Header: nats.Header{headerExpected: {"0"}}})
	if errors.Is(err, ErrConflict) {
		return nil // it is there
	}
	return err
}

func (s *jsEvidence) putLarge(ctx context.Context, d evidence.Digest, data []byte) error {
	if err := s.b.readyHost(); err != nil {
		return err
	}
	opCtx, cancel := s.b.operation(ctx, s.b.set.limit+time.Duration(len(data)>>20)*perMegabyte)
	defer cancel()
	store, err := s.b.js.ObjectStore(opCtx, objectBucket)
	if err != nil {
		return s.b.explain(ctx, err)
	}
	if info, err := store.GetInfo(opCtx, hexOf(d)); err == nil && info.Size == uint64(len(data)) {
		return nil
	}
	if _, err = store.PutBytes(opCtx, hexOf(d), data); err != nil {
		return s.b.explain(ctx, err)
	}
	return nil
}

func (s *jsEvidence) Get(ctx context.Context, d evidence.Digest) ([]byte, error) {
	if _, err := evidence.Parse(string(d)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	data, err := s.find(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d, err)
	}
	if evidence.Of(data) != d {
		return nil, fmt.Errorf("read %s: %w", d, evidence.ErrCorrupt)
	}
	return data, nil
}

func (s *jsEvidence) find(ctx context.Context, d evidence.Digest) ([]byte, error) {
	opCtx, cancel := s.b.operation(ctx, 4*s.b.set.limit)
	defer cancel()
	msg, err := s.b.lastOf(opCtx, streamEvidence, evidencePrefix+hexOf(d))
	if err == nil {
		return msg.Data, nil
	}
	if !errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, err
	}
	store, err := s.b.js.ObjectStore(opCtx, objectBucket)
	if err != nil {
		return nil, s.b.explain(ctx, err)
	}
	data, err := store.GetBytes(opCtx, hexOf(d))
	switch {
	case errors.Is(err, jetstream.ErrObjectNotFound):
		return nil, evidence.ErrNotFound
	case errors.Is(err, jetstream.ErrDigestMismatch):
		return nil, evidence.ErrCorrupt
	case err != nil:
		return nil, s.b.explain(ctx, err)
	}
	return data, nil
}

func hexOf(d evidence.Digest) string { return string(d)[len("sha256:"):] }
