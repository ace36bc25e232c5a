package application

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

func repo(t *testing.T, text string) Repository {
	t.Helper()
	r, err := ParseRepository(".drydock.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRepositoryFile(t *testing.T) {
	r := repo(t, `schema: drydock.repository/v1
name: payments
manifests: [requirements.txt, "services/*/requirements*.txt", "**/uv.lock"]
checks:
  tests:
    command: pytest -q -m "not slow"
    timeout: 1h
    dir: services/pay
    environment: {PYTHONPATH: src, TZ: UTC, LEVEL: 3}
  security: {command: [bandit, -r, src]}
  smoke: {command: python -m payments --version}
merge: person
isolation: bubblewrap
policy:
  classes:
    high: {deadline: {detected: 5d}}
`)
	tests := r.Checks.Tests
	if r.Name != "payments" || r.Merge != MergePerson || r.Isolation != policy.Bubblewrap || !slices.Equal(tests.Command, []string{"pytest", "-q", "-m", "not slow"}) ||
		tests.Timeout.String() != "1h" || tests.Dir != "services/pay" || tests.Environment["LEVEL"] != "3" || r.Checks.Security.Timeout != defaultSecurity || r.Checks.Smoke.Timeout != defaultSmoke {
		t.Errorf("%+v, %+v", r, tests)
	}
	for name, want := range map[string]bool{"requirements.txt": true, "services/pay/requirements-dev.txt": true, "uv.lock": true, "a/b/uv.lock": true, "dev/requirements.txt": false, "services/a/b/requirements.txt": false} {
		if r.Counts(name) != want {
			t.Errorf("%s counts: %v", name, !want)
		}
	}
	for _, text := range []string{"", "# nothing\n", "{}"} {
		if r := repo(t, text); r.Checks.Tests != nil || !r.Counts("anything") || r.Digest() == "" {
			t.Errorf("%q: %+v", text, r)
		}
	}
	if (Repository{}).Digest() != "" {
		t.Error("no file has a digest")
	}
}

func TestBadRepositoryFiles(t *testing.T) {
	const server = "unknown key: a repository can't say this; it stands in the server's applications.yaml, under applications.<name>"
	for text, want := range map[string]string{
		"manifest: [x]":                              `.drydock.yaml:1: manifest: unknown key, did you mean "manifests"?; allowed: schema, name, manifests, checks, merge, isolation, policy`,
		"environments: {}":                           ".drydock.yaml:1: environments: " + server,
		"a: 1\napprovals: {count: 0}":                ".drydock.yaml:2: approvals: " + server,
		"commands: {}":                               "commands: " + server,
		"window: any":                                "window: " + server,
		"owners: [me]":                               "owners: " + server,
		"repository: https://u:p@h/x":                "repository: " + server,
		"base: main":                                 "base: " + server,
		"before_update: {}":                          "before_update: " + server,
		"least_isolation: none":                      "least_isolation: " + server,
		"windows: {}":                                "windows stand in the server's policy",
		"waivers: []":                                "a repository can't accept risks",
		"index_url: https://evil.example":            "where packages come from stands in the server's configuration",
		"applications: {}":                           "this is a repository's own file",
		"merge: automatic":                           `.drydock.yaml:1: merge: "automatic" is not known; allowed: person`,
		"isolation: none":                            `isolation: "none" is not known; allowed: bubblewrap, namespaces, landlock`,
		"schema: drydock.applications/v1":            "is not a schema this Drydock reads; allowed: drydock.repository/v1",
		"name: Pay":                                  `name: "Pay": want the name of an application`,
		"manifests: []":                              "manifests: empty: with no manifest nothing would be kept safe",
		"manifests: [../x.txt]":                      `.drydock.yaml:1: manifests[0]: "../x.txt": want a path beneath the folder of this file`,
		"manifests: [a/../../x]":                     "manifests[0]",
		"manifests: [/etc/passwd]":                   "not an absolute one, and without ..",
		"manifests: ['!x']":                          "nothing can be left out",
		"manifests: ['[a']":                          "is not a pattern",
		"manifests: [a**b]":                          "** stands alone",
		"manifests: ['.git/config']":                 ".git holds the repository itself",
		`manifests: ["a\\b"]`:                        "without backslashes",
		"checks: {test: {}}":                         `checks.test: unknown key, did you mean "tests"?; allowed: tests, security, smoke`,
		"checks: {tests: {}}":                        "checks.tests.command: missing",
		"checks: {tests: pytest}":                    "checks.tests: want a mapping",
		"checks:\n  tests:\n    command: a && b":     ".drydock.yaml:3: checks.tests.command: '&' has no meaning here: no shell runs the command",
		"checks: {tests: {command: x, timeout: 0m}}": "",
		"checks: {tests: {command: x, timeout: 2d}}": "checks.tests.timeout: 48h: want 1m to 8h",
		"checks: {tests: {command: x, dir: ../..}}":  "checks.tests.dir: \"../..\": want a path beneath",
		"checks: {tests: {command: x, environment: {A-B: 1}}}":             "can't be the name of a variable",
		"checks: {tests: {command: x, environment: {LD_PRELOAD: /x.so}}}":  "checks.tests.environment.LD_PRELOAD: the dock sets LD_PRELOAD itself",
		"checks: {tests: {command: x, environment: {DB_PASSWORD: s3}}}":    "environment.DB_PASSWORD: it looks like a secret",
		"checks: {tests: {command: x, environment: {URL: 'pg://u:p@h/'}}}": "environment.URL: it looks like a secret",
		"- a":             "want a mapping",
		"a: &x 1":         "",
		"a: 1\n---\nb: 1": "the file is one YAML document",
		"\t:":             "not YAML",
		"policy: 3":       "",
	} {
		_, err := ParseRepository(".drydock.yaml", []byte(text))
		var e *strictyaml.Errors
		if want != "" && (!errors.As(err, &e) || !strings.Contains(err.Error(), want)) || err != nil && strings.Contains(err.Error(), "u:p@") {
			t.Errorf("%q\ngot  %v\nwant %s", text, err, want)
		}
	}
	if _, err := ParseRepository("r", make([]byte, maxRepositoryFile+1)); err == nil || !strings.Contains(err.Error(), "more than such a file may have") {
		t.Errorf("a large file: %v", err)
	}
}

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		glob, name string
		want       bool
	}{
		{"a", "a", true}, {"a", "a/b", false}, {"*", "a", true}, {"*", "a/b", false}, {"**", "a/b/c", true}, {"**/c", "c", true}, {"**/c", "a/b/c", true}, {"a/**", "a/b", true},
		{"a/**/d", "a/d", true}, {"a/**/d", "a/b/c/d", true}, {"a/**/d", "b/d", false}, {"a?.txt", "ab.txt", true}, {"[ab].txt", "c.txt", false},
		{strings.Repeat("**/", 50) + "x", strings.Repeat("a/", 200) + "y", false},
	} {
		if got := Match(tc.glob, tc.name); got != tc.want {
			t.Errorf("%s, %s: %v", tc.glob, tc.name, got)
		}
	}
}

