package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/gateway"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// databaseDoc is what the db commands print as JSON.
type databaseDoc struct {
	Schema    string         `json:"schema"`
	Tool      report.Tool    `json:"tool"`
	ExitCode  int            `json:"exit_code"`
	Directory string         `json:"directory,omitempty"`
	Databases []api.Database `json:"databases"`
	Imported  []api.Imported `json:"imported,omitempty"`
}

func dbCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "db", Short: "The advisory databases", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var imp, upd api.DatabaseImport
	in := &cobra.Command{Use: "import ZIP|DIR", Short: "Take in OSV advisories from a file or directory; the ones in use are replaced at once or not at all",
		Long: `ZIP is an archive of OSV records (all.zip). DIR holds osv-scalibr/<Ecosystem>/all.zip,
<Ecosystem>/all.zip, or loose *.json records. A running server on the data directory does it.`, Args: exactArgs("ZIP|DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			abs, err := filepath.Abs(args[0])
			if err != nil {
				return surroundings("find out where %s is: %w", args[0], err)
			}
			imp.Path = abs
			if err := checkEcosystems(imp.Ecosystems); err != nil {
				return err
			}
			return c.take(cmd.Context(), "importing advisories", imp, backend.ImportDatabase, (*databases).importFrom)
		}}
	in.Flags().StringSliceVar(&imp.Ecosystems, "ecosystem", nil, "`ECOSYSTEM` of a zip or of loose records; default the one they speak of")
	up := &cobra.Command{Use: "update", Short: "Fetch newer OSV advisories: only what changed, checked, replaced at once or not at all", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.checkUpdate(upd); err != nil {
				return err
			}
			return c.take(cmd.Context(), "updating advisories", upd, backend.UpdateDatabase, (*databases).update)
		}}
	up.Flags().StringVar(&upd.Mirror, "mirror", "", "`URL` to fetch <Ecosystem>/all.zip from instead of OSV's public bucket")
	up.Flags().StringSliceVar(&upd.Ecosystems, "ecosystem", nil, "`ECOSYSTEM,…` to fetch; default those there, else PyPI")
	up.Flags().StringVar(&upd.KEV, "kev", "", "`FILE|URL` of CISA's list of known exploited vulnerabilities (JSON)")
	up.Flags().StringVar(&upd.EPSS, "epss", "", "`FILE|URL` of FIRST's EPSS scores (CSV, plain or gzip)")
	info := &cobra.Command{Use: "info", Short: "Say what is there and how old it is; exit 2 when there is nothing", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.dbInfo(cmd.Context()) }}
	cmd.AddCommand(in, up, info)
	return cmd
}

// checkUpdate refuses what no mirror could mend.
func (c *cli) checkUpdate(q api.DatabaseImport) error {
	if q.Mirror != "" {
		if err := checkAddress("--mirror", q.Mirror); err != nil {
			return err
		}
	} else if c.cfg.Advisory.Mirror != "" {
		if err := checkAddress("advisory.mirror in the configuration", c.cfg.Advisory.Mirror); err != nil {
			return err
		}
	}
	return checkEcosystems(q.Ecosystems)
}

func checkEcosystems(names []string) error {
	for _, name := range names {
		if !slices.Contains(advisory.Ecosystems(), name) {
			return usage("--ecosystem %q is unknown; use %s", name, strings.Join(advisory.Ecosystems(), ", "))
		}
	}
	return nil
}

// holder is the server that a database command has to go through: --server, or who holds the data directory.
func (c *cli) holder(ctx context.Context) (*session, error) {
	if c.opt.server != "" {
		return c.remote(c.opt.server)
	}
	dir, err := c.dataDir()
	if err != nil {
		return nil, err
	}
	held, err := c.patiently(ctx, "looking who has "+dir, func() (*bus.ErrLocked, error) { return bus.Holder(dir) })
	if err != nil || held == nil {
		return nil, err
	}
	c.note("data directory %s is in use by process %d; using that one at %s", dir, held.PID, held.Address)
	return c.remote(held.Address)
}

