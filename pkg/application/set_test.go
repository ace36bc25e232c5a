package application

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

func parse(t *testing.T, text string) *Set {
	t.Helper()
	s, err := ParseSet("a.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const small = `applications:
  payments:
    repository: https://git.bank.example/payments.git
    owners: [payments-team]
    environments: {staging: {driver: keeper}, production: {driver: keeper}}
`

func TestDefaults(t *testing.T) {
	s := parse(t, small)
	a, ok := s.Get("payments")
	if !ok || a.Name != "payments" || a.Path != "." || a.Base != "" || a.Merge != MergePerson || a.Environments["staging"].Driver != DriverKeeper || len(s.Warnings()) != 0 {
		t.Fatalf("%+v, %v", a, s.Warnings())
	}
	if _, ok := s.Get("payment"); ok || !slices.Equal(s.Names(), []string{"payments"}) {
		t.Error("lookup")
	}
	checked := parse(t, "applications:\n  a:\n    repository: /srv/a\n    before_update:\n      health: {command: monitor}\n      backup: {command: [restore, --dry-run]}\n    environments: {qa: {}}\n")
	b, _ := checked.Get("a")
	if h, k := b.BeforeUpdate.Health, b.BeforeUpdate.Backup; h.Timeout != defaultHealth || k.Timeout != defaultBackup || k.MaxAge != defaultBackupAge || b.Environments["qa"].Driver != DriverNone {
		t.Errorf("%+v %+v", h, k)
	}
	if none := parse(t, "applications: {}"); len(none.All()) != 0 {
		t.Error("none are some")
	}
}

// TestDigest: what is written otherwise and means the same is the same, and the text reads back.
func TestDigest(t *testing.T) {
	s := parse(t, small)
	same := parse(t, "# mine\nschema: drydock.applications/v1\napplications:\n  'payments':\n    merge: person\n    path: .\n    environments:\n      production: {driver: keeper, commands: {}}\n      staging: {driver: keeper}\n    owners:\n    - payments-team\n    repository: https://git.bank.example/payments.git/\n")
	if s.Digest() != same.Digest() || !strings.HasPrefix(s.Digest(), "sha256:") {
		t.Errorf("%s\n%s", s.Text(), same.Text())
	}
	more := parse(t, small+"  ledger: {repository: /srv/ledger}\n")
	a, _ := s.Get("payments")
	b, _ := more.Get("payments")
	if more.Digest() == s.Digest() || a.Digest() != b.Digest() {
		t.Error("another application changes the digest of this one, or not that of the set")
	}
	again, err := ParseSet("again", more.Text())
	if err != nil || again.Digest() != more.Digest() {
		t.Errorf("the text reads back as something else: %v", err)
	}
	if one, err := ParseSet("one", a.Text()); err != nil || one.Digest() != s.Digest() {
		t.Errorf("the text of one application: %v", err)
	}
}

func TestWarnings(t *testing.T) {
	s := parse(t, "applications:\n  a:\n    repository: /srv/a\n    isolation: none\n    environments: {production: {}}\n")
	var got []string
	for _, w := range s.Warnings() {
		got = append(got, w.String())
	}
	want := []string{"a.yaml:4: applications.a.isolation: none: what is installed", "a.yaml:3: applications.a: no owners", "a.yaml:5: applications.a.environments: production without staging"}
	for i, w := range want {
		if i >= len(got) || !strings.HasPrefix(got[i], w) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// app writes a file with one application and further lines of it.
func app(lines ...string) string {
	return "applications:\n  a:\n    repository: /srv/a\n    " + strings.Join(lines, "\n    ") + "\n"
}

func TestBadSets(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "a.yaml: applications: missing: say `applications: {}`",
		"applications:\n":              "a.yaml:1: applications: no value",
		"applications: []":             "a.yaml:1: applications: want a mapping (key: value), found a list",
		"aplications: {}":              `a.yaml:1: aplications: unknown key, did you mean "applications"?; allowed: schema, applications`,
		"schema: v9\napplications: {}": `a.yaml:1: schema: "v9" is not a schema this Drydock reads; allowed: drydock.applications/v1`,
		"applications: {a: {}}":        "a.yaml:1: applications.a.repository: missing: where the source lies",
		"applications: {A: {repository: /srv/a}}":                       `applications.A: "A": want the name of an application`,
		"applications:\n  a: {repository: /x}\n  a: {repository: /x}\n": "a.yaml:3: not YAML: mapping key \"a\" already defined",
		"applications: {a: {repository: /srv/a, <<: *b}}":               "a key is plain text, found \"<<\"",
		app("owner: [x]"):                                 `a.yaml:4: applications.a.owner: unknown key, did you mean "owners"?; allowed: repository, path,`,
		app("owners: x"):                                  `a.yaml:4: applications.a.owners: want a list, found "x"`,
		app("owners: [a b]"):                              `a.yaml:4: applications.a.owners[0]: "a b": want a group or person`,
		app("owners: [x, y, x]"):                          `a.yaml:4: applications.a.owners[2]: "x" is owners[0] already`,
		app("merge: never"):                               `a.yaml:4: applications.a.merge: "never" is not known; allowed: person, automatic`,
		app("isolation: bubblewarp"):                      `a.yaml:4: applications.a.isolation: "bubblewarp" is not known, did you mean "bubblewrap"?; allowed: bubblewrap, namespaces, landlock, none`,
		app("path: ../x"):                                 `a.yaml:4: applications.a.path: "../x": want a path beneath the folder`,
		app("path: /x"):                                   "applications.a.path: \"/x\": want a path beneath",
		app("path: a//b"):                                 "without backslashes, doubled slashes",
		app("path: a/.GIT"):                               ".git holds the repository itself",
		app("base: -x"):                                   `applications.a.base: "-x" is not the name of a branch`,
		app("base: a..b"):                                 "is not the name of a branch",
		app("base: refs/heads/main"):                      "is not the name of a branch such as main",
		app("base: x.lock/y"):                             "is not the name of a branch",
		app("notify: [Chat]"):                             "applications.a.notify[0]: \"Chat\": want the name of a route",
		app("checks: {}"):                                 "a.yaml:4: applications.a.checks: unknown key: manifests and checks stand in the repository's .drydock.yaml",
		app("policy: {}"):                                 "applications.a.policy: unknown key: what the policy asks of one application stands in the policy file",
		app("environments: {prodution: {}}"):              `environments.prodution: "prodution" is too like a name that has a meaning, did you mean "production"?`,
		app("environments: {Production: {}}"):             "want the name of an environment",
		app("environments: {qa: {driver: kube}}"):         `environments.qa.driver: "kube" is not known; allowed: none, keeper, kubernetes, helm, argo-rollouts`,
		app("environments: {qa: {commands: {start: x}}}"): "environments.qa.commands: the driver is none, which runs nothing",
		app("environments: {qa: {driver: keeper, commands: {'a b': x}}}"):        "want a word of letters, digits",
		app("environments: {qa: {driver: keeper, commands: {start: ./run.sh}}}"): "environments.qa.commands.start: \"./run.sh\" is relative to no folder: the server runs it, outside any isolation",
		app("environments: {qa: {driver: keeper, commands: {start: a | b}}}"):    "environments.qa.commands.start: '|' has no meaning here: no shell runs the command",
		app("environments: {qa: {health: 'ftp://x/'}}"):                          "environments.qa.health: want http://host/path or https://host/path",
		app("environments: {qa: {health: 'https://u@x/'}}"):                      "environments.qa.health: credentials in the address",
		app("environments: {qa: {health: 'https://x/#y'}}"):                      "what stands behind # is never sent",
		app("environments: {qa: {approvals: {count: 21}}}"):                      "approvals.count: 21: want 0 to 20",
		app("environments: {qa: {approvals: {count: 1, from: [x, y]}}}"):         "approvals.from: 2 groups need at least as many approvals, count is 1",
		app("before_update: {health: {}}"):                                       "a.yaml:4: applications.a.before_update.health.command: missing: the program and its arguments",
		app("before_update: {health: {command: scripts/health.sh}}"):             "before_update.health.command: \"scripts/health.sh\" is relative to no folder",
		app("before_update: {health: {command: x, dir: y}}"):                     "before_update.health.dir: \"y\": want an absolute path",
		app("before_update: {health: {command: x, timeout: 9h}}"):                "before_update.health.timeout: 9h: want 1m to 8h",
		app("before_update: {health: {command: x, timeout: 30s}}"):               `before_update.health.timeout: "30s" is not a duration`,
		app("before_update: {backup: {command: x, max_age: 32d}}"):               "before_update.backup.max_age: 32d: want 1m to 31d",
		app("before_update: {backup: {command: []}}"):                            "before_update.backup.command: empty: want a program",
	} {
		_, err := ParseSet("a.yaml", []byte(text))
		var e *strictyaml.Errors
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q\ngot  %v\nwant %s", text, err, want)
		}
	}
	_, err := ParseSet("a.yaml", []byte(app("merge: never", "base: '-'", "owner: x", "path: ..")))
	if n := strings.Count(err.Error(), "\n") + 1; n != 4 {
		t.Errorf("%d problems of 4 are told: %v", n, err)
	}
}

func TestRepositories(t *testing.T) {
	for _, good := range []string{"https://git.bank.example/pay/payments.git", "ssh://git@git.bank.example:2222/payments", "git@git.bank.example:pay/payments.git", "/srv/git/payments.git",
		"/srv/git/payments/", "https://[2001:db8::1]/x"} {
		if err := checkRepository(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, want := range map[string]string{
		"":                                         "missing",
		"https://ana:s3cret@git.example/x":         "credentials in the address",
		"https://s3cret@git.example/x":             "credentials in the address",
		"ssh://git:s3cret@git.example/x":           "credentials in the address",
		"https://git.example/x?token=s3cret":       "may be a token",
		"https://git.example/ghp_s3cret/x":         "credentials in the address",
		"http://git.example/x":                     "not encrypted",
		"http://127.0.0.1:8080/x.git":              "not encrypted",
		"git://git.example/x":                      "neither encrypted nor authenticated",
		"file:///srv/x":                            "without file://",
		"ext::sh -c s3cret":                        "spaces",
		"ext::s3cret":                              "neither an address",
		"ext://s3cret/x":                           "not an address Drydock gives to git",
		"ssh://-oProxyCommand=s3cret/x":            "",
		"ssh://-o@git.example/x":                   "the user in the address",
		"git@git.example:-s3cret":                  "neither an address",
		"git@git.example:a/../../s3cret":           "neither an address",
		"https://git.example/\u202es3cret":         "can't be seen",
		"-oProxyCommand=s3cret@h:x":                "neither an address",
		"../x":                                     "neither an address",
		"payments":                                 "neither an address",
		"/srv/../x":                                "without . and ..",
		"/":                                        "without . and ..",
		"https://git.example":                      "no path",
		"https://git.example/a/../../x":            "no path",
		"https:///x":                               "no host",
		"https://git.example/\x1b[2J":              "can't be seen",
		"https://%zz/":                             "not an address that can be read",
		"https://x/" + strings.Repeat("a", maxURL): "longer than",
	} {
		err := checkRepository(bad)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %q", bad, err, want)
		}
	}
}

func TestAgainstPolicy(t *testing.T) {
	p, err := policy.Parse("p", []byte("isolation: namespaces\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := parse(t, "applications:\n  a:\n    repository: /srv/a\n    isolation: landlock\n    environments:\n      qa: {window: nights}\n  b: {repository: /srv/b, isolation: bubblewrap}\n")
	got := s.Against(p)
	if len(got) != 2 || !strings.HasPrefix(got[0].String(), "a.yaml:4: applications.a.isolation: found landlock, the policy asks for namespaces at least") ||
		!strings.HasPrefix(got[1].String(), `a.yaml:6: applications.a.environments.qa.window: "nights" is not one of the policy's windows; allowed: any, `) {
		t.Errorf("%v", got)
	}
}
