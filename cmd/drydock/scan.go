package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// scanOptions are those of scan and, but for failOn, of plan.
type scanOptions struct {
	app, db, engine, indexURL, failOn           string
	maxDBAge                                    time.Duration
	environment, crossCheck, packages, outdated bool
	changed                                     func(name string) bool
}

func scanCommand(c *cli) *cobra.Command {
	return scanLike(c, "scan", "none", "Tell which packages at PATH have known vulnerabilities, and what could not be determined",
		`Reads PATH (a directory or one file) in a confined child process that can write nothing and
reach no network, and matches what it finds against the advisory database.

Nothing is left behind but a cache that may be deleted at any time. With --data the events are
kept there; with --server that Drydock does the work.`)
}

func checkCommand(c *cli) *cobra.Command {
	return scanLike(c, "check", "low", "Like scan, but exit 1 on any finding: for pipelines",
		`The same as drydock scan --fail-on low.`)
}

func scanLike(c *cli, name, failOn, short, long string) *cobra.Command {
	o := &scanOptions{}
	cmd := &cobra.Command{Use: name + " PATH", Short: short, Long: long, Args: exactArgs("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.changed = cmd.Flags().Changed
			return c.scan(cmd.Context(), o, args[0])
		}}
	o.flags(cmd)
	cmd.Flags().StringVar(&o.failOn, "fail-on", failOn, "exit 1 on a finding of this `SEVERITY` or above: none, low, medium, high or critical (unknown counts as high)")
	return cmd
}

// flags adds the options that scan and plan share.
func (o *scanOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.app, "app", "", "`NAME` of the application; default from its git remote and sub-path, else its path")
	f.StringVar(&o.db, "db", "", "advisory database `DIR`: holds osv-scalibr/<Ecosystem>/all.zip or <Ecosystem>/all.zip; default the one in the data directory")
	f.DurationVar(&o.maxDBAge, "max-db-age", 72*time.Hour, "`AGE` above which a fetched database makes a scan incomplete; one given by --db has no age")
	f.BoolVar(&o.environment, "environment", false, "PATH is a Python prefix or site-packages of a live application")
	f.StringVar(&o.engine, "engine", "native", "`ENGINE` that matches: native or osv-scanner")
	f.BoolVar(&o.crossCheck, "cross-check", false, "run both engines and report every difference")
	f.BoolVar(&o.packages, "packages", false, "list every package entry too")
	f.BoolVar(&o.outdated, "outdated", false, "look up newer releases on the index too")
	f.StringVar(&o.indexURL, "index-url", "", "package index `URL` (simple API)")
}

// check refuses what can't be meant.
func (o *scanOptions) check() error {
	if o.failOn != "" {
		if _, ok := severityRank[o.failOn]; !ok || o.failOn == "unknown" {
			return usage("--fail-on %q is unknown; use none, low, medium, high or critical", o.failOn)
		}
	}
	if !slices.Contains([]string{"native", "osv-scanner"}, o.engine) {
		return usage("--engine %q is unknown; use native or osv-scanner", o.engine)
	}
	if o.maxDBAge <= 0 {
		return usage("--max-db-age %s is not above zero", o.maxDBAge)
	}
	if o.indexURL != "" {
		if err := checkAddress("--index-url", o.indexURL); err != nil {
			return err
		}
	}
	if o.app != "" {
		if err := events.CheckApp(o.app); err != nil || o.app == events.Org {
			return usage("--app %q: want 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit", o.app)
		}
	}
	return nil
}

// checkAddress refuses what can't be asked over HTTP. The address is not repeated: it may hold a password.
func checkAddress(option, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return usage("%s is not an http or https address; give one such as https://HOST/PATH", option)
	}
	return nil
}

// request is what the gateway is asked for. The path is checked here already: the message can then name
// what was typed.
func (o *scanOptions) request(path string) (api.ScanRequest, error) {
	if path == "" {
		return api.ScanRequest{}, usage("PATH is empty; use . for the present directory")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return api.ScanRequest{}, surroundings("find out where %s is: %w", path, err)
	}
	if _, err := os.Stat(abs); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return api.ScanRequest{}, surroundings("scan %s: there is no such file or directory; check the path", path)
		}
		return api.ScanRequest{}, surroundings("scan %s: %w", path, err)
	}
	engine := o.engine
	if engine == "native" {
		engine = ""
	}
	return api.ScanRequest{Path: abs, Given: path, Application: o.app, Lane: string(events.Urgent), Environment: o.environment,
		Engine: engine, CrossCheck: o.crossCheck, Outdated: o.outdated, IndexURL: o.indexURL}, nil
}

