package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// EmbeddedConfig is the configuration of the server in this process. Whoever can write to Dir can change
// history: it is made for this user only.
type EmbeddedConfig struct {
	Dir      string        // data directory; holds everything
	Listen   string        // the address this process serves its API on, named in the lock for others; may be announced later
	MaxBytes int64         // of the event log; 0: DefaultMaxBytes
	Window   time.Duration // in which an event's id is taken once; 0: DefaultWindow
	Logger   *slog.Logger  // gets the server's warnings and errors; nil: slog.Default

	stat  func(dir string) (disk, error) // how the disk is looked at; tests have their own
	limit time.Duration                  // of an operation; tests have their own
}

// Limits of the embedded server.
const (
	startTimeout   = time.Minute // a large log is read before the server is ready
	openBatches    = 1000        // at once, per stream; the server's default of 50 is one busy minute
	batchTimeout   = time.Minute // from the first message of a batch to the last; the server's 10 s are few for a busy machine
	wedgeLook      = 500 * time.Millisecond
	wedgeSuspicion = 3 // operations in whose time nothing was answered that mean a wedge whatever the disk says
)

// Embedded starts a NATS server in this process, with its data in c.Dir, and opens the bus on it. It listens
// nowhere. *ErrLocked: another process has the directory.
func Embedded(ctx context.Context, c EmbeddedConfig) (Bus, error) {
	if c.Dir == "" {
		return nil, fmt.Errorf("start event log: %w: no data directory", ErrInvalid)
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.stat == nil {
		c.stat = statDisk
	}
	lock, err := lockDir(c.Dir, c.Listen)
	if err != nil {
		return nil, err
	}
	b := newJSBus("embedded", settings{maxBytes: c.MaxBytes, window: c.Window, replicas: 1, limit: c.limit})
	h := &embedded{dir: filepath.Join(c.Dir, "nats"), log: c.Logger, lock: lock, stat: c.stat}
	b.host = h
	b.closing = append(b.closing, lock.release, h.stop)
	if err := h.begin(ctx, b); err != nil {
		_ = b.Close()
		return nil, fmt.Errorf("start event log in %s: %w", c.Dir, err)
	}
	b.spawn(func() { h.watch(b.alive) })
	return b, nil
}

// Announce names the address this process serves its API on in the lock of b's data directory, once it is
// known. Nothing happens for a bus without one.
func Announce(b Bus, address string) error {
	js, ok := b.(*jsBus)
	if !ok {
		return nil
	}
	h, ok := js.host.(*embedded)
	if !ok {
		return nil
	}
	return h.lock.announce(address)
}

// embedded is the server in this process and the disk below it.
type embedded struct {
	dir  string
	log  *slog.Logger
	lock *dirLock
	stat func(dir string) (disk, error)

	srv     atomic.Pointer[server.Server]
	silent  atomic.Int32 // operations in whose time nothing was answered, since the last answered one
	heard   atomic.Int64 // UnixNano of the last answer
	noSpace atomic.Bool  // the server said so
	wedged  atomic.Bool  // it will not answer until it is started anew

	mu   sync.Mutex // of starting and stopping
	over bool
}

func (h *embedded) begin(ctx context.Context, b *jsBus) error {
	if err := h.start(); err != nil {
		return err
	}
	// Connecting goes through h, so that the client finds the next server after a restart.
	nc, err := connect("", startTimeout, append(b.connectOptions(), nats.InProcessServer(h)))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	b.closing = append(b.closing, nc.Close)
	if err := h.trouble(0); err != nil {
		return err
	}
	return b.start(ctx, nc)
}

// InProcessConn implements nats.InProcessConnProvider.
func (h *embedded) InProcessConn() (net.Conn, error) {
	s := h.srv.Load()
	if s == nil {
		return nil, errors.New("the event log is being started anew")
	}
	return s.InProcessConn()
}

func (h *embedded) start() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return ErrClosed
	}
	s, err := server.NewServer(serverOptions(h.dir))
	if err != nil {
		return err
	}
	s.SetLoggerV2(&serverLog{h: h}, false, false, false)
	s.Start()
	if !s.ReadyForConnections(startTimeout) || !s.JetStreamEnabled() {
		s.Shutdown()
		s.WaitForShutdown()
		return fmt.Errorf("%w: the server did not become ready within %s; see its messages above", ErrUnavailable, startTimeout)
	}
	h.srv.Store(s)
	return nil
}

