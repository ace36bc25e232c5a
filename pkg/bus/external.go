package bus

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/mod/semver"
)

// ExternalConfig is the configuration of a NATS server elsewhere. Whoever holds Creds, or administers that
// account, can append events: deny $JS.API.STREAM.UPDATE, DELETE and PURGE to every service, and keep the
// mirror in an account of its own.
type ExternalConfig struct {
	URL      string        // nats://host:4222, several with commas; tls:// for TLS
	Creds    string        // credentials file (JWT and nkey seed); empty: none
	MaxBytes int64         // of the event log; 0: DefaultMaxBytes
	Window   time.Duration // in which an event's id is taken once; 0: DefaultWindow
	Replicas int           // of each stream; 0: 3 in a cluster, else 1
	Audit    *AuditConfig  // keep a copy of the log elsewhere; nil: none

	limit time.Duration // of an operation; tests have their own
}

// AuditConfig says where the mirror AUDIT of the log is kept: another account or host. In the same account it
// would protect nothing.
type AuditConfig struct {
	URL     string
	Creds   string
	API     string // prefix under which that account reaches the log's JetStream API, "LOG.API"
	Deliver string // prefix under which it receives the messages, "LOG.DELIVER"; empty: none needed
}

// connectTimeout bounds the first connection; later ones are tried for ever.
const connectTimeout = 5 * time.Second

// Connect opens the bus on a NATS server reached by URL.
func Connect(ctx context.Context, c ExternalConfig) (Bus, error) {
	b := newJSBus("external", settings{maxBytes: c.MaxBytes, window: c.Window, replicas: c.Replicas, limit: c.limit})
	nc, err := dial(c.URL, c.Creds, max(connectTimeout, c.limit), b.connectOptions())
	if err != nil {
		return nil, err
	}
	b.closing = append(b.closing, nc.Close)
	if b.set.replicas == 0 {
		b.set.replicas = 1
		if nc.ConnectedClusterName() != "" {
			b.set.replicas = 3
		}
	}
	err = checkVersion(nc.ConnectedServerVersion())
	if err == nil {
		err = b.start(ctx, nc)
	}
	if err == nil && c.Audit != nil {
		err = b.mirror(ctx, *c.Audit)
	}
	if err != nil {
		_ = b.Close()
		return nil, fmt.Errorf("open event log at %s: %w", nc.ConnectedUrlRedacted(), err)
	}
	return b, nil
}

func dial(address, creds string, limit time.Duration, opts []nats.Option) (*nats.Conn, error) {
	if address == "" {
		return nil, fmt.Errorf("connect to the event log: %w: no URL", ErrInvalid)
	}
	if creds != "" {
		if _, err := os.Stat(creds); err != nil {
			return nil, fmt.Errorf("read credentials of the event log: %w", err)
		}
		opts = append(opts, nats.UserCredentials(creds))
	}
	nc, err := connect(address, limit, opts)
	var bad *url.Error
	switch {
	case errors.Is(err, nats.ErrAuthorization):
		return nil, fmt.Errorf("connect to the event log: %w: the server refuses these credentials (file %q)", ErrDenied, creds)
	case errors.As(err, &bad): // its text repeats the URL, which may hold a password
		return nil, fmt.Errorf("connect to the event log: %w: not a URL such as nats://host:4222", ErrInvalid)
	case err != nil:
		return nil, fmt.Errorf("connect to the event log: %w: %w", ErrUnavailable, err)
	}
	return nc, nil
}

// connect makes a connection within limit. A server asks for a sign of life soon after a client came, which the client
// library takes for a wrong answer to the question it asks itself: where that comes first, on a busy machine, it
// tries once more.
func connect(address string, limit time.Duration, opts []nats.Option) (*nats.Conn, error) {
	opts = append(opts, nats.Timeout(limit))
	for began := time.Now(); ; {
		nc, err := nats.Connect(address, opts...)
		if err == nil || !strings.Contains(err.Error(), "expected 'PONG', got 'PING'") || time.Since(began) >= limit {
			return nc, err
		}
	}
}

// leastServer is the oldest nats-server that will do. Older ones lose fixes of fsync, schedules and batches, and
// the oldest take the messages of a batch one by one without a word.
const leastServer = "v2.15.2"

func checkVersion(version string) error {
	v := "v" + strings.TrimPrefix(version, "v")
	if !semver.IsValid(v) || semver.Compare(v, leastServer) < 0 {
		return fmt.Errorf("%w: it is nats-server %s, want %s or newer", ErrInvalid, version, strings.TrimPrefix(leastServer, "v"))
	}
	return nil
}

// mirror sees to it that AUDIT exists where it is wanted.
func (b *jsBus) mirror(ctx context.Context, c AuditConfig) error {
	nc, err := dial(c.URL, c.Creds, max(connectTimeout, b.set.limit), nil)
	if err != nil {
		return fmt.Errorf("mirror of the log: %w", err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	ctx, cancel := b.operation(ctx, 2*b.set.limit)
	defer cancel()
	warnings, err := provision(ctx, js, []jetstream.StreamConfig{auditRow(c, b.set)})
	if err != nil {
		return fmt.Errorf("mirror of the log: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.warnings = append(b.warnings, warnings...)
	return nil
}

// auditRow is the row of the mirror: the same protection as the log, and no less room.
func auditRow(c AuditConfig, s settings) jetstream.StreamConfig {
	return jetstream.StreamConfig{Name: streamAudit, Description: "mirror of the event log", Storage: jetstream.FileStorage,
		Replicas: max(s.replicas, 1), MaxBytes: -1, MaxMsgs: -1, MaxConsumers: -1, MaxMsgSize: -1, MaxMsgsPerSubject: -1,
		Discard: jetstream.DiscardNew, DenyDelete: true, DenyPurge: true,
		Mirror: &jetstream.StreamSource{Name: streamEvents, External: &jetstream.ExternalStream{APIPrefix: c.API, DeliverPrefix: c.Deliver}}}
}
