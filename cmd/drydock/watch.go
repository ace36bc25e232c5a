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
type watchOptions struct {
	app, change, until string
	prefix             bool // change may be the beginning of an id
}

// What --until waits for.
const (
	untilClosed   = "closed"
	untilEnded    = "ended"
	untilProposed = "proposed"
)

func watchCommand(c *cli) *cobra.Command {
	o := &watchOptions{}
	cmd := &cobra.Command{Use: "watch", Short: "One line an event, newest last, until Ctrl-C",
		Long: `Shows what happens from now on; with --change from the change's beginning. With
--until closed or ended it ends by itself when the change ends: exit 0 closed, 1 anything else; with
--until proposed when people can look at it: exit 0 proposed or merged, 2 parked, 1 ended otherwise.`, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.watch(cmd.Context(), o) }}
	f := cmd.Flags()
	f.StringVar(&o.app, "app", "", "only application `APP`")
	f.StringVar(&o.change, "change", "", "only change `C`")
	f.StringVar(&o.until, "until", "", "with --change: end `WHEN` it is closed, ended or proposed")
	_ = cmd.RegisterFlagCompletionFunc("until", cobra.FixedCompletions([]string{untilClosed, untilEnded, untilProposed}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("change", c.offers(c.changeIDs))
	_ = cmd.RegisterFlagCompletionFunc("app", c.offers(c.knownApps))
	return cmd
}

// errEnded ends a stream that has come to what was waited for.
var errEnded = errors.New("ended")

func (c *cli) watch(ctx context.Context, o *watchOptions) error {
	switch {
	case !slices.Contains([]string{"", untilClosed, untilEnded, untilProposed}, o.until):
		return usage("--until %q is unknown; use closed, ended or proposed", o.until)
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
	if o.prefix {
		if o.change, _, err = findChange(ctx, s, o.change); err != nil {
			return err
		}
	}
	if err := o.known(ctx, s); err != nil {
		return err
	}
	end, err := o.end(ctx, s)
	if err != nil {
		return err
	}
	q := api.EventQuery{App: o.app, Change: o.change, Follow: !end.over}
	if o.change == "" {
		st, err := s.api.Status(ctx)
		if err != nil {
			return err
		}
		q.From = lastEvent(st) + 1
	}
	w := &watcher{c: c, footer: c.redraws(c.Stdout)}
	if o.change != "" && w.footer {
		w.doing = func() string { return doing(ctx, s, o.change) }
	}
	defer w.start()()
	_, err = s.api.Events(ctx, q, func(r bus.Record) error {
		if err := w.show(r); err != nil {
			return err
		}
		if o.until != "" && end.reached(o, r) {
			return errEnded
		}
		return nil
	})
	if errors.Is(err, errEnded) || err == nil && end.over {
		return exitWith(end.code)
	}
	return err
}

// ending is when a watch with --until is over.
type ending struct {
	over  bool   // what is waited for is there already: nothing more is waited for
	since uint64 // events up to here are history, in which a change may have been parked and gone on
	code  int
}

// end looks how a change stands before its events are read.
func (o *watchOptions) end(ctx context.Context, s *session) (*ending, error) {
	e := &ending{}
	if o.until != untilProposed {
		return e, nil
	}
	var err error
	if e.since, err = lastSequence(ctx, s); err != nil {
		return nil, err
	}
	d, err := s.api.Change(ctx, o.change)
	if err != nil {
		return nil, err
	}
	e.over, e.code = lookable(d.Stage)
	return e, nil
}

// lookable reports whether a stage ends the wait for a proposal, and with which exit code.
func lookable(stage string) (over bool, code int) {
	switch stage {
	case events.StageOpened, events.StageValidated:
		return false, report.ExitOK
	case events.StageProposed, events.StageMerged, "closed":
		return true, report.ExitOK
	case events.StageParked:
		return true, report.ExitIncomplete
	}
	return true, report.ExitFindings
}

// reached reports whether r is the end of what is waited for.
func (e *ending) reached(o *watchOptions, r bus.Record) bool {
	if e.over {
		return false // the story is told to its end
	}
	if verb := terminalVerb(r, o.change); verb != "" {
		if verb != "closed" {
			e.code = report.ExitFindings
		}
		return true
	}
	if o.until != untilProposed || r.Err != nil || r.Sequence <= e.since || events.Ext(r.Event, events.ExtChange) != o.change {
		return false
	}
	row, _ := events.Lookup(r.Event.Type())
	over := false
	switch row.Name() {
	case "change.proposed", "change.merged", "change.parked":
		over, e.code = lookable(row.Verb)
	}
	return over
}

// doing is what is being done to a change just now; "" where nobody says.
func doing(ctx context.Context, s *session, change string) string {
	d, err := s.api.Change(ctx, change)
	switch {
	case err != nil:
		return ""
	case d.Progress != nil:
		return progressWords(d.Progress)
	case len(d.Waits) > 0:
		return "waits for " + d.Waits[0].What
	}
	return d.Stage
}

func lastSequence(ctx context.Context, s *session) (uint64, error) {
	st, err := s.api.Status(ctx)
	if err != nil {
		return 0, err
	}
	return lastEvent(st), nil
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
	doing  func() string // what to say in the footer beside; nil: nothing

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
	beside := ""
	if w.doing != nil {
		if beside = w.doing(); beside != "" {
			beside = oneLine(shorten(beside, w.c.page().width-46, false)) + "; "
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	last := "none yet"
	if w.n > 0 {
		last = "the last " + span(time.Since(w.last)) + " ago"
	}
	fmt.Fprintf(w.c.Stdout, "\r\x1b[K%s%s, %s; Ctrl-C ends", beside, count(w.n, "event"), last)
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
