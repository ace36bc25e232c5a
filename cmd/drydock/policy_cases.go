package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

// lookUp finds what the advisory database says of one vulnerability in one version.
func (c *cli) lookUp(db, ecosystem, name, version, id string) (advisory.Hit, error) {
	d, err := c.openDatabases(db, time.Now)
	if err != nil {
		return advisory.Hit{}, err
	}
	defer d.close()
	none := advisory.Hit{}
	if d.inUse == nil {
		return none, noDatabase(ecosystem)
	}
	hits, err := d.inUse.Match(ecosystem, name, version)
	is := func(one string, ids []string) bool {
		return slices.ContainsFunc(append([]string{one}, ids...), func(s string) bool { return strings.EqualFold(s, id) })
	}
	for _, h := range hits {
		if is(h.ID, h.IDs) {
			return h, nil // found by its very text, if the version can't be read
		}
	}
	switch {
	case errors.Is(err, advisory.ErrEcosystem):
		return none, usage("--ecosystem %q is not one Drydock judges; use %s", ecosystem, strings.Join(advisory.Ecosystems(), ", "))
	case errors.Is(err, advisory.ErrNoDatabase):
		return none, noDatabase(ecosystem)
	case err != nil && !errors.Is(err, advisory.ErrVersion):
		return none, surroundings("look %s up in the advisory database: %w", id, err)
	}
	unread := err
	known, err := d.inUse.Known(ecosystem, name)
	if err != nil {
		return none, surroundings("look %s up in the advisory database: %w", id, err)
	}
	var others []string
	for _, k := range known {
		if is(k.ID, k.IDs) {
			if unread != nil {
				return none, usage("%s %s: the version can't be read, so nobody can say whether %s hits it; it hits %s", name, version, k.ID, ranges(k.Versions))
			}
			return none, usage("%s does not hit %s %s; it hits %s", k.ID, name, version, ranges(k.Versions))
		}
		others = append(others, k.ID)
	}
	if len(others) == 0 {
		return none, usage("there is no %s of %s in the advisory database, nor anything else of that package; check the name and `drydock db info`", id, name)
	}
	const shown = 8
	if n := len(others); n > shown {
		others = append(others[:shown:shown], fmt.Sprintf("%d more", n-shown))
	}
	return none, usage("there is no %s of %s in the advisory database; of that package it knows %s", id, name, strings.Join(others, ", "))
}

func ranges(versions []string) string {
	if len(versions) == 0 {
		return "no version the database could read"
	}
	return strings.Join(versions, "; ")
}

func noDatabase(ecosystem string) error {
	return surroundings("there is no advisory database for %s; get it with `drydock db update`, or name one with --db", ecosystem)
}

// tested is `drydock policy test --format json`.
type tested struct {
	Schema   string              `json:"schema"`
	Tool     report.Tool         `json:"tool"`
	ExitCode int                 `json:"exit_code"`
	Policy   string              `json:"policy"`
	Passed   int                 `json:"passed"`
	Failed   int                 `json:"failed"`
	Cases    []policy.CaseResult `json:"cases"` // in the order of the file
}

func (c *cli) policyTest() *cobra.Command {
	var file, db string
	cmd := &cobra.Command{Use: "test FILE", Short: "Run your own cases against the policy, in CI: findings and the class, deadline, cooldown, approvals they must get", Args: exactArgs("FILE"),
		Long: `Judges each case of FILE by the policy and compares what comes out with what is expected. Exit 0
when all cases pass, 1 when one fails, 3 when FILE or the policy is wrong.

  cases:
  - name: a cookie leak in our web framework is gone within a week
    package: flask
    severity: high
    expect: {class: framework, deadline: 7d, approvals: {count: 1}}

A case may give an inventory (pins) instead of facts; what hits it is looked up in the advisory
database. docs/policy.md lists the fields.`,
		RunE: func(cmd *cobra.Command, args []string) error { return c.runCases(cmd.Context(), args[0], file, db) }}
	cmd.Flags().StringVar(&file, "policy", "", "policy `FILE` laid over the built-in one; default the policy in force")
	cmd.Flags().StringVar(&db, "db", "", "advisory database `DIR` for cases with an inventory; default the one in the data directory")
	return cmd
}

