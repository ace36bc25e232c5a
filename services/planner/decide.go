package planner

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/planner/resolution"
)

// pypi is the one ecosystem the first cut plans.
const pypi = "PyPI"

// writable are the kinds of sources updates are planned for. An environment has no manifest to change; its
// updates say what its next release must hold.
var writable = map[string]bool{"": true, "requirements": true, "environment": true, "uv-lock": true, "pyproject": true}

// outcomeKey names a finding in a plan.
type outcomeKey struct{ pkg, version, source, vulnerability string }

func keyOf(o report.Outcome) outcomeKey {
	return outcomeKey{o.Package, o.Version, o.Source, o.Vulnerability}
}

// verdict is the outcome of one finding and, when it is planned, what decides its phase.
type verdict struct {
	report.Outcome
	finding  finding
	env      int // index of its environment; -1: none
	moved    *move
	deadline policy.Deadline
	fate     fate
}

// tasks are what a resolver must answer for: each environment with the packages that an update could free of
// their findings.
func (in *situation) tasks() []task {
	out := make([]task, len(in.Envs))
	for i, e := range in.Envs {
		t := task{Hashed: e.Hashed, Bounds: e.Bounds, Floating: e.Floating, Wants: in.wants(i), Holds: in.Holds[i], Routine: in.Policy.RoutineCooldown(), Wishes: in.Wishes}
		for _, r := range e.Floating {
			t.Floats = append(t.Floats, r.String())
		}
		for _, p := range e.Pins {
			tp := taskPin{Package: p.Package, Version: p.Version, Extras: p.Extras, Allowed: p.Allowed, Stated: statedOn(p.Lines)}
			if e.Twice[p.Package] != nil {
				tp.Stays = "it is pinned to several versions" // whichever is installed: what it requires is not known
			}
			tp.Allowed = append(slices.Clone(p.Allowed), in.fixed(p)...)
			t.Pins = append(t.Pins, tp)
		}
		if in.Wishes.Full {
			t.Updates = in.updateClasses(e)
		}
		out[i] = t
	}
	return out
}

// wants are the packages of an environment with findings to fix, each in the most urgent class among them and
// with the shortest cooldown any of them allows.
func (in *situation) wants(env int) []want {
	found := map[string]want{}
	for _, f := range in.Findings {
		if in.envOf(f) != env || in.settled(f).Outcome != "" {
			continue
		}
		facts := f.facts()
		class := in.Policy.Classify(facts).Class
		cooldown, rule := in.Policy.CooldownFor(facts)
		w, ok := found[f.Package]
		if !ok {
			w = want{Package: f.Package, Class: class, Cooldown: cooldown, Rule: rule}
		}
		if policy.Rank(class) < policy.Rank(w.Class) {
			w.Class = class
		}
		if cooldown < w.Cooldown {
			w.Cooldown, w.Rule = cooldown, rule
		}
		found[f.Package] = w
	}
	out := slices.Collect(maps.Values(found))
	slices.SortFunc(out, func(a, b want) int {
		return cmp.Or(cmp.Compare(policy.Rank(a.Class), policy.Rank(b.Class)), cmp.Compare(a.Package, b.Package))
	})
	return out
}

// updateClasses are the classes of updates that fix nothing known.
func (in *situation) updateClasses(e environment) map[string]byStep {
	out := map[string]byStep{}
	for _, p := range e.Pins {
		if len(in.fixed(p)) > 0 {
			continue
		}
		steps := byStep{}
		for _, step := range []string{"patch", "minor", "major"} {
			steps[step] = in.Policy.Classify(policy.Facts{Package: p.Package, Ecosystem: pypi, Step: step}).Class
		}
		out[p.Package] = steps
	}
	return out
}

// fixed says of a pin in a file that can't be written that only its version is allowed: nothing else may move it.
func (in *situation) fixed(p pin) []resolution.Bound {
	var out []resolution.Bound
	for _, l := range p.Lines {
		if _, err := pep440.Parse(p.Version); err == nil && in.Unwritable[l.Source] != "" {
			by := l.Source
			if l.Line > 0 {
				by = fmt.Sprintf("%s:%d", l.Source, l.Line)
			}
			out = append(out, resolution.Bound{Specifier: "==" + p.Version, By: by})
		}
	}
	return out
}

