package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/drydock-dev/drydock/pkg/evidence"
)

// opTimeout bounds an operation whose caller set no nearer deadline. It is long against an fsync on a busy
// disk (a few ms to some hundred) and short against a person's patience.
const opTimeout = 5 * time.Second

// jsBus is the bus over JetStream, embedded or external.
type jsBus struct {
	kind string
	set  settings
	nc   *nats.Conn
	js   jetstream.JetStream
	host host // the machine below; nil when the server is elsewhere
	room *room
	docs *jsEvidence

	// alive ends, with its cause, when the bus is closed or the server refused us for good.
	alive context.Context
	end   context.CancelCauseFunc

	mu        sync.Mutex
	warnings  []string // settings found changed at the start
	streams   map[string]jetstream.Stream
	consumers map[string]string // stream by consumer, as opened here
	again     chan struct{}     // closed and replaced at each reconnect
	open      sync.WaitGroup    // deliveries and watchers
	closing   []func()          // what Close runs at the end, last first
}

// host is the server's machine as far as this process can see it.
type host interface {
	// trouble says why the server would not store anything now (nil: it would). silent is for how long an
	// operation got no answer, its whole time limit, so that it looks closer; 0: it did not end so.
	trouble(silent time.Duration) error
	// answered tells that the server gave a sign of life.
	answered()
}

// connectOptions are those of every connection to a server.
func (b *jsBus) connectOptions() []nats.Option {
	return []nats.Option{
		nats.Name("drydock"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(100 * time.Millisecond), nats.ReconnectJitter(50*time.Millisecond, 200*time.Millisecond),
		nats.ReconnectBufSize(-1), // half a batch kept over a reconnect would be sent without its beginning
		nats.PingInterval(10 * time.Second), nats.MaxPingsOutstanding(2),
		nats.ErrorHandler(b.onError),
		nats.ReconnectHandler(func(*nats.Conn) { b.reconnected() }),
		nats.ClosedHandler(func(nc *nats.Conn) { b.onClosed(nc) }),
	}
}

// start provisions over a connection just made.
func (b *jsBus) start(ctx context.Context, nc *nats.Conn) error {
	b.nc = nc
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	b.js = js
	b.docs = &jsEvidence{b: b, small: min(maxSmall, int(nc.MaxPayload())*3/4)}
	ctx, cancel := b.operation(ctx, max(startTimeout, 4*b.set.limit))
	defer cancel()
	if b.warnings, err = provision(ctx, js, table(b.set)); err != nil {
		return b.explain(ctx, err)
	}
	return b.refreshRoom(ctx)
}

func newJSBus(kind string, set settings) *jsBus {
	if set.maxBytes == 0 {
		set.maxBytes = DefaultMaxBytes
	}
	if set.window == 0 {
		set.window = DefaultWindow
	}
	if set.limit == 0 {
		set.limit = opTimeout
	}
	b := &jsBus{kind: kind, set: set, room: &room{limit: set.maxBytes}, streams: map[string]jetstream.Stream{}, consumers: map[string]string{}, again: make(chan struct{})}
	b.alive, b.end = context.WithCancelCause(context.Background())
	return b
}

// onError makes a refusal by the server's permissions final at once. Otherwise it would look like a server
// that does not answer, for ever (docs/nats.md).
func (b *jsBus) onError(_ *nats.Conn, _ *nats.Subscription, err error) {
	if errors.Is(err, nats.ErrPermissionViolation) || errors.Is(err, nats.ErrAuthorization) {
		b.end(fmt.Errorf("%w: %s; grant it to this user and restart", ErrDenied, strings.TrimPrefix(err.Error(), "nats: ")))
	}
}

// onClosed: the connection ended and will not come back, as when credentials are revoked.
func (b *jsBus) onClosed(nc *nats.Conn) {
	err := nc.LastError()
	if err == nil {
		err = ErrClosed
	}
	b.end(fmt.Errorf("%w: connection to the event log ended: %w", ErrUnavailable, err))
}

func (b *jsBus) reconnected() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.again)
	b.again = make(chan struct{})
}

func (b *jsBus) onReconnect() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.again
}