// take imports or updates: there, or here.
func (c *cli) take(ctx context.Context, what string, q api.DatabaseImport, there func(backend, context.Context, api.DatabaseImport) ([]api.Imported, error),
	here func(*databases, context.Context, api.DatabaseImport) ([]api.Imported, error)) error {
	s, err := c.holder(ctx)
	if err != nil {
		return err
	}
	doc := databaseDoc{Schema: "drydock.databases/v1", Tool: c.tool(), Databases: []api.Database{}}
	if s != nil {
		stop := c.progress(what)
		doc.Imported, err = there(s.api, ctx, q)
		stop()
		s.close()
	} else {
		var d *databases
		if d, err = c.openDatabases("", time.Now); err != nil {
			return err
		}
		doc.Directory = d.dir
		d.say = c.sayProgress()
		doc.Imported, err = here(d, ctx, q)
		d.close()
	}
	if err != nil {
		return err
	}
	for _, i := range doc.Imported {
		if i.Skipped == "" {
			doc.Databases = append(doc.Databases, i.Database)
		}
	}
	return c.printDatabases(&doc)
}

// sayProgress prints how far an import is, at most once a second, and nothing in the first.
func (c *cli) sayProgress() func(advisory.Progress) {
	if c.opt.quiet {
		return nil
	}
	var mu sync.Mutex
	last := time.Now()
	return func(p advisory.Progress) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(last) < time.Second {
			return
		}
		last = time.Now()
		unit, done, total := "records", p.Done, p.Total
		if p.Stage == advisory.StageCopy {
			unit, done, total = "MiB", p.Done>>20, p.Total>>20
		}
		of := ""
		if total > 0 {
			of = fmt.Sprintf(" of %d", total)
		}
		c.note("%s: %s %d%s %s", p.Ecosystem, p.Stage, done, of, unit)
	}
}

func (c *cli) dbInfo(ctx context.Context) error {
	s, err := c.holder(ctx)
	if err != nil {
		return err
	}
	doc := databaseDoc{Schema: "drydock.databases/v1", Tool: c.tool(), Databases: []api.Database{}}
	if s != nil {
		defer s.close()
		st, err := s.api.Status(ctx)
		if err != nil {
			return err
		}
		doc.Databases = st.Databases
	} else {
		d, err := c.openDatabases("", time.Now)
		if err != nil {
			return err
		}
		defer d.close()
		doc.Directory = d.dir
		if d.inUse != nil {
			if _, err := d.inUse.Info(); err != nil {
				return surroundings("read the advisory database: %w", err)
			}
		}
		doc.Databases = gateway.Databases(d.events(), time.Now(), c.cfg.Scanner.MaxDBAge)
	}
	if len(doc.Databases) == 0 {
		doc.ExitCode = report.ExitIncomplete
	}
	return c.printDatabases(&doc)
}

func (c *cli) printDatabases(doc *databaseDoc) error {
	var err error
	if c.opt.format == "json" {
		err = c.resultJSON(doc)
	} else {
		p := c.page()
		renderDatabases(p, doc)
		err = c.result([]byte(p.b.String()))
	}
	if err != nil {
		return err
	}
	return exitWith(doc.ExitCode)
}

func renderDatabases(p *page, doc *databaseDoc) {
	became := map[string]string{}
	for _, i := range doc.Imported {
		switch {
		case i.Skipped != "":
			p.wrapped(yellow, "    ", "! %s left out: %s", i.Database.Name, i.Skipped)
		case i.Unchanged:
			became[i.Database.Name] = "up to date"
		case i.Before == "":
			became[i.Database.Name] = "new"
		default:
			became[i.Database.Name] = "replaced " + short(i.Before)
		}
	}
	if len(doc.Databases) == 0 {
		p.line(plain, "there is no advisory database%s", in(doc.Directory))
		p.line(plain, "next    drydock db update, or drydock db import ZIP|DIR")
		return
	}
	var rows [][]cell
	for _, d := range doc.Databases {
		newest, age := "", "given by hand"
		if d.Newest != nil {
			newest = d.Newest.UTC().Format("2006-01-02")
		}
		if d.AgeHours != nil {
			age = hours(*d.AgeHours)
		}
		state := first(became[d.Name], "in use")
		if d.Partial {
			state += ", only part of one"
		}
		if d.Stale {
			state += ", too old"
		}
		rows = append(rows, []cell{{d.Name, bold}, {fmt.Sprint(d.Records), plain}, {newest, plain}, {age, plain}, {short(d.Digest), dim}, {state, plain}})
	}
	p.table([]column{{head: "ECOSYSTEM"}, {head: "RECORDS"}, {head: "NEWEST"}, {head: "AGE"}, {head: "DIGEST"}, {head: "STATE", shrink: true}}, rows)
}

func in(dir string) string {
	if dir == "" {
		return ""
	}
	return " in " + dir
}
