package main

import (
	"cmp"
	"path/filepath"
	"regexp"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

func (c *cli) appShown(name string, o *appOptions) error {
	set, file, err := c.applications(o.file)
	if err != nil {
		return err
	}
	a, err := lookApp(set, file, name)
	if err != nil {
		return err
	}
	e, err := c.composed(a, o.repositoryFile, o.policy)
	if err != nil {
		return err
	}
	load, err := c.policy(cmp.Or(o.policy, c.cfg.Policy))
	if err != nil {
		return err
	}
	warnings := []strictyaml.Problem{}
	for _, w := range append(set.Warnings(), set.WarningsAgainst(load())...) {
		if w.Path == "applications."+name || len(w.Path) > len(name)+13 && w.Path[:len(name)+14] == "applications."+name+"." {
			warnings = append(warnings, w)
		}
	}
	if c.opt.format == "json" {
		return c.resultJSON(struct {
			Schema      string               `json:"schema"`
			Tool        report.Tool          `json:"tool"`
			ExitCode    int                  `json:"exit_code"`
			Application string               `json:"application"`
			File        string               `json:"file"`
			Digest      string               `json:"digest"`
			Repository  string               `json:"repository_file,omitempty"` // its digest
			Policy      string               `json:"policy"`
			Values      []application.Value  `json:"values"`
			Warnings    []strictyaml.Problem `json:"warnings"`
		}{"drydock.application/v1", c.tool(), 0, name, file, a.Digest(), e.Own.Digest(), e.Policy.Digest(), e.Values(), warnings})
	}
	p := c.page()
	p.line(bold, "%s", name)
	width := 0
	for _, v := range e.Values() {
		width = max(width, len(v.Path))
	}
	for _, v := range e.Values() {
		p.wrapped(plain, "    ", "%-*s  %s  (%s)", width, v.Path, v.Value, v.From)
	}
	c.warn(warnings)
	return c.result([]byte(p.b.String()))
}

func (c *cli) warn(warnings []strictyaml.Problem) {
	for _, w := range warnings {
		c.note("warning: %s", oneLine(w.String()))
	}
}

func (c *cli) appValidated(file string, o *appOptions) error {
	if file == "" {
		var err error
		if file, err = c.applicationsFile(o.file); err != nil {
			return err
		}
	}
	data, err := strictyaml.File("applications", file)
	if err != nil {
		return fileError(err)
	}
	if ofRepository(file, data) {
		return c.repositoryValidated(file, o)
	}
	if o.app != "" {
		return usage("--app says whose repository a %s is of; %s is the server's file", application.RepositoryFile, file)
	}
	set, err := application.ParseSet(file, data)
	if err != nil {
		return fileError(err)
	}
	load, err := c.policy(cmp.Or(o.policy, c.cfg.Policy))
	if err != nil {
		return err
	}
	if err := strictyaml.NewErrors(set.Against(load())); err != nil {
		return fileError(err)
	}
	warnings := append(set.Warnings(), set.WarningsAgainst(load())...)
	c.warn(warnings)
	return c.valid(file, "applications", set.Digest(), len(set.Names()), warnings)
}

// repositoryValidated checks a repository's file: with an application, that it does not loosen it either;
// without, that it does not loosen the policy.
func (c *cli) repositoryValidated(file string, o *appOptions) error {
	a := application.Application{Merge: application.MergePerson}
	if o.app != "" {
		set, at, err := c.applications(o.file)
		if err != nil {
			return err
		}
		if a, err = lookApp(set, at, o.app); err != nil {
			return err
		}
	} else {
		repo, err := readRepository(file)
		if err != nil {
			return err
		}
		a.Name = repo.Name
	}
	e, err := c.composed(a, file, o.policy)
	if err != nil {
		return err
	}
	return c.valid(file, "repository", e.Own.Digest(), 1, nil)
}

func (c *cli) valid(file, kind, digest string, applications int, warnings []strictyaml.Problem) error {
	if c.opt.format == "json" {
		return c.resultJSON(struct {
			Schema   string               `json:"schema"`
			Tool     report.Tool          `json:"tool"`
			ExitCode int                  `json:"exit_code"`
			File     string               `json:"file"`
			Kind     string               `json:"kind"` // applications, repository
			Digest   string               `json:"digest"`
			Warnings []strictyaml.Problem `json:"warnings"`
		}{"drydock.application-check/v1", c.tool(), 0, file, kind, digest, append([]strictyaml.Problem{}, warnings...)})
	}
	p := c.page()
	if kind == "repository" {
		p.whole("%s is a valid file of a repository, %s", file, digest)
	} else {
		p.whole("%s is valid: %s, %s", file, count(applications, "application"), digest)
	}
	return c.result([]byte(p.b.String()))
}

var serverKey, repositoryKey = regexp.MustCompile(`(?m)^["']?applications["']?[ \t]*:`), regexp.MustCompile(`(?m)^["']?(manifests|checks)["']?[ \t]*:|drydock\.repository/`)

// ofRepository tells the two files apart: by the name, else by what only one of them has.
func ofRepository(file string, data []byte) bool {
	switch filepath.Base(file) {
	case application.RepositoryFile, ".drydock.yml":
		return true
	case "applications.yaml":
		return false
	}
	return !serverKey.Match(data) && repositoryKey.Match(data)
}
