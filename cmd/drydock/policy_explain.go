package main

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/strictyaml"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// explained is `drydock policy explain --format json`.
type explained struct {
	Schema        string             `json:"schema"`
	Tool          report.Tool        `json:"tool"`
	ExitCode      int                `json:"exit_code"`
	Policy        string             `json:"policy"`
	Application   string             `json:"application,omitempty"`
	Version       string             `json:"version,omitempty"`
	Vulnerability *explainedFinding  `json:"vulnerability,omitempty"`
	Facts         policy.Facts       `json:"facts"`
	Decision      policy.Decision    `json:"decision"`
	Deadline      policy.Deadline    `json:"deadline"`
	Cooldown      explainedCooldown  `json:"cooldown"`
	Approvals     explainedApprovals `json:"approvals"`
	Checks        explainedChecks    `json:"checks"`
	Backup        explainedBackup    `json:"backup"`
	Window        explainedWindow    `json:"window"`
}

type explainedFinding struct {
	ID           string   `json:"id"`
	IDs          []string `json:"ids"`
	Title        string   `json:"title,omitempty"`
	SeverityFrom string   `json:"severity_from,omitempty"`
	FixedIn      []string `json:"fixed_in"`
}

type explainedCooldown struct {
	Time string `json:"time"` // "24h"
	Rule string `json:"rule,omitempty"`
}

type explainedApprovals struct {
	Count int      `json:"count"`
	From  []string `json:"from"`
}

// explainedChecks is what a change is held to.
type explainedChecks struct {
	Dock     []string       `json:"dock"`     // run for every change, as far as the application names them
	Parallel bool           `json:"parallel"` // at the same time
	NotRun   []policy.Check `json:"not_run"`  // that the class asks for and nothing runs yet: they need staging
}

// explainedBackup is what is demanded of the backup before production.
type explainedBackup struct {
	Required bool   `json:"required"`
	MaxAge   string `json:"max_age,omitempty"` // "24h"; left out: as long as the application says
}

type explainedWindow struct {
	Name  string `json:"name"`
	Times string `json:"times"`
}

// question is what `policy explain` was asked.
type question struct {
	file, db, app, id, ecosystem string
	own                          string // the repository's own file
	severity, kind, step         string
	detected, fixed              string
	kev, update                  bool
	epss                         float64
	name, version                string // PACKAGE@VERSION
	changed                      func(option string) bool
}

func (c *cli) policyExplain() *cobra.Command {
	q := &question{}
	cmd := &cobra.Command{Use: "explain PACKAGE[@VERSION]", Short: "Say into which class a finding in PACKAGE falls, by which rule, and by when it must be gone", Args: exactArgs("PACKAGE"),
		Long: `Says how a finding is judged: every rule with its reason, the class, the deadline, the cooldown of
its fix, who must approve, and when a change may go to production.

With @VERSION and --vulnerability the finding is looked up in the advisory database; what is given
beside (--severity, --kev, --epss, --kind) then stands in place of what is known there: what if?

  drydock policy explain flask@2.2.2 --vulnerability CVE-2023-30861
  drydock policy explain flask --severity high --kev`}
	f := cmd.Flags()
	f.StringVar(&q.file, "policy", "", "policy `FILE` laid over the built-in one")
	f.StringVar(&q.app, "app", "", "`NAME` of the application whose policy it is judged by")
	f.StringVar(&q.app, "application", "", "the same as --app")
	_ = f.MarkHidden("application") // the flag is there
	f.StringVar(&q.own, "repository-file", "", "the repository's own `FILE` (.drydock.yaml), which may tighten the policy; default, with --app, the one that the log's newest scan of the declared repository read")
	f.StringVar(&q.id, "vulnerability", "", "`ID` of the finding (CVE, GHSA, PYSEC …), looked up in the advisory database")
	f.StringVar(&q.db, "db", "", "advisory database `DIR`: holds osv-scalibr/<Ecosystem>/all.zip or <Ecosystem>/all.zip; default the one in the data directory")
	f.StringVar(&q.ecosystem, "ecosystem", "PyPI", "OSV `ECOSYSTEM` of the package")
	f.StringVar(&q.severity, "severity", "unknown", "`SEVERITY` of the finding: critical, high, medium, low or unknown")
	f.StringVar(&q.kind, "kind", "vulnerability", "`KIND` of the finding: vulnerability or malicious")
	f.BoolVar(&q.kev, "kev", false, "it is known to be exploited; left out: not known")
	f.Float64Var(&q.epss, "epss", 0, "`PROBABILITY` of exploitation, 0 to 1; left out: not known")
	f.StringVar(&q.step, "step", "", "`STEP` of an --update: patch, minor or major")
	f.BoolVar(&q.update, "update", false, "an update that fixes nothing, rather than a finding")
	f.StringVar(&q.detected, "detected", "", "`TIME` of first detection; default now")
	f.StringVar(&q.fixed, "fix-published", "", "`TIME` the fix was published; left out: not known")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		q.changed = cmd.Flags().Changed
		q.name = args[0]
		if at := strings.LastIndex(args[0], "@"); at > 0 { // not the one a scoped name begins with
			q.name, q.version = args[0][:at], args[0][at+1:]
		}
		return c.explain(cmd.Context(), q)
	}
	return cmd
}

