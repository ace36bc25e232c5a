package application

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/policy"
)

func one(t *testing.T, lines ...string) Application {
	t.Helper()
	a, ok := parse(t, app(append([]string{"owners: [x]"}, lines...)...)).Get("a")
	if !ok {
		t.Fatal("no application a")
	}
	return a
}

func TestCompose(t *testing.T) {
	server := one(t, "merge: automatic", "isolation: namespaces", "environments: {qa: {window: weekly}}")
	e, found := Compose(server, repo(t, "merge: person\nisolation: bubblewrap\nchecks: {smoke: {command: x}}\npolicy: {isolation: bubblewrap, classes: {high: {deadline: {detected: 5d}}}}\n"), nil)
	if len(found) > 0 || e.Merge != MergePerson || e.Isolation != policy.Bubblewrap || e.Policy.Classes.High.Deadline.Detected.String() != "5d" ||
		e.Checks.Smoke == nil || !e.Checks.Tests.IfTests || !slices.Equal(e.Checks.Tests.Command, []string{"pytest"}) {
		t.Errorf("%v, %+v", found, e)
	}
	if server.Merge != MergeAutomatic {
		t.Error("composing changed the server's application")
	}
	if e, found := Compose(one(t), Repository{}, nil); len(found) > 0 || e.Merge != MergePerson || e.Isolation != policy.Landlock || e.Policy.Digest() != policy.Default().Digest() {
		t.Errorf("nothing said: %v, %+v", found, e)
	}
	if e, _ := Compose(one(t), repo(t, "policy: {isolation: namespaces}"), nil); e.Isolation != policy.Namespaces {
		t.Errorf("the block asks for namespaces: %s", e.Isolation)
	}
	if e, found := Compose(one(t, "isolation: none"), Repository{}, nil); len(found) > 0 || e.Isolation != policy.NoIsolation {
		t.Errorf("none, said explicitly: %s, %v", e.Isolation, found)
	}
}

func TestComposeRefuses(t *testing.T) {
	server := one(t, "isolation: namespaces")
	for text, want := range map[string]string{
		"\nisolation: landlock": ".drydock.yaml:2: isolation: found landlock, the server has namespaces (a.yaml:5): it may only get stronger",
		"name: other":           ".drydock.yaml:1: name: found other, the server calls the application a (a.yaml:3); leave it out",
		"policy:\n  classes:\n    high: {deadline: {detected: 30d}}": ".drydock.yaml:3: policy.classes.high.deadline.detected: found 30d, the parent has 14d: it may only get shorter",
		"policy: {clases: {}}":                  `policy.clases: unknown key, did you mean "classes"?`,
		"policy: {extends: x}":                  "policy.extends: unknown key",
		"policy: []":                            "policy: want a mapping",
		"policy: {lists: {framework: ['a b']}}": "policy.lists.framework[",
		"policy: {isolation: none}":             "",
	} {
		e, found := Compose(server, repo(t, text), nil)
		if want != "" && (len(found) != 1 || !strings.Contains(found[0].String(), want)) {
			t.Errorf("%q\ngot  %v\nwant %s", text, found, want)
		}
		neverLooser(t, server, e, policy.Default())
	}
	auto := one(t, "merge: automatic")
	if e, found := Compose(auto, Repository{Merge: MergeAutomatic, Isolation: "docker"}, nil); len(found) != 2 || e.Isolation != policy.Landlock {
		t.Errorf("values no file can have: %v", found)
	}
}

// neverLooser is what must hold whatever a repository says.
func neverLooser(t *testing.T, server Application, e Effective, p *policy.Policy) {
	t.Helper()
	base, _ := Compose(server, Repository{}, p)
	if base.Merge == MergePerson && e.Merge != MergePerson {
		t.Errorf("merge: %s, the server has %s", e.Merge, base.Merge)
	}
	if !e.Isolation.AtLeast(base.Isolation) || !e.Isolation.AtLeast(e.Policy.Isolation) {
		t.Errorf("isolation: %s, the server has %s, the policy %s", e.Isolation, base.Isolation, e.Policy.Isolation)
	}
	if looser := policy.Tightens(base.Policy, e.Policy); len(looser) > 0 {
		t.Errorf("policy: %v", looser)
	}
	for name := range server.Environments {
		was, ok := base.WindowOf(name)
		is, still := e.WindowOf(name)
		if ok != still || !reflect.DeepEqual(was, is) {
			t.Errorf("the window of %s: %v, the server has %v", name, is, was)
		}
		for _, class := range policy.Names {
			had, has := base.ApprovalsFor(class, name), e.ApprovalsFor(class, name)
			if has.Count < had.Count || slices.ContainsFunc(had.From, func(g string) bool { return !slices.Contains(has.From, g) }) {
				t.Errorf("approvals of %s in %s: %v, the server has %v", class, name, has, had)
			}
		}
	}
	if !reflect.DeepEqual(server.Environments, e.Environments) || e.Name != server.Name || e.Repository != server.Repository || !reflect.DeepEqual(e.BeforeUpdate, server.BeforeUpdate) {
		t.Error("a repository changed what is the server's alone")
	}
	if e.Checks.Tests == nil {
		t.Error("no tests are asked for")
	}
}