func (c *cli) runCases(ctx context.Context, path, file, db string) error {
	data, err := strictyaml.File("cases", path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return surroundings("read cases %s: there is no such file; check the path", path)
	case err != nil:
		return &exitError{report.ExitEnvironment, err}
	}
	cases, err := policy.ReadCases(path, data)
	if err != nil {
		return &exitError{report.ExitUsage, err}
	}
	p, err := c.policyFor(ctx, file)
	if err != nil {
		return err
	}
	f := finder{c: c, dir: db}
	defer f.close()
	results, err := cases.Run(p, f.find)
	if err != nil {
		return err
	}
	doc := tested{Schema: "drydock.policy-test/v1", Tool: c.tool(), Policy: p.Digest(), Cases: results}
	for _, r := range results {
		if r.Passed {
			doc.Passed++
		} else {
			doc.Failed++
		}
	}
	if doc.Failed > 0 {
		doc.ExitCode = report.ExitFindings
	}
	if c.opt.format == "json" {
		err = c.resultJSON(doc)
	} else {
		err = c.result([]byte(c.casesText(&doc)))
	}
	if err != nil {
		return err
	}
	return exitWith(doc.ExitCode)
}

// finder looks pins up in a database that is opened when the first case asks.
type finder struct {
	c   *cli
	dir string
	db  *databases
}

func (f *finder) find(ecosystem, name, version string) ([]policy.Found, error) {
	if f.db == nil {
		d, err := f.c.openDatabases(f.dir, time.Now)
		if err != nil {
			return nil, err
		}
		f.db = d
	}
	if f.db.inUse == nil {
		return nil, noDatabase(ecosystem)
	}
	hits, err := f.db.inUse.Match(ecosystem, name, version)
	switch {
	case errors.Is(err, advisory.ErrEcosystem):
		return nil, usage("ecosystem %q is not one Drydock judges; use %s", ecosystem, strings.Join(advisory.Ecosystems(), ", "))
	case errors.Is(err, advisory.ErrNoDatabase):
		return nil, noDatabase(ecosystem)
	case errors.Is(err, advisory.ErrVersion):
		return nil, usage("%w", err)
	case err != nil:
		return nil, surroundings("look %s %s up in the advisory database: %w", name, version, err)
	}
	out := make([]policy.Found, len(hits))
	for i, h := range hits {
		out[i] = policy.Found{ID: h.ID, IDs: h.IDs, Facts: policy.Facts{Package: name, Ecosystem: ecosystem, Finding: true, Kind: h.Kind, Severity: h.Severity, KEV: h.KEV, EPSS: h.EPSS}}
	}
	return out, nil
}

func (f *finder) close() {
	if f.db != nil {
		f.db.close()
	}
}

func (c *cli) casesText(doc *tested) string {
	pg := c.page()
	for _, r := range doc.Cases {
		if r.Passed {
			pg.wrapped(plain, "      ", "ok    %s", r.Name)
			continue
		}
		pg.wrapped(bold, "      ", "FAIL  %s", r.Name)
		for _, d := range r.Differences {
			pg.wrapped(plain, "                 ", "      %-9s  expected %s, found %s", d.Field, d.Expected, d.Found)
		}
		if j := r.Decided; j != nil {
			pg.wrapped(dim, "                 ", "      judged     %s", strings.TrimPrefix(j.Vulnerability+" in "+j.Facts.String(), " in "))
			for _, v := range j.Trace {
				if v.Applies {
					pg.wrapped(dim, "                 ", "      applies    %s (%s): %s", v.Rule, orAny(v.Class), v.Why)
				} else {
					pg.wrapped(dim, "                 ", "      not        %s (%s): %s", v.Rule, orAny(v.Class), v.Why)
				}
			}
		}
	}
	pg.line(plain, "%s, %d failed", count(len(doc.Cases), "case"), doc.Failed)
	return pg.b.String()
}

func orAny(class policy.ClassName) string {
	if class == "" {
		return "any class"
	}
	return string(class)
}
