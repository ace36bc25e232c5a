package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// updateOptions are those of update.
type updateOptions struct {
	securityOnly, full, noWait, again bool
	timeout                           time.Duration
	uv                                string
	changed                           func(name string) bool
}

func updateCommand(c *cli) *cobra.Command {
	o := &updateOptions{}
	cmd := &cobra.Command{Use: "update [APP]", Short: "Plan the updates of an application, prove them in isolation and propose them as branches",
		Long: `Reads the newest commit of the repository that APP is declared with (drydock app add), plans, and
has each change validated in the dock and proposed as a branch. What was rejected is tried again, and so
is what is parked. Without APP every declared application, one after another.

The work is a running Drydock's: the one at --server, or the one that has the data directory in use.
With --data and no such Drydock it is done here. Ctrl-C ends the waiting, never a server's work.

Exit 0: all is proposed or merged, or there is nothing to do. 1: a change was rejected. 2: one is parked,
or something could not be determined or was not waited for.`,
		Args: atMost("APP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.changed = cmd.Flags().Changed
			return c.update(cmd.Context(), o, first(append(args, "")...))
		}}
	cmd.ValidArgsFunction = c.offers(c.declaredApps)
	f := cmd.Flags()
	f.BoolVar(&o.again, "again", true, "try again what was rejected, turned down or is parked; --again=false, for a timer, leaves each to its own time")
	f.BoolVar(&o.securityOnly, "security-only", false, "plan only the updates that fix findings, though the last update was --full; that closes the branches of the others. Without either as at the last update, at first security only")
	f.BoolVar(&o.full, "full", false, "plan the updates that fix nothing known, too, in the phases of their classes; from then on")
	f.BoolVar(&o.noWait, "no-wait", false, "ask a running Drydock for the updates, and do not wait for what comes of them")
	f.StringVar(&o.uv, "uv", "", "the resolver, where the work is done here: uv `PROGRAM`; default uv on PATH, else fetched once from the package index")
	f.DurationVar(&o.timeout, "timeout", 0, "`TIME` to wait at most, such as 30m (default: as long as it takes)")
	return cmd
}

// updateDoc is `drydock update --format json`.
type updateDoc struct {
	Schema       string      `json:"schema"`
	Tool         report.Tool `json:"tool"`
	ExitCode     int         `json:"exit_code"`
	Applications []updated   `json:"applications"` // in the order in which they were done
}

// updated is what came of one application.
type updated struct {
	Application string                 `json:"application"`
	State       string                 `json:"state"`                // requested | done | waiting | failed
	Detail      string                 `json:"detail,omitempty"`     // of failed and waiting: why, in one sentence
	Scan        uint64                 `json:"scan,omitempty"`       // sequence of its scan.requested
	Plan        string                 `json:"plan,omitempty"`       // sha256:… of the plan in force at the end
	Complete    *bool                  `json:"complete,omitempty"`   // everything could be determined; absent before a plan
	Incomplete  []inventory.Incomplete `json:"incomplete,omitempty"` // what could not be determined
	Notes       []string               `json:"notes,omitempty"`      // of that plan: what a reader must know, as sentences
	Outcomes    map[string]int         `json:"outcomes,omitempty"`   // outcome → findings, of that plan
	Left        []report.Outcome       `json:"left"`                 // findings that no update of it answers
	Changes     []updatedChange        `json:"changes"`
}

// updatedChange is a change that was followed.
type updatedChange struct {
	api.Change
	Waits  []api.Wait `json:"waits,omitempty"`  // of one that is not done: what it waits for
	Warned []string   `json:"warned,omitempty"` // of one that is validated: what fails without the change, too
	Tested bool       `json:"tested,omitempty"` // of one that is validated: some check said something of it
}

// States of an application that was updated.
const (
	updateRequested = "requested"
	updateDone      = "done"
	updateWaiting   = "waiting" // the time given was over
	updateFailed    = "failed"
)

func (c *cli) update(ctx context.Context, o *updateOptions, app string) error {
	switch {
	case o.full && o.securityOnly && o.changed("security-only"):
		return usage("--full and --security-only exclude each other; give one of them")
	case o.timeout < 0:
		return usage("--timeout %s is negative; give a duration such as 30m", o.timeout)
	case o.noWait && o.timeout > 0:
		return usage("--timeout says how long to wait, and --no-wait not to; give one of them")
	}
	if app != "" && (events.CheckApp(app) != nil || app == events.Org) {
		return usage("application name %q: want 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit", app)
	}
	s, err := c.worksOnLog(ctx, o)
	if err != nil {
		return err
	}
	defer s.close()
	if o.noWait && s.parts != nil {
		return usage("--no-wait needs a Drydock that goes on with the work; start `drydock up`, or leave it out")
	}
	apps := []string{app}
	if app == "" {
		if apps, err = c.everyDeclared(ctx, s); err != nil {
			return err
		}
	}
	doc := &updateDoc{Schema: "drydock.update/v1", Tool: c.tool(), Applications: []updated{}}
	waiting, stop := context.WithCancel(ctx)
	if o.timeout > 0 {
		waiting, stop = context.WithTimeout(ctx, o.timeout)
	}
	defer stop()
	for _, name := range apps {
		u, err := c.updateOne(waiting, s, o, name)
		switch {
		case ctx.Err() != nil:
			return c.leftWork(s, name, ctx.Err())
		case waiting.Err() != nil:
			u.State, u.Detail = updateWaiting, fmt.Sprintf("not waited for any longer than %s", o.timeout)
			if u.Scan == 0 {
				u.Detail = fmt.Sprintf("not asked for: the %s given were over before", o.timeout)
			}
		case err != nil && len(apps) == 1:
			return err
		case err != nil:
			u.State, u.Detail = updateFailed, err.Error()
		}
		doc.Applications = append(doc.Applications, u)
	}
	doc.ExitCode = updateExit(doc)
	if c.opt.format == "json" {
		err = c.resultJSON(doc)
	} else {
		p := c.page()
		renderUpdate(p, doc, s.now(ctx))
		err = c.result([]byte(p.b.String()))
	}
	if err != nil {
		return err
	}
	return exitWith(doc.ExitCode)
}