// operation bounds ctx by a time limit and by the life of the bus.
func (b *jsBus) operation(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	stop := context.AfterFunc(b.alive, cancel)
	return ctx, func() { stop(); cancel() }
}

// request sends a message and waits for the answer, which may be an error of the JetStream API.
func (b *jsBus) request(ctx context.Context, msg *nats.Msg) (*nats.Msg, error) {
	opCtx, cancel := b.operation(ctx, b.set.limit)
	defer cancel()
	answer, err := b.nc.RequestMsgWithContext(opCtx, msg)
	if err != nil {
		return nil, b.explain(ctx, err)
	}
	if b.host != nil {
		b.host.answered()
	}
	return answer, nil
}

// Codes of the JetStream API that mean something to a caller (docs/nats.md).
const (
	codeWrongSequence      = 10071
	codeWrongSequenceRaft  = 10164
	codeRepeatedBatch      = 10201
	codeBatchIncomplete    = 10176 // given up inside: a full disk, or too long between its messages
	codeTooManyBatches     = 10210
	codeTooManyInflight    = 10211
	codeStoreFailed        = 10077
	codeNoStorage          = 10047
	codeAccountFull        = 10002
	codeServerResources    = 10023
	codeNoMessage          = 10037
	codeTooManyRequestCode = 429
)

// apiError turns an error of the JetStream API into one of ours.
func apiError(code, errCode int, text string) error {
	switch errCode {
	case codeWrongSequence, codeWrongSequenceRaft:
		return fmt.Errorf("%w: %s", ErrConflict, text)
	case codeRepeatedBatch:
		return fmt.Errorf("%w: %s", ErrRepeated, text)
	case codeTooManyBatches, codeTooManyInflight, codeBatchIncomplete:
		return fmt.Errorf("%w: %s", ErrUnavailable, text)
	case codeStoreFailed:
		if strings.Contains(text, "maximum") || strings.Contains(text, "no space") {
			return fmt.Errorf("%w: %s; archive the log or raise its limit", ErrFull, text)
		}
	case codeNoStorage, codeAccountFull, codeServerResources:
		return fmt.Errorf("%w: %s; raise the account's or the server's storage limit, or ask for a smaller log", ErrFull, text)
	}
	if code == codeTooManyRequestCode || code >= 500 {
		return fmt.Errorf("%w: %s (%d)", ErrUnavailable, text, errCode)
	}
	return fmt.Errorf("%s (%d)", text, errCode)
}

