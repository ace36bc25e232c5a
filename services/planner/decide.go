package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
)

// pypi is the one ecosystem the first cut plans.
const pypi = "PyPI"

// writable are the kinds of sources updates are planned for. An environment has no manifest to change; its
// updates say what its next release must hold.
var writable = map[string]bool{"": true, "requirements": true, "environment": true}

// outcomeKey names a finding in a plan.
type outcomeKey struct{ pkg, version, source, vulnerability string }

func keyOf(o report.Outcome) outcomeKey {
	return outcomeKey{o.Package, o.Version, o.Source, o.Vulnerability}
}

// verdict is the outcome of one finding and, when it is planned, what decides its phase.
type verdict struct {
	report.Outcome
	finding  finding
	class    policy.ClassName
	deadline policy.Deadline
	answer   answer
}

// subjects are the packages a resolver must answer for: those with a finding that an update could fix.
func (in *situation) subjects() []subject {
	var out []subject
	for _, f := range in.Findings {
		if o := f.settled(); o.Outcome == "" {
			out = append(out, f.subject())
		}
	}
	slices.SortFunc(out, func(a, b subject) int {
		return cmp.Or(cmp.Compare(a.Package, b.Package), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Within, b.Within), compareBool(a.Hashed, b.Hashed))
	})
	return slices.Compact(out)
}

func (f finding) subject() subject {
	return subject{Ecosystem: f.Ecosystem, Package: f.Package, Version: f.Version, Hashed: f.Hashed, Within: f.Within}
}

// settled is the outcome of a finding whose answer no resolver can change; empty otherwise.
func (f finding) settled() report.Outcome {
	o := report.Outcome{Package: f.Package, Version: f.Version, Source: f.Source, Vulnerability: f.Vulnerability}
	set := func(outcome, format string, args ...any) report.Outcome {
		o.Outcome, o.Detail = outcome, fmt.Sprintf(format, args...)
		return o
	}
	switch {
	case !f.Seen:
		return set(report.OutcomeError, "found before; the newest scan could not tell whether it is still there")
	case f.Active == pep508.Untrue:
		return set(report.NotAffected, "its marker %s excludes it on the target", printable(f.Marker))
	case f.Ecosystem != pypi:
		return set(report.Unsupported, "updates are planned for PyPI packages only, this one is of %s", printable(f.Ecosystem))
	case !writable[f.SourceKind]:
		return set(report.Unsupported, "stands in a source of kind %s, which is not written back yet", printable(f.SourceKind))
	case f.Ref != "":
		return set(report.Unsupported, "required from %s: only its owner can move it", printable(f.Ref))
	case f.Pin == inventory.None:
		return set(report.Unsupported, "not pinned: there is no version to move from")
	case f.Pin != inventory.Exact:
		return set(report.Unsupported, "required by a range: which version is installed can't be told from the text")
	}
	return o
}

// decide gives every finding exactly one outcome (I5), open ones first, then those that are gone.
func decide(in *situation, res resolution) []verdict {
	var out []verdict
	for _, f := range in.Findings {
		v := verdict{Outcome: f.settled(), finding: f}
		if v.Outcome.Outcome == "" {
			v.answer = res.Answers[f.subject()]
			v.Outcome = f.answered(v.Outcome, v.answer, in.Wishes)
		}
		if v.Outcome.Outcome == report.Planned {
			in.urgency(&v)
		} else {
			in.remember(&v)
		}
		out = append(out, v)
	}
	for _, g := range in.Gone {
		o := report.Outcome{Package: g.Package, Version: g.Version, Source: g.Source, Vulnerability: g.Vulnerability,
			Outcome: report.Fixed, Detail: "no longer there since " + minute(g.ClosedAt)}
		if g.ClosedReason == events.ClosedWithdrawn {
			o.Outcome, o.Detail = report.NotAffected, "the advisory no longer covers it since "+minute(g.ClosedAt)
		}
		out = append(out, verdict{Outcome: o})
	}
	return unique(out)
}

// unique keeps one outcome for each finding as programs name it, the open one before the one that is gone.
func unique(vs []verdict) []verdict {
	seen := map[outcomeKey]bool{}
	out := vs[:0]
	for _, v := range vs {
		if k := keyOf(v.Outcome); !seen[k] {
			seen[k] = true
			out = append(out, v)
		}
	}
	slices.SortStableFunc(out, func(a, b verdict) int {
		return cmp.Or(cmp.Compare(a.Package, b.Package), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Vulnerability, b.Vulnerability))
	})
	return out
}

// urgency finds class and deadline. A deadline told before is kept where it was earlier and the finding is
// judged as it was then: news of the index alone never loosens one.
func (in *situation) urgency(v *verdict) {
	f := v.finding
	facts := f.facts(v.answer.Step)
	v.class = in.Policy.Classify(facts).Class
	v.deadline = in.Policy.Deadline(facts, policy.Clocks{Detected: f.Detected, FixPublished: v.answer.To.Released})
	if old, ok := in.Told[keyOf(v.Outcome)]; ok && sameRule(old.DeadlineRule, v.deadline.Rule) {
		v.deadline = policy.Tighten(policy.Deadline{At: *old.Deadline, Rule: old.DeadlineRule}, v.deadline)
	}
	v.Phase = string(v.class)
	if !in.Provisional {
		v.Outcome.Deadline, v.Outcome.DeadlineRule = &v.deadline.At, v.deadline.Rule
	}
}