// worksOnLog gives a Drydock that does the work: one that runs, or, with --data, this process.
func (c *cli) worksOnLog(ctx context.Context, o *updateOptions) (*session, error) {
	if c.opt.server != "" {
		return c.remote(c.opt.server)
	}
	if c.cfg.NATS.URL != "" && c.opt.data == "" { // the workers are other processes
		b, err := bus.Connect(ctx, c.external())
		if err != nil {
			return nil, err
		}
		return c.looks(ctx, b)
	}
	dir, err := c.dataDir()
	if err != nil {
		return nil, err
	}
	if c.opt.data == "" {
		held, err := bus.Holder(dir)
		if err != nil {
			return nil, surroundings("find out who has %s: %w", dir, err)
		}
		if held == nil || held.Address == "" {
			return nil, surroundings("no Drydock is running on %s; start `drydock up`, name one with --server URL, or have this command do the work with --data DIR", dir)
		}
	}
	b, s, err := c.openData(ctx)
	if err != nil || s != nil {
		return s, err
	}
	return c.workers(ctx, b, oneShot{plans: true, validates: true, uv: o.uv}, true)
}

// everyDeclared are all that can be updated; said before anything is done.
func (c *cli) everyDeclared(ctx context.Context, s *session) ([]string, error) {
	declared, err := s.api.Declared(ctx)
	if err != nil {
		return nil, err
	}
	if len(declared) == 0 {
		return nil, surroundings("no application is declared with a repository; drydock app add NAME --repository URL")
	}
	var names []string
	for _, d := range declared {
		names = append(names, d.Application)
	}
	c.note("updating %s, one after another: %s", count(len(names), "application"), strings.Join(names, ", "))
	return names, nil
}

// leftWork says what becomes of the work when a person no longer waits.
func (c *cli) leftWork(s *session, app string, err error) error {
	if s.parts == nil {
		c.note("the work goes on in the server; drydock change list --app %s shows it", app)
	} else {
		c.note("what was begun is handed back; the next drydock update or drydock up on this data directory goes on with it")
	}
	return err
}

// updateOne updates one application. What it returns says how far it came, with an error too.
func (c *cli) updateOne(ctx context.Context, s *session, o *updateOptions, app string) (updated, error) {
	u := updated{Application: app, State: updateDone, Left: []report.Outcome{}, Changes: []updatedChange{}}
	q := api.UpdateRequest{Full: o.full, Again: &o.again, Lane: string(events.Urgent)}
	if o.changed("security-only") {
		q.SecurityOnly = &o.securityOnly
	}
	asked, err := s.api.RequestUpdate(ctx, app, q)
	if err != nil {
		return u, err
	}
	u.Scan = asked.ID
	if o.noWait {
		u.State = updateRequested
		return u, nil
	}
	stop := c.progress("scanning the repository of " + app)
	done, err := awaitScan(ctx, s, asked.ID)
	stop()
	switch {
	case err != nil:
		return u, err
	case done.State == api.ScanFailed:
		return u, failedScan("the repository of "+app, done)
	}
	scan := &report.Scan{}
	if err := document(ctx, s, done.Report, "the scan of "+app, scan); err != nil {
		return u, err
	}
	got, err := c.awaitPlan(ctx, s, done)
	if err != nil {
		return u, err
	}
	complete, err := gaps(ctx, s, &got.Document, scan)
	if err != nil {
		return u, err
	}
	f := &follower{c: c, s: s, app: app, asked: asked, said: map[string]string{}}
	err = f.follow(ctx, got)
	f.sum(&u, complete)
	return u, err
}

// updateExit is the exit code of an update: 1 beats 2 beats 0, and what failed around it all of them but for both.
func updateExit(doc *updateDoc) int {
	failed, rejected, left := false, false, false
	for _, u := range doc.Applications {
		failed = failed || u.State == updateFailed
		left = left || u.State == updateWaiting || u.Complete != nil && !*u.Complete
		for _, ch := range u.Changes {
			switch resultOf(ch.Change) {
			case "rejected":
				rejected = true
			case events.StageParked, resultWaits:
				left = true
			}
		}
	}
	switch {
	case rejected:
		return report.ExitFindings
	case left:
		return report.ExitIncomplete
	case failed:
		return report.ExitEnvironment
	}
	return report.ExitOK
}

// resultWaits is the result of a change that is neither proposed nor stopped.
const resultWaits = "waits"

// resultOf is how a change came out.
func resultOf(ch api.Change) string {
	if ch.Stage == events.StageOpened || ch.Stage == events.StageValidated {
		return resultWaits
	}
	return cmp.Or(ch.Stage, resultWaits)
}