func serverOptions(dir string) *server.Options {
	return &server.Options{
		ServerName: "drydock", DontListen: true, NoSigs: true,
		JetStream: true, StoreDir: dir,
		JetStreamMaxMemory: 256 << 20, JetStreamMaxStore: 1 << 50, // the log has its own limit, and the disk is watched
		SyncAlways:      true, // an answered append is on disk; the default syncs every two minutes
		JetStreamLimits: server.JSLimitOpts{MaxBatchInflightPerStream: openBatches, MaxBatchTimeout: batchTimeout},
	}
}

func (h *embedded) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
	h.shutdown()
}

func (h *embedded) shutdown() {
	if s := h.srv.Swap(nil); s != nil {
		s.Shutdown()
		s.WaitForShutdown()
	}
}

// trouble implements [host]. A server that answers others meanwhile has much to do, and is not wedged.
func (h *embedded) trouble(silent time.Duration) error {
	d, err := h.stat(filepath.Dir(h.dir))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	full := d.free < d.reserve()
	if silent > 0 && (full || h.noSpace.Load() || time.Since(time.Unix(0, h.heard.Load())) >= silent && h.silent.Add(1) >= wedgeSuspicion) {
		h.wedged.Store(true)
	}
	switch {
	case full:
		return fmt.Errorf("%w: the disk below %s has %d MiB left of %d MiB and %d MiB are kept free; make room, the rest goes on by itself",
			ErrFull, filepath.Dir(h.dir), d.free>>20, d.size>>20, d.reserve()>>20)
	case h.noSpace.Load():
		return fmt.Errorf("%w: the disk was full and the server is being started anew", ErrUnavailable)
	case h.wedged.Load():
		return fmt.Errorf("%w: the server fell silent and is being started anew", ErrUnavailable)
	}
	return nil
}

// answered implements [host].
func (h *embedded) answered() {
	h.heard.Store(time.Now().UnixNano())
	if h.silent.Load() != 0 {
		h.silent.Store(0)
	}
}

// watch starts the server anew once there is room again: after a full disk it stays wedged for good, while
// everything that was acknowledged is there after a restart (docs/nats.md).
func (h *embedded) watch(alive context.Context) {
	tick := time.NewTicker(wedgeLook)
	defer tick.Stop()
	for {
		select {
		case <-alive.Done():
			return
		case <-tick.C:
		}
		if !h.wedged.Load() && !h.noSpace.Load() {
			continue
		}
		d, err := h.stat(filepath.Dir(h.dir))
		if err != nil || d.free < d.reserve()+d.reserve()/2 {
			continue
		}
		h.restart()
	}
}

func (h *embedded) restart() {
	why := "it fell silent"
	if h.noSpace.Load() {
		why = "the disk was full and has room again"
	}
	h.log.Warn("starting the event log anew: "+why, "dir", h.dir)
	h.mu.Lock()
	h.shutdown()
	h.mu.Unlock()
	if err := h.start(); err != nil {
		h.wedged.Store(true) // the next look tries again
		h.log.Error("the event log does not start", "error", err)
		return
	}
	h.wedged.Store(false)
	h.noSpace.Store(false)
	h.silent.Store(0)
}

// serverLog passes the server's warnings and errors on, and listens for the one that means a full disk.
type serverLog struct{ h *embedded }

func (l *serverLog) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }
func (l *serverLog) Warnf(format string, v ...any)   { l.say(slog.LevelWarn, format, v) }
func (l *serverLog) Errorf(format string, v ...any)  { l.say(slog.LevelError, format, v) }
func (l *serverLog) Fatalf(format string, v ...any)  { l.say(slog.LevelError, format, v) }
func (l *serverLog) Debugf(string, ...any)           {}
func (l *serverLog) Tracef(string, ...any)           {}

func (l *serverLog) say(level slog.Level, format string, v []any) {
	text := fmt.Sprintf(format, v...)
	if level > slog.LevelDebug && strings.Contains(text, "no space left") {
		l.h.noSpace.Store(true)
	}
	l.h.log.Log(context.Background(), level, "nats-server: "+text)
}