// ownOnly are the options that a server decides by its own configuration.
var ownOnly = []string{"db", "max-db-age"}

func (o *scanOptions) refuseForServer(s *session, names []string) error {
	for _, name := range names {
		if s.remote != "" && o.changed(name) {
			return usage("--%s can't be given to %s, which uses its own; leave it out, or leave --server and --data out", name, s.remote)
		}
	}
	return nil
}

func (c *cli) scan(ctx context.Context, o *scanOptions, path string) error {
	if err := o.check(); err != nil {
		return err
	}
	q, err := o.request(path)
	if err != nil {
		return err
	}
	s, err := c.worksHere(ctx, oneShot{scan: o})
	if err != nil {
		return err
	}
	defer s.close()
	if err := o.refuseForServer(s, ownOnly); err != nil {
		return err
	}
	doc, _, err := c.runScan(ctx, s, q)
	if err != nil {
		return err
	}
	doc.Tool, doc.Source = c.tool(), path
	doc.ExitCode = scanExit(doc, o.failOn)
	if err := c.withPackages(ctx, s, o, doc); err != nil {
		return err
	}
	if c.opt.format == "json" {
		err = c.resultJSON(tidy(doc))
	} else {
		p := c.page()
		renderScan(p, doc, path)
		err = c.result([]byte(p.b.String()))
	}
	if err != nil {
		return err
	}
	return exitWith(doc.ExitCode)
}

// runScan asks for a scan, waits for its answer and reads the document.
func (c *cli) runScan(ctx context.Context, s *session, q api.ScanRequest) (*report.Scan, *api.Scan, error) {
	defer c.progress("scanning " + q.Given)()
	asked, err := s.api.RequestScan(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	done, err := awaitScan(ctx, s, asked.ID)
	if err != nil {
		return nil, nil, err
	}
	if done.State == api.ScanFailed {
		return nil, nil, failedScan(q.Given, done)
	}
	raw, err := s.api.Evidence(ctx, done.Report)
	if err != nil {
		return nil, nil, err
	}
	doc := &report.Scan{}
	if err := json.Unmarshal(raw, doc); err != nil {
		return nil, nil, surroundings("read the result of scan %d: %w", done.ID, err)
	}
	return doc, done, nil
}

// awaitScan waits as long as it takes: Ctrl-C ends the waiting, not a server's work.
func awaitScan(ctx context.Context, s *session, id uint64) (*api.Scan, error) {
	for {
		got, err := s.api.Scan(ctx, id, 30*time.Second)
		if err != nil || got.State != api.ScanPending {
			return got, err
		}
		if err := s.alive(); err != nil {
			return nil, err
		}
	}
}

// failedScan is the sentence of a scan without an inventory.
func failedScan(path string, done *api.Scan) error {
	return surroundings("scan %s: %s (%s)", path, done.Detail, done.Reason)
}

// withPackages adds or leaves out the inventory, as --packages asks.
func (c *cli) withPackages(ctx context.Context, s *session, o *scanOptions, doc *report.Scan) error {
	doc.Packages = nil
	if !o.packages {
		return nil
	}
	raw, err := s.api.Evidence(ctx, doc.Inventory)
	if err != nil {
		return err
	}
	var inv inventory.Inventory
	if err := json.Unmarshal(raw, &inv); err != nil {
		return surroundings("read the inventory of the scan: %w", err)
	}
	doc.Packages = inv.Packages
	return nil
}

// tidy makes the lists that are always there empty rather than null (docs/formats.md).
func tidy(doc *report.Scan) *report.Scan {
	if doc.Incomplete == nil {
		doc.Incomplete = []inventory.Incomplete{}
	}
	if doc.Sources == nil {
		doc.Sources = []inventory.Source{}
	}
	if doc.Databases == nil {
		doc.Databases = []report.Database{}
	}
	if doc.Findings == nil {
		doc.Findings = []report.Finding{}
	}
	return doc
}
