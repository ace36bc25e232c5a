package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/manifest"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
)

// requirements renders one installable file: everything the application requires, with the updates of the
// phases given. All sources are put into one; where they contradict each other the first one counts (the
// shallowest requirements.txt, then by path) and the other stands in a comment.
func requirements(p *report.Plan, inv *inventory.Inventory, what string, use func(report.Phase) bool) []byte {
	var used []report.Phase
	var names []string
	for _, ph := range p.Phases {
		if use(ph) {
			used, names = append(used, ph), append(names, ph.Phase)
		}
	}
	moved := map[moveKey]report.Update{}
	for _, u := range manifest.Composed(used, inv) {
		moved[moveKey{u.Package, u.From, u.Source}] = u
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# %s of %s: %s\n", what, p.Application, phaseList(names))
	fmt.Fprintf(&b, "# Written by drydock for plan %s\n", p.Plan)
	if p.Resolution != "joint" {
		fmt.Fprintf(&b, "# Resolution %s: not proved to install together.\n", p.Resolution)
	}
	for _, line := range apart(manifest.Environments(inv, targetOf(p))) {
		b.WriteString(line + "\n")
	}
	for _, line := range hashAdvice(inv) {
		b.WriteString(line + "\n")
	}
	for _, name := range constraintFiles(inv) {
		fmt.Fprintf(&b, "# Its constraints stand apart: install with -c %s, or that of %s/ where it is there.\n", printable(name), updatedDir)
	}
	for _, line := range leftOut(inv) {
		b.WriteString(line + "\n")
	}
	b.WriteString("\n")
	for _, line := range requirementLines(inv, moved, targetOf(p)) {
		b.WriteString(line + "\n")
	}
	return []byte(b.String())
}

// hashAdvice says how the file is installed. pip wants hashes for all or for none: where the sources that count first have
// none, none are written; where they have them, what comes without is left out.
func hashAdvice(inv *inventory.Inventory) []string {
	hashed, first := hashedScopes(inv), ""
	if ps := inOneFile(inv); len(ps) > 0 {
		first = ps[0].Scope
	}
	if hashed[first] {
		return []string{"# Install with --require-hashes."}
	}
	var bare []string
	for _, p := range inOneFile(inv) {
		if name := printable(p.Source); hashed[p.Scope] && !slices.Contains(bare, name) {
			bare = append(bare, name)
		}
	}
	if len(bare) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("# Written without the hashes of %s: other sources have none, and pip wants them for all or for none. The manifests keep theirs.", strings.Join(bare, ", "))}
}

// inOneFile are the packages that one file of all sources names, in its order. What runs somewhere is not what the repository
// asks for: together they may contradict each other.
func inOneFile(inv *inventory.Inventory) []inventory.Package {
	repository := ofRepository(inv)
	return slices.DeleteFunc(inOrder(inv.Packages), func(p inventory.Package) bool {
		return p.Ecosystem != pypi || repository && installed(p)
	})
}

func ofRepository(inv *inventory.Inventory) bool {
	return slices.ContainsFunc(inv.Packages, func(p inventory.Package) bool { return p.Ecosystem == pypi && !installed(p) })
}

// apart says what one file of several environments is worth: each is resolved by itself.
func apart(all []manifest.Environment) []string {
	all = slices.DeleteFunc(all, func(e manifest.Environment) bool {
		return !slices.ContainsFunc(e.Scopes, func(s string) bool { return strings.HasPrefix(s, "repository:") })
	})
	if len(all) < 2 {
		return nil
	}
	names := make([]string, len(all))
	var conflicts []string
	for i, e := range all {
		names[i] = printable(e.Name)
		for _, c := range e.Conflicts {
			if line := "# " + printable(c); !slices.Contains(conflicts, line) {
				conflicts = append(conflicts, line)
			}
		}
	}
	shown := names[:min(len(names), maxTold)]
	text := strings.Join(shown, ", ")
	if len(shown) < len(names) {
		text += fmt.Sprintf(" and %d more", len(names)-len(shown))
	}
	return append([]string{fmt.Sprintf("# Put together from %d environments (%s), each planned by itself: not proved to install together.", len(names), text)}, conflicts...)
}