// envOf is the environment a finding belongs to; -1: none.
func (in *situation) envOf(f finding) int {
	return slices.IndexFunc(in.Envs, func(e environment) bool { return slices.Contains(e.Scopes, f.Scope) })
}

// settled is the outcome of a finding whose answer no resolver can change; empty otherwise.
func (in *situation) settled(f finding) report.Outcome {
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
	}
	if decided, ok := in.Exceptions.answered(in.App, f, in.Now, o); ok {
		return decided
	}
	switch {
	case f.Ecosystem != pypi:
		return set(report.Unsupported, "updates are planned for PyPI packages only, this one is of %s", printable(f.Ecosystem))
	case in.Unwritable[f.Source] != "":
		return set(report.Unsupported, "%s", in.Unwritable[f.Source])
	case !writable[f.SourceKind]:
		return set(report.Unsupported, "stands in a source of kind %s, which is not written back yet", printable(f.SourceKind))
	case f.Ref != "":
		return set(report.Unsupported, "required from %s: only its owner can move it", printable(f.Ref))
	case f.Pin == inventory.None:
		return set(report.Unsupported, "not pinned: there is no version to move from")
	case f.Pin != inventory.Exact:
		return set(report.Unsupported, "required by a range: which version is installed can't be told from the text")
	}
	env := in.envOf(f)
	if env < 0 {
		return set(report.Unsupported, "stands in %s, which nothing installs as it is", printable(f.Source))
	}
	if lines := in.Envs[env].Twice[f.Package]; lines != nil && path.Base(f.Source) == "uv.lock" {
		o = set(report.Blocked, "locked in several versions, of which the extras and groups asked for take one: a plan moves none of them; uv lock --upgrade-package %s does", printable(f.Package))
		o.Chain = lines
	} else if lines != nil {
		o = set(report.Blocked, "pinned to several versions at once: nothing can be installed from it, so there is no version to move from")
		o.Chain = lines
	}
	return o
}