// check refuses what can't be meant.
func (q *question) check() error {
	if q.app != "" {
		if err := events.CheckApp(q.app); err != nil || q.app == events.Org {
			return usage("--app %q: want 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit", q.app)
		}
	}
	switch {
	case q.id != "" && q.version == "":
		return usage("policy explain %s --vulnerability %s: which version? give %s@VERSION", q.name, q.id, q.name)
	case q.id == "" && q.version != "":
		return usage("policy explain %s@%s: which finding? give --vulnerability ID; `drydock scan` lists them", q.name, q.version)
	case q.step != "" && !q.update:
		return usage("--step %s goes with --update: the class of a finding is known before its fix is, so the step of a fix decides nothing", q.step)
	case q.id != "" && q.update:
		return usage("--vulnerability and --update exclude one another: what fixes a vulnerability is a finding")
	}
	return nil
}

func (c *cli) explain(ctx context.Context, q *question) error {
	if err := q.check(); err != nil {
		return err
	}
	whole, err := c.policyFor(ctx, q.file)
	if err != nil {
		return err
	}
	p, err := c.policyOf(ctx, q, whole)
	if err != nil {
		return err
	}
	doc := explained{Schema: "drydock.policy-explanation/v1", Tool: c.tool(), Policy: p.Digest(), Application: q.app, Version: q.version}
	doc.Facts = policy.Facts{Package: q.name, Finding: !q.update, Kind: q.kind, Severity: q.severity, Step: q.step}
	if q.id != "" {
		hit, err := c.lookUp(q.db, q.ecosystem, q.name, q.version, q.id)
		if err != nil {
			return err
		}
		doc.Vulnerability = &explainedFinding{ID: hit.ID, IDs: hit.IDs, Title: hit.Title, SeverityFrom: hit.SeverityFrom, FixedIn: append([]string{}, hit.FixedIn...)}
		doc.Facts.Ecosystem, doc.Facts.KEV, doc.Facts.EPSS = q.ecosystem, hit.KEV, hit.EPSS
		if !q.changed("severity") {
			doc.Facts.Severity = hit.Severity
		}
		if !q.changed("kind") {
			doc.Facts.Kind = hit.Kind
		}
	}
	if q.changed("kev") {
		doc.Facts.KEV = &q.kev
	}
	if q.changed("epss") {
		doc.Facts.EPSS = &q.epss
	}
	if err := checkFacts(doc.Facts); err != nil {
		return err
	}
	clocks, err := q.clocks()
	if err != nil {
		return err
	}
	doc.Decision, doc.Deadline = p.Classify(doc.Facts), p.Deadline(doc.Facts, clocks)
	wait, rule := p.CooldownFor(doc.Facts)
	class := p.Class(doc.Decision.Class)
	doc.Cooldown = explainedCooldown{policy.Duration(wait).String(), rule}
	doc.Approvals = explainedApprovals{class.Approvals.Count, append([]string{}, class.Approvals.From...)}
	doc.Checks = explainedChecks{[]string{report.StepTests, report.StepSecurity, report.StepSmoke}, class.Parallel, append([]policy.Check{}, class.AtStaging()...)}
	if doc.Backup.Required = class.Backup.Required; class.Backup.MaxAge > 0 {
		doc.Backup.MaxAge = class.Backup.MaxAge.String()
	}
	doc.Window = explainedWindow{class.Window, p.Windows[class.Window].String()}
	if c.opt.format == "json" {
		return c.resultJSON(doc)
	}
	return c.result([]byte(c.explainText(&doc, class)))
}