// constraintFiles are the files that pin what others require and require nothing themselves: without them an
// installation picks other versions of what stands in no requirements file.
func constraintFiles(inv *inventory.Inventory) []string {
	var out []string
	for _, file := range inv.Files {
		source := file.Kind != "" && file.Kind != inventory.Constraints || slices.ContainsFunc(inv.Sources, func(s inventory.Source) bool { return s.Path == file.Path })
		unread := slices.ContainsFunc(inv.Incomplete, func(i inventory.Incomplete) bool { return i.Source == file.Path && i.Line == 0 })
		if !source && !unread {
			out = append(out, file.Path)
		}
	}
	return out
}

// leftOut names what the manifests ask for and this file cannot: who installs it must know. A reference with
// a name stands below as it is.
func leftOut(inv *inventory.Inventory) []string {
	type place struct {
		source string
		line   int
	}
	written := map[place]bool{}
	for _, p := range inv.Packages {
		written[place{p.Source, p.Line}] = true
	}
	var out []string
	for _, i := range inv.Incomplete {
		switch i.Reason {
		case inventory.NotCovered, inventory.Unparsed, inventory.Unreadable:
			if i.Source == "" || i.Ecosystem != "" && i.Ecosystem != pypi || written[place{i.Source, i.Line}] {
				continue
			}
			where := printable(i.Source)
			if i.Line > 0 {
				where += fmt.Sprintf(":%d", i.Line)
			}
			out = append(out, fmt.Sprintf("# left out: %s (%s): %s", where, i.Reason, printable(i.Detail)))
		}
	}
	return out
}

func phaseList(names []string) string {
	if len(names) == 0 {
		return "no updates"
	}
	return "with the updates of " + strings.Join(names, ", ")
}

// requirementLines keeps the order of the sources and of the lines in them.
func requirementLines(inv *inventory.Inventory, moved map[moveKey]report.Update, t pep508.Environment) []string {
	var out []string
	taken := map[string]string{} // name and marker → the line's version
	hashed := hashedScopes(inv)
	bare := true // without hashes
	for i, p := range inOneFile(inv) {
		if i == 0 {
			bare = !hashed[p.Scope]
		}
		if !bare && !hashed[p.Scope] {
			out = append(out, fmt.Sprintf("# left out: %s of %s, because hashes stand in some sources and not in others", printable(p.Package), printable(p.Source)))
			continue
		}
		version, hashes := p.Version, p.Hashes
		u, ok := moved[moveKey{p.Package, p.Version, p.Source}]
		if ok && holds(p.Marker, t) != pep508.Untrue {
			version = u.To
			if len(p.Hashes) > 0 {
				hashes = u.Hashes
			}
		}
		if bare {
			hashes = nil
		}
		text := requirement(p, version, hashes)
		key := p.Package + ";" + p.Marker
		switch old, seen := taken[key]; {
		case seen && old == text:
		case seen:
			out = append(out, fmt.Sprintf("# left out: %s%s of %s, another stands above", printable(p.Package), printable(versionText(p, version)), printable(p.Source)))
		default:
			taken[key] = text
			out = append(out, text)
		}
	}
	for _, u := range addedPins(inv, moved, ofRepository(inv)) {
		switch scope := scopeOf(inv, u.Source); {
		case !bare && !hashed[scope]:
			out = append(out, fmt.Sprintf("# left out: %s of %s, because hashes stand in some sources and not in others", printable(u.Package), printable(u.Source)))
		case taken[u.Package+";"] != "":
			if !strings.HasPrefix(taken[u.Package+";"], u.Package+"=="+u.To) {
				out = append(out, fmt.Sprintf("# left out: %s==%s of %s, another stands above", printable(u.Package), printable(u.To), printable(u.Source)))
			}
		default:
			p := inventory.Package{Package: u.Package, Pin: inventory.Exact}
			if bare {
				u.Hashes = nil
			}
			taken[u.Package+";"] = requirement(p, u.To, u.Hashes)
			out = append(out, taken[u.Package+";"])
			if len(u.Through) > 0 {
				out = append(out, "    # via "+printable(strings.Join(u.Through, ", ")))
			}
		}
	}
	return out
}