// decide gives every finding exactly one outcome (I5), open ones first, then those that are gone.
func decide(in *situation, answers []solved) []verdict {
	var out []verdict
	for _, f := range in.Findings {
		v := verdict{Outcome: in.settled(f), finding: f, env: in.envOf(f)}
		if v.Outcome.Outcome == report.AcceptedUntil && v.env >= 0 && answers[v.env].first(f.Package, f.Version) != nil {
			v.Outcome = report.Outcome{Package: f.Package, Version: f.Version, Source: f.Source, Vulnerability: f.Vulnerability} // fixed on the way
		}
		if v.Outcome.Outcome == "" {
			v.fate = answers[v.env].Fates[f.Package]
			v.moved = answers[v.env].first(f.Package, f.Version)
			v.Outcome = f.answered(v.Outcome, v.fate, v.moved, in.Wishes)
		}
		if v.Outcome.Outcome == report.Planned {
			in.urgency(&v)
		} else {
			in.remember(&v)
		}
		in.Exceptions.remind(in.App, f, in.Now, &v.Outcome)
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
	v.deadline = in.Policy.Deadline(f.facts(), policy.Clocks{Detected: f.Detected, FixPublished: v.moved.Released})
	if old, ok := in.Told[keyOf(v.Outcome)]; ok && sameRule(old.DeadlineRule, v.deadline.Rule) {
		v.deadline = policy.Tighten(policy.Deadline{At: *old.Deadline, Rule: old.DeadlineRule}, v.deadline)
	}
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
	now := in.Policy.Deadline(v.finding.facts(), policy.Clocks{Detected: v.finding.Detected})
	if sameRule(old.DeadlineRule, now.Rule) {
		v.Outcome.Deadline, v.Outcome.DeadlineRule = old.Deadline, old.DeadlineRule
	}
}

// facts are what the policy judges the finding by.
func (f finding) facts() policy.Facts {
	return policy.Facts{Package: f.Package, Ecosystem: f.Ecosystem, Finding: true, Kind: f.Kind, Severity: f.Severity, KEV: f.KEV, EPSS: f.EPSS}
}

// sameRule reports whether two deadlines were set by the same rule of the same class, on whichever clock.
func sameRule(a, b string) bool {
	classA, _, _ := strings.Cut(a, ":")
	classB, _, _ := strings.Cut(b, ":")
	return classA == classB && a[strings.LastIndexByte(a, '(')+1:] == b[strings.LastIndexByte(b, '(')+1:]
}

// answered turns what becomes of its package into the finding's outcome.
func (f finding) answered(o report.Outcome, a fate, m *move, w wishes) report.Outcome {
	switch {
	case m != nil:
		o.Outcome, o.Detail = report.Planned, fmt.Sprintf("%s %s to %s, %s", f.Package, f.Version, m.To, m.inShort())
	case a.Kind == fateUnknown:
		o.Outcome, o.Detail = report.NoFixPublished, "the index does not know the package"
	case a.Kind == fateVersion:
		o.Outcome, o.Detail = report.Unsupported, fmt.Sprintf("version %s can't be ordered (PEP 440)", printable(f.Version))
	case a.Kind == fateBuild:
		o.Outcome, o.Detail = report.Unsupported, fmt.Sprintf("the index does not offer builds with the label of %s", printable(f.Version))
	case a.Kind == fateHeld:
		o.Outcome, o.Detail = report.Unsupported, fmt.Sprintf("stays at %s, because what it requires is unknown: %s", printable(f.Version), printable(a.Detail))
	case a.Kind == fateBlocked:
		o.Outcome, o.Detail, o.Chain, o.Until = report.Blocked, printable(a.Detail), a.Chain, a.Until
	case a.Kind == fateCooling:
		o.Outcome, o.Detail, o.Until = report.CoolingDown, printable(a.Detail), a.Until
		if a.Until == nil {
			o.Detail += "; no date of publication is known"
		} else {
			o.Detail += "; planned again " + minute(*a.Until)
		}
	case a.Kind == fateNothing:
		f.unfixed(&o, a.Rejected, w)
	case a.Kind == fateFailed:
		o.Outcome, o.Detail = report.OutcomeError, printable(a.Detail)
	default:
		o.Outcome, o.Detail = report.OutcomeError, "no answer was made for it"
	}
	return o
}

// unfixed says why nothing can be picked: what fixes this finding and is held back (blocked), else what
// there is instead of a fix.
func (f finding) unfixed(o *report.Outcome, rejected []rejection, w wishes) {
	var fixes []rejection
	for _, r := range rejected {
		if !slices.ContainsFunc(r.Hits, func(h advisory.Hit) bool { return sameVulnerability(f.Vulnerability, f.IDs, h) }) {
			fixes = append(fixes, r)
		}
	}
	if r, ok := refusedFix(fixes); ok {
		until := r.Held.Until.UTC()
		o.Outcome, o.Until = report.Blocked, &until
		o.Detail = fmt.Sprintf("%s %s fixes it and is not offered until %s", f.Package, r.Version, day(&until))
		o.Chain = []string{fmt.Sprintf("%s %s %s", f.Package, r.Version, r.tell(w.Target, false)), r.Held.Again}
		return
	}
	if r, ok := only(fixes, whyPython); ok {
		o.Outcome = report.Blocked
		o.Detail = fmt.Sprintf("%s %s fixes it", f.Package, r.Version)
		o.Chain = []string{fmt.Sprintf("%s %s requires Python %s, target is %s", f.Package, r.Version, printable(r.Requires), w.Target.Python)}
		return
	}
	for _, why := range []why{whyWheel, whySource} {
		if r, ok := only(fixes, why); ok {
			o.Outcome = report.Blocked
			o.Detail = fmt.Sprintf("%s %s fixes it", f.Package, r.Version)
			o.Chain = []string{fmt.Sprintf("%s %s %s", f.Package, r.Version, r.tell(w.Target, false))}
			return
		}
	}
	if r, ok := only(fixes, whyHit); ok {
		o.Outcome = report.Blocked
		o.Detail = fmt.Sprintf("%s %s fixes it, but no release above %s that may be picked is free of every advisory", f.Package, r.Version, f.Version)
		o.Chain = []string{fmt.Sprintf("%s %s is hit by %s", f.Package, r.Version, hitNames(r.Hits))}
		return
	}
	o.Outcome = report.NoFixPublished
	switch {
	case len(rejected) == 0:
		o.Detail = fmt.Sprintf("%s is the newest release the index offers", f.Version)
	case len(fixes) == 0:
		o.Detail = fmt.Sprintf("all %s above %s are hit by it", count(len(rejected), "release", "releases"), f.Version)
		if len(rejected) == 1 {
			o.Detail = fmt.Sprintf("%s %s, the only release above, is hit by it", f.Package, rejected[0].Version)
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