// policyOf is the policy an application's plans are made by: what the whole says of it, tightened by its repository.
func (c *cli) policyOf(ctx context.Context, q *question, whole *policy.Policy) (*policy.Policy, error) {
	p := whole
	if q.app != "" {
		p = whole.For(q.app)
	}
	if q.own != "" {
		own, err := readRepository(q.own)
		if err != nil {
			return nil, err
		}
		tight, problems := own.Tighten(p)
		return tight, fileErrors(problems)
	}
	if q.app == "" || q.file != "" || c.opt.server == "" && c.opt.data == "" {
		return p, nil
	}
	own, err := c.ownInLog(ctx, q.app)
	var many *strictyaml.Errors
	if err != nil && !errors.As(err, &many) {
		return nil, err
	}
	tight, problems := own.Tighten(p)
	if many != nil {
		problems = many.Problems
	}
	for _, f := range problems { // as in a plan
		c.note("the repository's policy does not count, and the server's does: %s", oneLine(f.String()))
	}
	return tight, nil
}

// ownInLog is the repository's own file as the newest scan of the declared repository read it.
func (c *cli) ownInLog(ctx context.Context, app string) (own application.Repository, err error) {
	s, err := c.reads(ctx)
	if err != nil {
		return own, err
	}
	defer s.close()
	digest := ""
	_, err = s.api.Events(ctx, api.EventQuery{App: app, Type: "scan.completed"}, func(r bus.Record) error {
		done, err := events.Decode[events.ScanCompleted](r.Event)
		if err == nil && done.Repository {
			digest = done.Own
		}
		return err
	})
	if err != nil || digest == "" {
		return own, err
	}
	text, err := s.api.Evidence(ctx, digest)
	if err != nil {
		return own, err
	}
	return application.ParseRepository(application.RepositoryFile, text)
}

// fileErrors is what is wrong with a file that was given; nil for nothing.
func fileErrors(problems []strictyaml.Problem) error {
	if err := strictyaml.NewErrors(problems); err != nil {
		return fileError(err)
	}
	return nil
}

func (q *question) clocks() (policy.Clocks, error) {
	clocks := policy.Clocks{Detected: time.Now().UTC()}
	var err error
	if q.detected != "" {
		if clocks.Detected, err = parseTime("--detected", q.detected); err != nil {
			return clocks, err
		}
	}
	if q.fixed != "" {
		t, err := parseTime("--fix-published", q.fixed)
		if err != nil {
			return clocks, err
		}
		clocks.FixPublished = &t
	}
	return clocks, nil
}

func checkFacts(f policy.Facts) error {
	for _, v := range []struct {
		option, value string
		allowed       []string
	}{
		{"--severity", f.Severity, []string{"critical", "high", "medium", "low", "unknown"}},
		{"--kind", f.Kind, []string{"vulnerability", "malicious"}},
		{"--step", f.Step, []string{"", "patch", "minor", "major"}},
	} {
		ok := false
		for _, a := range v.allowed {
			ok = ok || a == v.value
		}
		if !ok {
			return usage("%s %q is unknown; use %s", v.option, v.value, strings.TrimPrefix(strings.Join(v.allowed, ", "), ", "))
		}
	}
	if f.EPSS != nil && !(*f.EPSS >= 0 && *f.EPSS <= 1) {
		return usage("--epss %v is not a probability; give 0 to 1", *f.EPSS)
	}
	return nil
}

