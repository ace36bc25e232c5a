package validator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/forge"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// slow answers once another was asked.
type slow struct {
	forge.Forge
	wait, tell chan struct{}
}

func (s slow) Base(ctx context.Context) (forge.Base, error) {
	close(s.tell)
	select {
	case <-s.wait:
		return forge.Base{}, fmt.Errorf("no answer: %w", context.DeadlineExceeded)
	case <-ctx.Done():
		return forge.Base{}, ctx.Err()
	}
}

// TestLookIsFair: a host that does not answer keeps nobody else's branches from being looked at.
func TestLookIsFair(t *testing.T) {
	b := bus.NewMemory()
	t.Cleanup(func() { _ = b.Close() })
	folds := worker.NewFolds(b)
	for _, app := range []string{"one", "two"} {
		var evs []events.Event
		for _, p := range []any{events.ChangeOpened{Change: "c-00000000", Branch: "emergency/fix"}, events.ChangeParked{Change: "c-00000000", Kind: events.ParkedSetup}} {
			e, err := events.New(events.Meta{App: app, Cause: "test", Key: fmt.Sprintf("%T", p), Change: "c-00000000", Time: time.Unix(1, 0)}, p)
			if err != nil {
				t.Fatal(err)
			}
			evs = append(evs, e)
		}
		if _, err := b.Append(t.Context(), app, evs, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := folds.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	set, err := application.ParseSet("applications.yaml", []byte("applications:\n  one:\n    repository: /one.git\n  two:\n    repository: /two.git\n"))
	if err != nil {
		t.Fatal(err)
	}
	one, two := make(chan struct{}), make(chan struct{})
	hosts := map[string]forge.Forge{"one": slow{wait: two, tell: one}, "two": slow{wait: one, tell: two}}
	s, err := New(Config{}, Deps{Bus: b, Folds: folds, Applications: func() *application.Set { return set }, Log: slog.New(slog.DiscardHandler), Remote: func(a application.Application) string { return a.Repository },
		Forge: func(_ context.Context, a application.Application) (forge.Forge, error) { return hosts[a.Name], nil }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s.Look(ctx)
	for name, asked := range map[string]chan struct{}{"one": one, "two": two} {
		select {
		case <-asked:
		default:
			t.Errorf("%s was not looked at", name)
		}
	}
	if err := ctx.Err(); err != nil {
		t.Error(err)
	}
}

// TestUnseen: that the branches can't be looked at is told once, known to who asks, and forgotten when they can.
func TestUnseen(t *testing.T) {
	b := bus.NewMemory()
	t.Cleanup(func() { _ = b.Close() })
	s, err := New(Config{}, Deps{Bus: b, Folds: worker.NewFolds(b), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	kv, err := b.KV("progress")
	if err != nil {
		t.Fatal(err)
	}
	hint := func() (p Progress) {
		if data, _, err := kv.Get(t.Context(), "shop.repository"); err == nil && json.Unmarshal(data, &p) != nil {
			t.Errorf("%s", data)
		}
		return p
	}
	gone, refused := errors.New("no repository\nthere"), errors.New("access is denied")
	if !s.unseen(t.Context(), "shop", gone) || s.unseen(t.Context(), "shop", gone) || hint().Detail != "no repository there" {
		t.Errorf("%+v", hint())
	}
	since := hint().Since
	if !s.unseen(t.Context(), "shop", refused) || hint().Detail != "access is denied" || !hint().Since.Equal(since) {
		t.Errorf("%+v, since %s", hint(), since)
	}
	for range 2 {
		if s.unseen(t.Context(), "shop", nil) || hint().Detail != "" {
			t.Errorf("%+v", hint())
		}
	}
}
