package policy

import "time"

// Cooldown is the minimum age of a release picked for a class, where no rule says otherwise.
func (p *Policy) Cooldown(class ClassName) time.Duration {
	return time.Duration(p.Class(class).Cooldown)
}

// RoutineCooldown is the minimum age of a release that is picked without a finding of its own: routine
// updates, and whatever else moves when something is fixed.
func (p *Policy) RoutineCooldown() time.Duration { return p.Cooldown(Regular) }

// CooldownFor is the minimum age of a release picked because of f, and the rule it comes from: the shortest
// of all rules that apply and give f its class, or name no class. A rule's own cooldown counts in place of
// its class's. Rules of less urgent classes have no say, so that a class's cooldown is what its line says.
func (p *Policy) CooldownFor(f Facts) (time.Duration, string) {
	d := p.Classify(f)
	best, rule := p.Class(d.Class).Cooldown, ""
	decided := d.Rule == noneApplies // the class's own counts, as no rule's does
	for _, v := range d.Trace {
		r := p.Rules[v.Rule]
		if !v.Applies || v.Class != d.Class && (v.Class != "" || r.Cooldown == nil) {
			continue
		}
		if c := p.cooldownOf(r, d.Class); !decided || c < best {
			best, rule, decided = c, v.Rule, true
		}
	}
	return time.Duration(best), rule
}

// cooldownOf is a rule's own cooldown, else that of the class.
func (p *Policy) cooldownOf(r Rule, class ClassName) Duration {
	if r.Cooldown != nil {
		return *r.Cooldown
	}
	return p.Class(class).Cooldown
}