// addedPins are the updates that add a pin, sorted; where the application is a repository, of it only.
func addedPins(inv *inventory.Inventory, moved map[moveKey]report.Update, repository bool) []report.Update {
	var out []report.Update
	for k, u := range moved {
		if k.from == "" && (!repository || !strings.HasPrefix(scopeOf(inv, u.Source), "environment:")) {
			out = append(out, u)
		}
	}
	slices.SortFunc(out, func(a, b report.Update) int {
		return cmp.Or(cmp.Compare(a.Package, b.Package), cmp.Compare(a.Source, b.Source))
	})
	return out
}

func scopeOf(inv *inventory.Inventory, source string) string {
	for _, p := range inv.Packages {
		if p.Source == source {
			return p.Scope
		}
	}
	return "repository:" + source
}

// installed tells what is found in a live environment from what a manifest asks for.
func installed(p inventory.Package) bool { return strings.HasPrefix(p.Scope, "environment:") }

// inOrder puts the sources that an installation starts from first: requirements.txt before others, the
// shallower first.
func inOrder(all []inventory.Package) []inventory.Package {
	out := slices.Clone(all)
	rank := func(p inventory.Package) (dev, other, depth int) {
		if p.Dev {
			dev = 1
		}
		file := strings.TrimPrefix(p.Scope, "repository:")
		if file != "requirements.txt" && !strings.HasSuffix(file, "/requirements.txt") {
			other = 1
		}
		return dev, other, strings.Count(file, "/")
	}
	slices.SortStableFunc(out, func(a, b inventory.Package) int {
		ad, ao, an := rank(a)
		bd, bo, bn := rank(b)
		return cmp.Or(cmp.Compare(ad, bd), cmp.Compare(ao, bo), cmp.Compare(an, bn), cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Line, b.Line))
	})
	return out
}

func hashedScopes(inv *inventory.Inventory) map[string]bool {
	out := map[string]bool{}
	for _, p := range inv.Packages {
		out[p.Scope] = out[p.Scope] || len(p.Hashes) > 0
	}
	return out
}

// requirement writes one package as pip reads it.
func requirement(p inventory.Package, version string, hashes []string) string {
	switch {
	case p.Reference != "" && !strings.Contains(p.Reference, "://"):
		return fmt.Sprintf("# left out: %s, a path on the machine it was written for", printable(p.Reference))
	case p.Package == "":
		return printable(p.Reference)
	}
	var b strings.Builder
	b.WriteString(p.Package)
	if len(p.Extras) > 0 {
		b.WriteString("[" + strings.Join(p.Extras, ",") + "]")
	}
	b.WriteString(versionText(p, version))
	if p.Marker != "" {
		b.WriteString(" ; " + printable(p.Marker))
	}
	for _, h := range hashes {
		b.WriteString(" \\\n    --hash=" + h)
	}
	return b.String()
}

func versionText(p inventory.Package, version string) string {
	switch {
	case p.Reference != "":
		return " @ " + printable(p.Reference)
	case p.Pin == inventory.Exact && version != "":
		if strings.HasPrefix(strings.TrimSpace(p.Specifier), "===") && version == p.Version {
			return "===" + printable(version)
		}
		return "==" + printable(version)
	}
	return printable(p.Specifier)
}

// urgentPhases are those of requirements_high_priority_….txt; the emergency ones come with them, because
// phases build on one another: without them the file would take an emergency fix back.
func urgentPhases(ph report.Phase) bool {
	return policy.Rank(policy.ClassName(ph.Class)) <= policy.Rank(policy.High)
}

func emergencyPhase(ph report.Phase) bool { return ph.Class == string(policy.Emergency) }

func anyPhase(report.Phase) bool { return true }