func TestHasTests(t *testing.T) {
	for name, want := range map[string]bool{"tests/test_a.py": true, "a_test.py": true, "tests/conftest.py": false, "test_a.txt": false, "latest.py": false} {
		if HasTests([]string{"setup.py", name}) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

// FuzzParseRepository: whatever a stranger writes, it is read or refused, and never loosens anything.
func FuzzParseRepository(f *testing.F) {
	for _, s := range []string{"", "manifests: [a]", "checks: {tests: {command: pytest -q, timeout: 1h}}", "merge: person\nisolation: bubblewrap", "policy: {classes: {high: {cooldown: 1h}}}",
		"policy: {windows: {any: {zone: UTC}}}", "environments: {}", "policy:\n  isolation: none", "a: &a [*a]"} {
		f.Add([]byte(s))
	}
	set, err := ParseSet("a.yaml", []byte("applications: {payments: {repository: /srv/p, merge: automatic, isolation: namespaces, environments: {qa: {window: weekly, approvals: {count: 2}}}}}"))
	if err != nil {
		f.Fatal(err)
	}
	server, _ := set.Get("payments")
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseRepository("r.yaml", data)
		if err != nil {
			var e *strictyaml.Errors
			if !errors.As(err, &e) || r.File != "" {
				t.Errorf("%T, %+v", err, r)
			}
			return
		}
		e, _ := Compose(server, r, nil)
		neverLooser(t, server, e, policy.Default())
	})
}
