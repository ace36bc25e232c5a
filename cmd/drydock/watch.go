package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// watchOptions are those of watch.
type watchOptions struct{ app, change, until string }

func watchCommand(c *cli) *cobra.Command {
	o := &watchOptions{}
	cmd := &cobra.Command{Use: "watch", Short: "One line an event, newest last, until Ctrl-C",
		Long: `Shows what happens from now on; with --change from the change's beginning. With
--until closed it ends by itself when the change ends: exit 0 closed, 1 anything else.`, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.watch(cmd.Context(), o) }}
	f := cmd.Flags()
	f.StringVar(&o.app, "app", "", "only application `APP`")
	f.StringVar(&o.change, "change", "", "only change `C`")
	f.StringVar(&o.until, "until", "", "with --change: end `WHEN` it is closed (the only value so far)")
	return cmd
}

// errEnded ends a stream that has come to what was waited for.
var errEnded = errors.New("ended")

func (c *cli) watch(ctx context.Context, o *watchOptions) error {
	switch {
	case o.until != "" && o.until != "closed":
		return usage("--until %q is unknown; use closed", o.until)
	case o.until != "" && o.change == "":
		return usage("--until needs --change: only a change is closed")
	case c.opt.output != "":
		return usage("watch has no end, so --output can't write it whole; redirect stdout instead")
	}
	if o.app != "" {
		if err := events.CheckApp(o.app); err != nil {
			return usage("--app: %v", err)
		}
	}
	s, err := c.reads(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := o.known(ctx, s); err != nil {
		return err
	}
	q := api.EventQuery{App: o.app, Change: o.change, Follow: true}
	if o.change == "" {
		st, err := s.api.Status(ctx)
		if err != nil {
			return err
		}
		q.From = lastEvent(st) + 1
	}
	w := &watcher{c: c, footer: c.redraws(c.Stdout)}
	defer w.start()()
	code := report.ExitOK
	_, err = s.api.Events(ctx, q, func(r bus.Record) error {
		if err := w.show(r); err != nil {
			return err
		}
		if o.until == "" {
			return nil
		}
		if verb := terminalVerb(r, o.change); verb != "" {
			if verb != "closed" {
				code = report.ExitFindings
			}
			return errEnded
		}
		return nil
	})
	if errors.Is(err, errEnded) {
		return exitWith(code)
	}
	return err
}

// known refuses an application or change of which nothing will ever come, rather than wait for it.
func (o *watchOptions) known(ctx context.Context, s *session) error {
	if o.app != "" && o.app != events.Org {
		if _, err := s.api.Application(ctx, o.app); err != nil {
			return err
		}
	}
	if o.change == "" {
		return nil
	}
	all, err := s.api.Changes(ctx, strings.TrimPrefix(o.app, events.Org), true)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(ch api.Change) bool { return ch.Change == o.change }) {
		of := ""
		if o.app != "" {
			of = " of " + o.app
		}
		return surroundings("no change%s is called %q; `drydock status` names the open ones, `drydock events list --type change.opened` all", of, o.change)
	}
	return nil
}

func lastEvent(st *api.Status) uint64 {
	for _, s := range st.Bus.Streams {
		if s.Name == "EVENTS" {
			return s.Last
		}
	}
	return 0
}

// terminalVerbs are how a change ends (design §4).
var terminalVerbs = []string{"change.closed", "change.rejected", "change.superseded", "change.abandoned", "rollback.completed", "rollback.failed"}

// terminalVerb is the verb of r when it ends the change.
func terminalVerb(r bus.Record, change string) string {
	if r.Err != nil {
		return ""
	}
	row, ok := events.Lookup(r.Event.Type())
	if !ok || !slices.Contains(terminalVerbs, row.Name()) {
		return ""
	}
	if p, err := events.Decode[events.ChangeSuperseded](r.Event); err == nil && p.Change != change {
		return "" // names it only as the one that carries on
	}
	return row.Verb
}

// watcher prints lines, above a footer where a person watches a terminal.
type watcher struct {
	c      *cli
	footer bool

	mu   sync.Mutex
	n    int
	last time.Time
}

func (w *watcher) show(r bus.Record) error {
	t := tell(r)
	line := fmt.Sprintf("%s %s %s %s", t.Time.Format("15:04:05Z"), t.App, t.Type, t.Text)
	if w.c.opt.format == "json" {
		return w.json(t)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n, w.last = w.n+1, time.Now()
	clear := ""
	if w.footer {
		clear = "\r\x1b[K"
	}
	if _, err := fmt.Fprint(w.c.Stdout, clear+oneLine(line)+"\n"); err != nil {
		return surroundings("write to stdout: %w", err)
	}
	return nil
}

// start draws the footer once a second; what it returns removes it.
func (w *watcher) start() (stop func()) {
	if !w.footer {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for {
			select {
			case <-done:
				fmt.Fprint(w.c.Stdout, "\r\x1b[K")
				return
			case <-t.C:
				w.draw()
			}
		}
	}()
	return func() { close(done); <-ended }
}

func (w *watcher) draw() {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := "none yet"
	if w.n > 0 {
		last = "the last " + span(time.Since(w.last)) + " ago"
	}
	fmt.Fprintf(w.c.Stdout, "\r\x1b[K%s, %s; Ctrl-C ends", count(w.n, "event"), last)
}

// json writes the line as programs read it.
func (w *watcher) json(t told) error {
	data, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if _, err := w.c.Stdout.Write(append(escapeControls(data), '\n')); err != nil {
		return surroundings("write to stdout: %w", err)
	}
	return nil
}
