package bus_test

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/bus/bustest"
)

func TestMain(m *testing.M) {
	bustest.ServerMain()
	fullDiskMain()
	os.Exit(m.Run())
}

func TestMemory(t *testing.T) {
	bustest.Run(t, func(t *testing.T, o bustest.Options) bustest.Target {
		var opts []bus.MemoryOption
		if o.Window > 0 {
			opts = append(opts, bus.MemoryWindow(o.Window))
		}
		if o.MaxBytes > 0 {
			opts = append(opts, bus.MemoryMaxBytes(o.MaxBytes))
		}
		m := bus.NewMemory(opts...).(*bus.Memory)
		t.Cleanup(func() { closeBus(t, m) })
		return bustest.Target{Bus: m, Raw: func(_ *testing.T, subject string, header map[string][]string, data []byte) {
			m.PublishRaw(subject, header, data)
		}}
	})
}

func TestEmbedded(t *testing.T) {
	bustest.Run(t, func(t *testing.T, o bustest.Options) bustest.Target {
		b := embedded(t, bus.EmbeddedConfig{Dir: t.TempDir(), Window: o.Window, MaxBytes: o.MaxBytes}.Patient(limit(o)))
		return bustest.Target{Bus: b, Raw: raw(bus.Conn(b)), Away: func(t *testing.T) func() {
			start := bus.StopServer(b)
			return func() {
				if err := start(); err != nil {
					t.Fatal(err)
				}
			}
		}}
	})
}

func TestExternal(t *testing.T) {
	bustest.Run(t, func(t *testing.T, o bustest.Options) bustest.Target {
		s := bustest.StartServer(t)
		b := external(t, bus.ExternalConfig{URL: s.URL("drydock"), Window: o.Window, MaxBytes: o.MaxBytes}.Patient(limit(o)))
		return bustest.Target{Bus: b, Raw: raw(bus.Conn(b)), Away: func(t *testing.T) func() {
			s.Kill()
			return func() { s.Start(t) }
		}}
	})
}

// Time limits of an operation in tests. One that was under way when its server went away waits until its end.
const (
	patient = 3 * time.Minute
	hasty   = 20 * time.Second
)

func limit(o bustest.Options) time.Duration {
	if o.Away {
		return hasty
	}
	return patient
}

func embedded(t testing.TB, c bus.EmbeddedConfig) bus.Bus {
	t.Helper()
	c.Logger = quiet()
	b, err := bus.Embedded(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeBus(t, b) })
	return b
}

func external(t testing.TB, c bus.ExternalConfig) bus.Bus {
	t.Helper()
	b, err := bus.Connect(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeBus(t, b) })
	return b
}

func closeBus(t testing.TB, b bus.Bus) {
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// raw publishes past Append, as anyone with access to the subjects could.
func raw(nc *nats.Conn) func(*testing.T, string, map[string][]string, []byte) {
	return func(t *testing.T, subject string, header map[string][]string, data []byte) {
		t.Helper()
		if _, err := nc.RequestMsg(&nats.Msg{Subject: subject, Header: header, Data: data}, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
}
