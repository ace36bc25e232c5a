package planner

import (
	"time"

	"github.com/drydock-dev/drydock/pkg/report"
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
func document(in *situation, res resolution, vs []verdict, ps []phase, tool report.Tool, advisories string) (*report.Plan, error) {
	p := &report.Plan{
		Schema: report.SchemaPlan, Tool: tool, Application: in.App, Timestamp: in.Now.UTC().Truncate(time.Second), AnalysisMode: "read_only_safe",
		Resolution: res.Kind, Phases: []report.Phase{}, Outcomes: []report.Outcome{}, Recommendations: report.Recommendations{NeverDo: neverDo},
		Incomplete: in.Incomplete,
		Inputs: report.Inputs{Inventory: in.Digest, Advisories: advisories, Index: res.Index, Policy: in.Policy.Digest(), Now: in.Now.UTC(),
			ExcludeNewer: in.Wishes.ExcludeNewer, Python: in.Wishes.Target.Python, Platform: in.Wishes.Target.Platform, Resolver: res.Resolver},
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
	p.ExitCode = exitCode(p.Outcomes, in.Complete)
	var err error
	p.Plan, err = digest(p, in.Inventories)
	return p, err
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
