package planner

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/uv"
)

// neverDo are the rules of the customer's own strategy (seeds: "Example Output", "DON'T"), printed with
// every plan.
var neverDo = []string{
	"NEVER run pip install --upgrade on live production",
	"NEVER update packages directly on running application",
	"NEVER skip testing phases for security updates",
	"NEVER deploy without proper validation",
	"NEVER ignore security vulnerabilities",
	"NEVER bypass CI/CD pipelines for convenience",
}

// document assembles the plan.
func document(in *situation, answers []solved, vs []verdict, ps []phase, tool report.Tool, advisories string) (*report.Plan, error) {
	p := &report.Plan{
		Schema: report.SchemaPlan, Tool: tool, Application: in.App, Timestamp: in.Now.UTC().Truncate(time.Second), AnalysisMode: "read_only_safe",
		Resolution: jointKind, Phases: []report.Phase{}, Outcomes: []report.Outcome{}, Recommendations: report.Recommendations{NeverDo: neverDo},
		Incomplete: in.Incomplete, Notes: notes(in, answers),
		Inputs: report.Inputs{Inventory: in.Digest, Advisories: advisories, Index: indexDigest(pages(answers)), Policy: in.Policy.Digest(), Now: in.Now.UTC(),
			ExcludeNewer: in.Wishes.ExcludeNewer, Python: in.Wishes.Target.Python, Platform: in.Wishes.Target.Platform,
			Machine: in.Wishes.Target.Machine, Resolver: resolverName, Full: in.Wishes.Full,
			Rejections: in.rejections(),
			Waivers:    in.Exceptions.Waivers.Digest(), Freezes: in.Exceptions.Freezes.Digest(), VEX: in.Exceptions.VEX.Digest()},
	}
	for _, f := range in.Findings {
		if f.Seen {
			p.Vulnerabilities++
		}
	}
	for _, ph := range ps {
		p.Phases = append(p.Phases, ph.Phase)
	}
	for _, v := range vs {
		p.Outcomes = append(p.Outcomes, v.Outcome)
	}
	p.Undetermined = slices.ContainsFunc(answers, func(a solved) bool { return len(a.Open)+len(a.Bare)+len(a.Foreign)+len(a.Broken) > 0 })
	p.ExitCode = exitCode(p.Outcomes, in.Complete && !p.Undetermined)
	var err error
	p.Plan, err = digest(p, in.Inventories)
	return p, err
}

// resolverName is the resolver as the inputs of a plan name it.
const resolverName = "uv " + uv.Version

// jointKind says that what is planned was proved to install together.
const jointKind = "joint"

// pages are the digests of all index pages that answers rest on.
func pages(answers []solved) map[string]string {
	out := map[string]string{}
	for _, a := range answers {
		maps.Copy(out, a.Pages)
	}
	return out
}

// notes are what a reader must know: deadlines that a freeze endangers, and what the resolution could not take
// into account.
func notes(in *situation, answers []solved) []string {
	out := slices.Clone(in.Warnings)
	for i, e := range in.Envs {
		out = append(out, e.Conflicts...)
		for _, b := range answers[i].Broken {
			out = append(out, fmt.Sprintf("%s contradicts itself before any change: %s", e.Name, b))
		}
		for _, u := range slices.Concat(answers[i].Bare, answers[i].Foreign, answers[i].Unknown, answers[i].Open) {
			out = append(out, fmt.Sprintf("%s: %s", e.Name, u))
		}
		out = append(out, e.Left...) // each names its line
	}
	return once(out)
}

// nobodyKnown reports that the index knows none of the packages asked for.
func (a solved) nobodyKnown() bool {
	for _, f := range a.Fates {
		if f.Kind != fateUnknown {
			return false
		}
	}
	return true
}

// once leaves out what was said before: environments that exclude each other say the same of one another.
func once(all []string) []string {
	said := map[string]bool{}
	return slices.DeleteFunc(all, func(s string) bool {
		again := said[s]
		said[s] = true
		return again
	})
}

// exitCode is that of `drydock plan` (docs/formats.md): 1 beats 2 beats 0.
func exitCode(outcomes []report.Outcome, complete bool) int {
	code := report.ExitOK
	if !complete {
		code = report.ExitIncomplete
	}
	for _, o := range outcomes {
		switch o.Outcome {
		case report.Blocked, report.NoFixPublished, report.CoolingDown, report.Frozen:
			return report.ExitFindings
		case report.OutcomeError, report.Unsupported:
			code = report.ExitIncomplete
		}
	}
	return code
}