func (c *cli) explainText(doc *explained, class policy.Class) string {
	const indent = "          "
	pg := c.page()
	what := doc.Facts.Package
	if v := doc.Vulnerability; v != nil {
		what += " " + doc.Version + ", " + v.ID
	}
	pg.line(bold, "%s: %s, by rule %s", what, doc.Decision.Class, doc.Decision.Rule)
	if v := doc.Vulnerability; v != nil {
		pg.wrapped(plain, indent, "what      %s", cmp.Or(v.Title, strings.Join(v.IDs, ", ")))
		severity := doc.Facts.Severity
		if v.SeverityFrom != "" {
			severity += " (" + v.SeverityFrom + ")"
		}
		pg.wrapped(plain, indent, "known     severity %s; %s; %s", severity, policy.KEVText(doc.Facts.KEV), policy.EPSSText(doc.Facts.EPSS))
		pg.wrapped(plain, indent, "fixed in  %s", cmp.Or(strings.Join(v.FixedIn, ", "), "no release the advisory names"))
	}
	if doc.Application != "" {
		pg.line(plain, "judged    by the policy of %s", doc.Application)
	}
	if !doc.Deadline.At.IsZero() {
		pg.line(plain, "deadline  %s", until(doc.Deadline.At, time.Now()))
		pg.wrapped(plain, indent, "because   %s", doc.Deadline.Rule)
	}
	for _, l := range doc.Deadline.Trace {
		if len(doc.Deadline.Trace) > 1 {
			pg.wrapped(plain, indent, "clock     %s from %s, %s: %s (%s)", l.Time, l.Clock, l.From.Format("2 Jan 2006 15:04Z"), l.At.Format("2 Jan 2006 15:04Z"), l.Rule)
		}
	}
	cooldown := "none"
	if doc.Cooldown.Time != "0m" {
		cooldown = doc.Cooldown.Time + " from the release of what is picked"
	}
	if doc.Cooldown.Rule != "" {
		cooldown += " (" + doc.Cooldown.Rule + ")"
	}
	pg.wrapped(plain, indent, "cooldown  %s", cooldown)
	pg.wrapped(plain, indent, "by        %s, branch %s", class.Method, class.Branch)
	pg.wrapped(plain, indent, "needs     %s", class.Approvals)
	pg.wrapped(plain, indent, "checks    %s", doc.Checks)
	pg.wrapped(plain, indent, "backup    %s", backupText(class.Backup))
	pg.wrapped(plain, indent, "window    %s: %s", doc.Window.Name, doc.Window.Times)
	pg.gap()
	pg.line(dim, "APPLIES  RULE, CLASS AND WHY")
	pg.trace(doc.Decision.Trace)
	return pg.b.String()
}

func (c explainedChecks) String() string {
	s := "in the dock " + strings.Join(c.Dock, ", ") + ", as far as the application has them"
	if c.Parallel {
		s += ", at the same time"
	}
	for i, k := range c.NotRun {
		if i == 0 {
			s += "; not run yet, for want of staging: "
		} else {
			s += ", "
		}
		s += string(k)
	}
	return s
}

func backupText(b policy.Backup) string {
	if b.Required {
		return b.String() + ", before production"
	}
	return b.String()
}

// trace tells every rule that was asked: no table, a reason cut short explains nothing.
func (p *page) trace(rules []policy.Verdict) {
	for _, v := range rules {
		mark, style := "no", dim
		if v.Applies {
			mark, style = "yes", plain
		}
		p.wrapped(style, "           ", "%-7s  %s (%s): %s", mark, v.Rule, orAny(v.Class), v.Why)
	}
}
