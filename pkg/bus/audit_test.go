package bus_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/bus/bustest"
)

// twoAccounts is a server where the account of the mirror reaches the consumers of the log, and nothing else.
const twoAccounts = `
listen: "127.0.0.1:-1"
jetstream: { store_dir: %q, sync_interval: always }
accounts: {
  LOG: { jetstream: enabled, users: [ { user: log, password: log } ], exports: [
    { service: "$JS.API.CONSUMER.>" }, { service: "$JS.FC.EVENTS.>" }, { stream: "deliver.audit.>" } ] }
  AUDITORS: { jetstream: enabled, users: [ { user: audit, password: audit } ], imports: [
    { service: { account: LOG, subject: "$JS.API.CONSUMER.>" }, to: "LOG.API.CONSUMER.>" },
    { service: { account: LOG, subject: "$JS.FC.EVENTS.>" } },
    { stream: { account: LOG, subject: "deliver.audit.>" } } ] }
}
`

// TestAuditMirror: the log is copied to an account its writers can't touch.
func TestAuditMirror(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "nats.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, twoAccounts, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	opts, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	opts.NoSigs, opts.NoLog = true, true
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer s.Shutdown()
	if !s.ReadyForConnections(patient) {
		t.Fatal("server not ready")
	}
	with := func(user string) string { return "nats://" + user + ":" + user + "@" + s.Addr().String() }
	audit := &bus.AuditConfig{URL: with("audit"), API: "LOG.API", Deliver: "deliver.audit"}
	for range 2 { // the second time it is there
		b := external(t, bus.ExternalConfig{URL: with("log"), Audit: audit}.Patient(patient))
		last, err := b.LastSequence(t.Context(), "ledger")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Append(t.Context(), "ledger", bustest.Events(t, "ledger", time.Now().String(), 3), last); err != nil {
			t.Fatal(err)
		}
		if st, err := b.Status(t.Context()); err != nil || len(st.Warnings) != 0 {
			t.Fatalf("status: %+v (%v)", st, err)
		}
	}
	nc, err := nats.Connect(with("audit"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for {
		stream, err := js.Stream(t.Context(), "AUDIT")
		if err != nil {
			t.Fatal(err)
		}
		info := stream.CachedInfo()
		if info.State.LastSeq == 6 {
			if !info.Config.DenyDelete || !info.Config.DenyPurge {
				t.Fatalf("mirror is not protected: %+v", info.Config)
			}
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("mirror holds %d of 6 events", info.State.LastSeq)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
