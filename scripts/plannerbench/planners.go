package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// finding is a vulnerability of a package version, by all its names.
type finding struct {
	Package, Version, Source, Vulnerability, Kind string
	IDs                                           []string
}

// proposal is what a planner made of an application.
type proposal struct {
	dir       string              // the application with its changes
	run       outcome             // of the planner
	explained []finding           // findings it says something definite about
	leaves    map[string][]string // package → vulnerabilities it says will stay; "*" for all of the package
	outcomes  map[string]string   // vulnerability → outcome, for Drydock
	remarks   []string
}

// scan lists the findings of a folder, or of what is installed in an environment.
func (b *bench) scan(ctx context.Context, path, db string, environment bool) ([]finding, error) {
	args := []string{"scan", path, "--db", db, "--format", "json", "--fail-on", "none"}
	if environment {
		args = append(args, "--environment")
	}
	o, err := b.run(ctx, b.work, nil, b.drydock, args...)
	if err != nil {
		return nil, err
	}
	var doc struct{ Findings []finding }
	if err := json.Unmarshal([]byte(o.stdout), &doc); err != nil {
		return nil, fmt.Errorf("scan %s: exit %d: %s", filepath.Base(path), o.code, o.lastLine())
	}
	return doc.Findings, nil
}

// plan is the part of Drydock's plan that is judged.
type plan struct {
	Outcomes []struct {
		Package, Version, Source, Vulnerability, Outcome, Detail string
		Chain                                                    []string
	}
	Phases []struct{ Class string } `json:"deployment_phases"`
}

// askDrydock plans and lays the changed manifests over a copy of the application.
func (b *bench) askDrydock(ctx context.Context, s *situation, st stage, before []finding) (*proposal, error) {
	p := &proposal{dir: filepath.Join(st.dir, "drydock"), leaves: map[string][]string{}, outcomes: map[string]string{}}
	out := filepath.Join(st.dir, "plan")
	if err := s.copyApp(p.dir, st.root); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(out); err != nil {
		return nil, err
	}
	args := []string{"plan", filepath.Join(st.dir, "app"), "--app", s.name, "--db", st.db, "--index-url", st.root + "simple/",
		"--now", s.Now.Format("2006-01-02T15:04:05Z"), "--python", b.version, "--out-dir", out, "--format", "json"}
	o, err := b.run(ctx, b.work, []string{"DRYDOCK_UV=" + b.uv}, b.drydock, args...)
	if err != nil {
		return nil, err
	}
	p.run = o
	var doc plan
	if err := json.Unmarshal([]byte(o.stdout), &doc); err != nil {
		p.remarks = append(p.remarks, fmt.Sprintf("exit %d: %s", o.code, o.lastLine()))
		return p, nil
	}
	for _, f := range before {
		for _, x := range doc.Outcomes {
			if x.Package != f.Package || x.Version != f.Version || x.Source != f.Source || x.Vulnerability != f.Vulnerability {
				continue
			}
			if x.Outcome == "planned" || x.Detail != "" || len(x.Chain) > 0 {
				p.explained = append(p.explained, f)
			}
		}
	}
	for _, x := range doc.Outcomes {
		if old := p.outcomes[x.Vulnerability]; old == "" || old == "planned" {
			p.outcomes[x.Vulnerability] = x.Outcome
		}
		if x.Outcome != "planned" && x.Outcome != "fixed" {
			p.leaves[x.Package] = append(p.leaves[x.Package], x.Vulnerability)
		}
	}
	return p, overlay(filepath.Join(out, "updated"), p.dir)
}

// audit is what pip-audit writes with --format json.
type audit struct {
	Dependencies []struct {
		Name, Version string
		Vulns         []struct {
			ID      string
			Aliases []string
		}
	}
	Fixes []struct {
		Name   string
		Reason string `json:"skip_reason"`
	}
}

// askPipAudit lets pip-audit fix a copy of the application in place.
func (b *bench) askPipAudit(ctx context.Context, s *situation, st stage, before []finding) (*proposal, error) {
	p := &proposal{dir: filepath.Join(st.dir, "pip-audit"), leaves: map[string][]string{}}
	if err := s.copyApp(p.dir, st.root); err != nil {
		return nil, err
	}
	report := filepath.Join(st.dir, "pip-audit.json")
	o, err := b.runPipAudit(ctx, s, st, p.dir, report)
	if err != nil {
		return nil, err
	}
	p.run = o
	var doc audit
	data, err := os.ReadFile(report)
	if err == nil {
		err = json.Unmarshal(data, &doc)
	}
	if err != nil {
		p.remarks = append(p.remarks, fmt.Sprintf("exit %d: %s", o.code, pipComplaint(o)))
		return p, nil
	}
	answered := map[string]bool{}
	for _, f := range doc.Fixes {
		answered[f.Name] = true
		if f.Reason != "" {
			p.leaves[f.Name] = append(p.leaves[f.Name], "*")
		}
	}
	for _, d := range doc.Dependencies {
		for _, v := range d.Vulns {
			names := append([]string{v.ID}, v.Aliases...)
			for _, f := range before {
				if f.Package == d.Name && answered[d.Name] && slices.ContainsFunc(f.IDs, func(id string) bool { return slices.Contains(names, id) }) &&
					!slices.ContainsFunc(p.explained, func(e finding) bool {
						return e.Package == f.Package && e.Version == f.Version && e.Source == f.Source && e.Vulnerability == f.Vulnerability
					}) {
					p.explained = append(p.explained, f)
				}
			}
		}
	}
	return p, nil
}

func (b *bench) runPipAudit(ctx context.Context, s *situation, st stage, dir, report string) (outcome, error) {
	if err := os.Remove(report); err != nil && !errors.Is(err, os.ErrNotExist) {
		return outcome{}, err
	}
	args := []string{"-m", "pip_audit", "--vulnerability-service", "osv", "--osv-url", st.root + "v1/query", "--fix",
		"--format", "json", "--output", report, "--progress-spinner", "off", "--cache-dir", filepath.Join(b.work, "home", "cache", "pip-audit")}
	for _, f := range s.Files {
		args = append(args, "--requirement", f)
	}
	return b.run(ctx, dir, []string{"PIP_INDEX_URL=" + st.root + "simple/"}, filepath.Join(b.tools, "bin", "python"), args...)
}

// pipComplaint is the line of pip or pip-audit that says what is wrong.
func pipComplaint(o outcome) string {
	lines := strings.Split(strings.ReplaceAll(o.stderr, `\n`, "\n"), "\n")
	for _, l := range lines {
		if i := strings.Index(l, "ERROR:"); i >= 0 && !strings.Contains(l, "internal pip failure: ERROR: Exception") {
			if l = strings.TrimSpace(l[i+len("ERROR:"):]); l != "" && !strings.HasPrefix(l, "pip_audit") {
				return clip(l)
			}
		}
	}
	return clip(o.lastLine())
}

func clip(s string) string {
	s = strings.TrimSpace(s)
	if r := []rune(s); len(r) > 160 {
		return string(r[:159]) + "…"
	}
	return s
}