// TestNeverLooser composes random files of repositories, most of which try to loosen something.
func TestNeverLooser(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	maybe := func(text string) string { return pick("", text) }
	p, err := policy.Parse("p", []byte("isolation: landlock\nwindows: {night: {zone: UTC, from: '01:00', to: '04:00'}}\napplications: {'a*': {classes: {high: {cooldown: 48h}}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	accepted := 0
	for i := range 2000 {
		server := one(t, "merge: "+pick("person", "automatic"), "isolation: "+pick("landlock", "namespaces", "bubblewrap"),
			"environments: {qa: {window: "+pick("night", "weekly", "any")+", approvals: {count: "+pick("1", "2")+", from: ["+pick("", "g")+"]}}}")
		text := maybe("merge: person\n") + maybe("isolation: "+pick("landlock", "namespaces", "bubblewrap")+"\n") + "policy:\n  warn_at: " + pick("[75, 90]", "[50, 75, 90]", "[90]") + "\n" +
			maybe("  isolation: "+pick("none", "landlock", "bubblewrap")+"\n") +
			"  windows: {night: {zone: UTC, from: '0" + pick("0", "1", "2") + ":00', to: '0" + pick("3", "4", "5") + ":00'}" + maybe(", weekly: {zone: UTC}") + "}\n" +
			fmt.Sprintf("  classes: {high: {cooldown: %s, deadline: {detected: %s}, approvals: {count: %s}}}\n", pick("24h", "48h", "72h"), pick("5d", "14d", "30d"), pick("0", "1", "3"))
		r, err := ParseRepository("r.yaml", []byte(text))
		if err != nil {
			t.Fatalf("%s\n%v", text, err)
		}
		e, found := Compose(server, r, p)
		if len(found) == 0 {
			accepted++
		}
		neverLooser(t, server, e, p)
		if t.Failed() {
			t.Fatalf("file %d, problems %v:\n%s", i, found, text)
		}
	}
	if accepted < 20 || accepted > 1900 {
		t.Errorf("%d of 2000 files are accepted: the test tries too little", accepted)
	}
}

func TestValues(t *testing.T) {
	server := one(t, "merge: automatic", "environments:", "  production:", "    driver: keeper", "    commands: {start: 'run \"a b\"'}",
		"before_update:", "  backup: {command: /opt/check, max_age: 48h}")
	e, found := Compose(server, repo(t, "merge: person\nchecks:\n  tests: {command: pytest -q}\npolicy: {isolation: namespaces}\n"), nil)
	if len(found) > 0 {
		t.Fatal(found)
	}
	got := map[string]string{}
	for _, v := range e.Values() {
		if got[v.Path] != "" || v.Value == "" || v.From == "" {
			t.Errorf("%+v", v)
		}
		got[v.Path] = v.Value + " | " + v.From
	}
	for path, want := range map[string]string{
		"repository": "/srv/a | a.yaml:3", "path": ". | default", "owners": "x | a.yaml:4", "merge": "person | .drydock.yaml:1", "isolation": "namespaces | .drydock.yaml:4",
		"environments.production.driver": "keeper | a.yaml:8", "environments.production.commands.start": "run 'a b' | a.yaml:9", "environments.production.window": "that of the class | default",
		"environments.production.approvals": "those of the class | default", "before_update.health": "none | default", "before_update.backup.max_age": "48h | a.yaml:11",
		"before_update.backup.timeout": "30m | default", "checks.tests.command": "pytest -q | .drydock.yaml:3", "checks.tests.timeout": "30m | default", "checks.smoke": "none | default",
		"manifests": "all that are found | default", "base": "the repository's own (HEAD) | default",
	} {
		if got[path] != want {
			t.Errorf("%s: %q, want %q", path, got[path], want)
		}
	}
	plain, _ := Compose(one(t), Repository{}, nil)
	for _, v := range plain.Values() {
		if v.Path == "checks.tests.command" && v.Value != "pytest, where there are tests" {
			t.Errorf("%+v", v)
		}
	}
}
