package application

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/policy"
)

// Values are all settings that count, in the order of the reference, each with where it comes from.
func (e Effective) Values() []Value {
	v := &values{e: e}
	v.own("repository", e.Repository)
	v.own("path", e.Path)
	v.own("base", or(e.Base, "the repository's own (HEAD)"))
	v.own("owners", or(strings.Join(e.Owners, ", "), "none"))
	v.add("merge", string(e.Merge), or(e.from["merge"], e.origin("merge")))
	v.add("isolation", string(e.Isolation), e.from["isolation"])
	v.own("notify", or(strings.Join(e.Notify, ", "), "none"))
	if h := e.BeforeUpdate.Health; h != nil {
		v.own("before_update.health.command", h.Command.String())
		v.own("before_update.health.dir", or(h.Dir, "an empty folder"))
		v.own("before_update.health.timeout", h.Timeout.String())
	} else {
		v.own("before_update.health", "none")
	}
	if b := e.BeforeUpdate.Backup; b != nil {
		v.own("before_update.backup.command", b.Command.String())
		v.own("before_update.backup.dir", or(b.Dir, "an empty folder"))
		v.own("before_update.backup.timeout", b.Timeout.String())
		v.own("before_update.backup.max_age", b.MaxAge.String())
	} else {
		v.own("before_update.backup", "none")
	}
	if len(e.Environments) == 0 {
		v.own("environments", "none")
	}
	for _, name := range e.EnvironmentNames() {
		v.environment("environments."+name, e.Environments[name])
	}
	v.theirs("manifests", or(strings.Join(e.Own.Manifests, ", "), "all that are found"))
	for _, k := range []struct {
		name  string
		check *Check
	}{{"tests", e.Checks.Tests}, {"security", e.Checks.Security}, {"smoke", e.Checks.Smoke}} {
		v.check("checks."+k.name, k.check)
	}
	if e.Own.policy != nil && e.Policy != e.served {
		v.add("policy", "tightened, "+e.Policy.Digest(), e.Own.at("policy"))
	}
	return v.list
}

type values struct {
	e    Effective
	list []Value
}

func (v *values) add(path, value, from string) { v.list = append(v.list, Value{path, value, from}) }

func (v *values) own(path, value string) { v.add(path, value, v.e.origin(path)) }

// theirs is a setting of the repository's file.
func (v *values) theirs(path, value string) {
	r := v.e.Own
	from := "default"
	if r.lines != nil {
		if line, ok := r.lines.At(path); ok {
			from = fmt.Sprintf("%s:%d", r.File, line)
		}
	}
	v.add(path, value, from)
}

func (v *values) environment(at string, e Environment) {
	v.own(at+".driver", string(e.Driver))
	for _, name := range slices.Sorted(maps.Keys(e.Commands)) {
		v.own(at+".commands."+name, e.Commands[name].String())
	}
	v.own(at+".health", or(e.Health, "none"))
	if e.Approvals.Count > 0 {
		v.own(at+".approvals", "at least "+policy.Approvals(e.Approvals).String())
	} else {
		v.own(at+".approvals", "those of the class")
	}
	v.own(at+".window", or(e.Window, "that of the class"))
}

func (v *values) check(at string, k *Check) {
	switch {
	case k == nil:
		v.theirs(at, "none")
		return
	case k.IfTests:
		v.theirs(at+".command", k.Command.String()+", where there are tests")
	default:
		v.theirs(at+".command", k.Command.String())
	}
	v.theirs(at+".timeout", k.Timeout.String())
	if k.Dir != "" {
		v.theirs(at+".dir", k.Dir)
	}
	for _, name := range slices.Sorted(maps.Keys(k.Environment)) {
		v.theirs(at+".environment."+name, k.Environment[name])
	}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