// explain turns an error of the client into one of ours, with ctx the caller's. When nothing answered it asks
// the host why.
func (b *jsBus) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if b.alive.Err() != nil {
		return context.Cause(b.alive)
	}
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return apiError(api.Code, int(api.ErrorCode), api.Description)
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	silent := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, context.Canceled)
	if b.host != nil {
		waited := time.Duration(0)
		if silent && ctx.Err() == nil {
			waited = b.set.limit
		}
		if trouble := b.host.trouble(waited); trouble != nil {
			return trouble
		}
	}
	if silent {
		return fmt.Errorf("%w: no answer in time", ErrUnavailable)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// Evidence implements [Bus].
func (b *jsBus) Evidence() evidence.Store { return b.docs }

// Status implements [Bus].
func (b *jsBus) Status(ctx context.Context) (Status, error) {
	s := Status{Kind: b.kind, Ready: true}
	if err := b.ready(); err != nil {
		s.Ready, s.Reason = false, err.Error()
	}
	opCtx, cancel := b.operation(ctx, b.set.limit)
	defer cancel()
	have := map[string]*jetstream.StreamInfo{}
	list := b.js.ListStreams(opCtx)
	for info := range list.Info() {
		have[info.Config.Name] = info
	}
	if err := list.Err(); err != nil {
		return s, fmt.Errorf("status of the event log: %w", b.explain(ctx, err))
	}
	for _, want := range table(b.set) {
		info := have[want.Name]
		if info == nil {
			s.Warnings = append(s.Warnings, fmt.Sprintf("stream %s is gone", want.Name))
			continue
		}
		s.Streams = append(s.Streams, StreamStatus{Name: want.Name, Messages: info.State.Msgs, Bytes: info.State.Bytes,
			MaxBytes: max(info.Config.MaxBytes, 0), Last: info.State.LastSeq})
		s.Warnings = append(s.Warnings, drift(want, info.Config)...)
		if want.Name == streamEvents {
			s.Warnings = append(s.Warnings, losses(info.State)...)
			s.Warnings = append(s.Warnings, roomWarning(info.State.Bytes, info.Config.MaxBytes)...)
		}
	}
	err := b.consumerStatus(opCtx, &s)
	if err == nil {
		err = b.noticeStatus(opCtx, have[streamBroker], &s)
	}
	if err != nil {
		return s, fmt.Errorf("status of the event log: %w", b.explain(ctx, err))
	}
	s.Warnings = append(s.Warnings, b.startWarnings(s.Warnings)...)
	return s, nil
}

// startWarnings are those found at the start that no longer show: a setting was changed and put back, and what
// it cost in between may be missing.
func (b *jsBus) startWarnings(now []string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, w := range b.warnings {
		if !slices.Contains(now, w) {
			out = append(out, w+" (at the start of this process)")
		}
	}
	return out
}

func (b *jsBus) ready() error {
	if err := b.readyHost(); err != nil {
		return err
	}
	if !b.nc.IsConnected() {
		return fmt.Errorf("%w: not connected to %s", ErrUnavailable, b.kind)
	}
	return nil
}

// readyHost is ready without a look at the connection.
func (b *jsBus) readyHost() error {
	if b.alive.Err() != nil {
		return context.Cause(b.alive)
	}
	if b.host == nil {
		return nil
	}
	return b.host.trouble(0)
}

func (b *jsBus) consumerStatus(ctx context.Context, s *Status) error {
	for _, name := range []string{streamEvents, streamTimers} {
		stream, err := b.js.Stream(ctx, name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		list := stream.ListConsumers(ctx)
		for c := range list.Info() {
			if c.Config.Durable != "" {
				s.Consumers = append(s.Consumers, ConsumerStatus{Name: c.Name, Pending: c.NumPending, InFlight: c.NumAckPending, Redelivered: c.NumRedelivered})
			}
		}
		if list.Err() != nil {
			return list.Err()
		}
	}
	slices.SortFunc(s.Consumers, func(x, y ConsumerStatus) int { return strings.Compare(x.Name, y.Name) })
	return nil
}

// noticeStatus words what the server gave up delivering; the newest few, people need the kind and the place.
func (b *jsBus) noticeStatus(ctx context.Context, info *jetstream.StreamInfo, s *Status) error {
	if info == nil || info.State.Msgs == 0 {
		return nil
	}
	var ns []notice
	for seq := info.State.LastSeq; seq >= info.State.FirstSeq && seq > 0 && len(ns) < 20; seq-- {
		stream, err := b.stream(ctx, streamBroker)
		if err != nil {
			return err
		}
		msg, err := stream.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		var n notice
		if json.Unmarshal(msg.Data, &n) == nil {
			ns = append(ns, n)
		}
	}
	s.Warnings = append(s.Warnings, noticeWarnings(ns)...)
	return nil
}

// stream is a handle on a stream, asked for once.
func (b *jsBus) stream(ctx context.Context, name string) (jetstream.Stream, error) {
	b.mu.Lock()
	s := b.streams[name]
	b.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := b.js.Stream(ctx, name)
	if err != nil {
		return nil, b.explain(ctx, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.streams[name] = s
	return s, nil
}

// spawn runs f in the background until Close waits for it; it reports false when the bus is closing.
func (b *jsBus) spawn(f func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.alive.Err() != nil {
		return false
	}
	b.open.Go(f)
	return true
}

// Close implements [Bus].
func (b *jsBus) Close() error {
	b.mu.Lock()
	b.end(ErrClosed)
	b.mu.Unlock()
	b.open.Wait()
	b.mu.Lock()
	closing := b.closing
	b.closing = nil
	b.mu.Unlock()
	for _, f := range slices.Backward(closing) {
		f()
	}
	return nil
}