// remember keeps the deadline told for a finding that this plan cannot fix: an index that is away for an hour,
// or a fix taken back, must not let the next plan count anew.
func (in *situation) remember(v *verdict) {
	old, ok := in.Told[keyOf(v.Outcome)]
	if !ok || in.Provisional {
		return
	}
	now := in.Policy.Deadline(v.finding.facts(""), policy.Clocks{Detected: v.finding.Detected})
	if sameRule(old.DeadlineRule, now.Rule) {
		v.Outcome.Deadline, v.Outcome.DeadlineRule = old.Deadline, old.DeadlineRule
	}
}

// facts are what the policy judges the finding by.
func (f finding) facts(step string) policy.Facts {
	return policy.Facts{Package: f.Package, Ecosystem: f.Ecosystem, Finding: true, Kind: f.Kind, Severity: f.Severity, KEV: f.KEV, EPSS: f.EPSS, Step: step}
}

// sameRule reports whether two deadlines were set by the same rule of the same class, on whichever clock.
func sameRule(a, b string) bool {
	classA, _, _ := strings.Cut(a, ":")
	classB, _, _ := strings.Cut(b, ":")
	return classA == classB && a[strings.LastIndexByte(a, '(')+1:] == b[strings.LastIndexByte(b, '(')+1:]
}

// answered turns the resolver's answer into the finding's outcome.
func (f finding) answered(o report.Outcome, a answer, w wishes) report.Outcome {
	switch {
	case a.Unknown:
		o.Outcome, o.Detail = report.NoFixPublished, "the index does not know the package"
	case a.Unreachable:
		o.Outcome, o.Detail = report.OutcomeError, printable(a.Err.Error())
	case a.Err != nil && strings.TrimSpace(f.Version) != "" && isVersionError(a.Err):
		o.Outcome, o.Detail = report.Unsupported, fmt.Sprintf("version %s can't be ordered (PEP 440)", printable(f.Version))
	case a.Err != nil:
		o.Outcome, o.Detail = report.OutcomeError, printable(a.Err.Error())
	case a.To != nil:
		o.Outcome, o.Detail = report.Planned, fmt.Sprintf("%s %s to %s, the lowest version no advisory hits", f.Package, f.Version, a.To.Version)
	case a.Labelled:
		o.Outcome, o.Detail = report.Unsupported, fmt.Sprintf("the index does not offer builds with the label of %s", printable(f.Version))
	default:
		f.unfixed(&o, a, w)
	}
	return o
}

// unfixed says why nothing can be picked: what fixes this finding and is held back (blocked), else what
// there is instead of a fix.
func (f finding) unfixed(o *report.Outcome, a answer, w wishes) {
	var fixes []rejection
	for _, r := range a.Rejected {
		if !slices.ContainsFunc(r.Hits, func(h advisory.Hit) bool { return sameVulnerability(f.Vulnerability, f.IDs, h) }) {
			fixes = append(fixes, r)
		}
	}
	if r, ok := only(fixes, whyPython); ok {
		o.Outcome = report.Blocked
		o.Detail = fmt.Sprintf("%s %s fixes it", f.Package, r.Version)
		o.Chain = []string{fmt.Sprintf("%s %s requires Python %s, target is %s", f.Package, r.Version, printable(r.Requires), w.Target.Python)}
		return
	}
	if r, ok := only(fixes, whyRange); ok {
		o.Outcome = report.Blocked
		o.Detail = fmt.Sprintf("%s %s fixes it", f.Package, r.Version)
		o.Chain = []string{fmt.Sprintf("%s requires %s%s", printable(f.Source), f.Package, printable(f.Within))}
		return
	}
	if r, ok := only(fixes, whyHit); ok {
		o.Outcome = report.Blocked
		o.Detail = fmt.Sprintf("%s %s fixes it, but no release above %s that may be picked is free of every advisory", f.Package, r.Version, f.Version)
		o.Chain = []string{fmt.Sprintf("%s %s is hit by %s", f.Package, r.Version, hitNames(r.Hits))}
		return
	}
	o.Outcome = report.NoFixPublished
	switch {
	case len(a.Rejected) == 0:
		o.Detail = fmt.Sprintf("%s is the newest release the index offers", f.Version)
	case len(fixes) == 0:
		o.Detail = fmt.Sprintf("all %s above %s are hit by it", count(len(a.Rejected), "release", "releases"), f.Version)
		if len(a.Rejected) == 1 {
			o.Detail = fmt.Sprintf("%s %s, the only release above, is hit by it", f.Package, a.Rejected[0].Version)
		}
	default:
		o.Detail = tellAll(fixes, f.Package, w.Target)
	}
}

// only finds the lowest release that is rejected for nothing but w.
func only(rs []rejection, w why) (rejection, bool) {
	for _, r := range rs {
		if len(r.Whys) == 1 && r.Whys[0] == w {
			return r, true
		}
	}
	return rejection{}, false
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
