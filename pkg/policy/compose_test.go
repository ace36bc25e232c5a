package policy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const payments = `
classes:
  high: {deadline: {detected: 10d}}
applications:
  payments:
    classes:
      high: {deadline: {detected: 3d}, cooldown: 48h}
    lists: {core: [our-lib], framework: [our-web]}
    rules: {core: {class: high, finding: true, list: core}}
  "pay*":
    warn_at: [50, 75, 90]
    classes:
      high: {deadline: {detected: 5d}}
  "*":
    classes: {regular: {deadline: {detected: 20d}}}
`

func TestApplications(t *testing.T) {
	p := mustParse(t, payments)
	for _, tc := range []struct {
		app, high, regular, cooldown string
		warnings                     int
		class                        ClassName // of a low finding in our-lib
	}{
		{"payments", "3d", "20d", "48h", 3, High},
		{"payroll", "5d", "20d", "24h", 3, Regular},
		{"ledger", "10d", "20d", "24h", 2, Regular},
	} {
		q := p.For(tc.app)
		if d := q.Class(High).Deadline.Detected.String(); d != tc.high {
			t.Errorf("%s: high within %s, want %s", tc.app, d, tc.high)
		}
		if d := q.Class(Regular).Deadline.Detected.String(); d != tc.regular {
			t.Errorf("%s: regular within %s, want %s", tc.app, d, tc.regular)
		}
		if d := Duration(q.Cooldown(High)).String(); d != tc.cooldown || len(q.WarnAt) != tc.warnings {
			t.Errorf("%s: cooldown %s, warnings %v", tc.app, d, q.WarnAt)
		}
		if c := q.Classify(Facts{Package: "our_lib", Finding: true, Severity: "low"}).Class; c != tc.class {
			t.Errorf("%s: our-lib is %s, want %s", tc.app, c, tc.class)
		}
		if q.Digest() != p.Digest() || string(q.Text()) != string(p.Text()) || q.For(tc.app) != q {
			t.Errorf("%s: the policy of an application is not that of the document", tc.app)
		}
		if found := Tightens(p, q); len(found) > 0 {
			t.Errorf("%s: %v", tc.app, found)
		}
	}
	if Default().For("payments") != Default() {
		t.Error("without blocks every application has the policy itself")
	}
	if p.OnList("framework", "our-web") || !p.For("payments").OnList("framework", "flask") {
		t.Error("a list of an application adds to the policy's, for that application alone")
	}
}

// The text says what blocks mean, and reading it gives the same again.
func TestTextOfApplications(t *testing.T) {
	p := mustParse(t, payments)
	_, blocks, _ := strings.Cut(string(p.Text()), "\napplications:")
	for _, want := range []string{"pay*:", "detected: 3d", "- our-web", "cooldown: 48h"} {
		if !strings.Contains(blocks, want) {
			t.Errorf("no %q in %s", want, blocks)
		}
	}
	for _, no := range []string{"flask", "detected: 10d", "timeline"} {
		if strings.Contains(blocks, no) {
			t.Errorf("%q is not of the blocks: %s", no, blocks)
		}
	}
	again := mustParse(t, string(p.Text()))
	if again.Digest() != p.Digest() || string(again.For("payments").Text()) != string(p.Text()) || again.For("payroll").Class(High).Deadline != p.For("payroll").Class(High).Deadline {
		t.Error("the text of a policy is not the policy")
	}
	same := mustParse(t, strings.ReplaceAll(strings.ReplaceAll(payments, "48h", "2d"), "framework: [our-web]", "framework: [our-web, flask]"))
	if same.Digest() != p.Digest() {
		t.Error("another spelling has another digest")
	}
	if none := mustParse(t, "applications: {payments: {warn_at: [75, 90]}}"); none.Digest() != Default().Digest() {
		t.Error("a block that changes nothing changes the digest")
	}
}

func TestApplicationsMayOnlyTighten(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"loosened", "applications:\n  payments:\n    classes:\n      high:\n        deadline: {detected: 30d}\n",
			"p.yaml:5: applications.payments.classes.high.deadline.detected: found 30d, the parent has 14d: it may only get shorter"},
		{"looser than the pattern around it", "applications:\n  payments: {classes: {high: {cooldown: 48h}}}\n  'pay*': {classes: {high: {cooldown: 72h}}}\n",
			"p.yaml:2: applications.payments.classes.high.cooldown: found 48h, the parent has 3d: it may only get longer"},
		{"looser than the pattern around the pattern", "applications: {'*': {warn_at: [10, 75, 90]}, 'a*': {warn_at: [75, 90]}}", "applications.a*.warn_at: found [75 90], the parent has [10 75 90]: 10 is missing"},
		{"several", "applications:\n  a: {warn_at: [80]}\n  b: {classes: {high: {soak: {staging: 0m}}}}\n", "p.yaml:3: applications.b.classes.high.soak.staging"},
		{"typo", "applications: {payments: {clases: {}}}", `applications.payments.clases: unknown key, did you mean "classes"?; allowed: warn_at, isolation, source_builds, classes, rules, lists, windows`},
		{"unsound", "applications:\n  payments:\n    rules: {x: {class: high, list: none}}\n", `p.yaml:3: applications.payments.rules.x.list: "none" is not under lists`},
		{"block in a block", "applications: {payments: {applications: {}}}", `applications.payments.applications: unknown key`},
		{"no name", "applications: {Payments: {}}", "p.yaml:1: applications.Payments: want the name of an application"},
		{"star inside", "applications: {'a*b': {}}", "want the name of an application"},
		{"no mapping", "applications: {a: 1}", `p.yaml:1: applications.a: want a mapping (key: value), found "1"`},
		{"nothing", "applications: {a: }", "p.yaml:1: applications.a: no value: leave the key out"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse("p.yaml", []byte(tc.text))
			var e *Errors
			if !errors.As(err, &e) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestExtends(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "base/company.yaml", "classes: {high: {deadline: {detected: 20d}}}\nlists: {framework: [flask]}\napplications: {payments: {classes: {high: {deadline: {detected: 9d}}}}}\n")
	write(t, dir, "division.yaml", "extends: base/company.yaml\nlists: {framework: [our-web]}\n")
	team := write(t, dir, "team.yaml", "extends: division.yaml\nclasses:\n  high: {cooldown: 48h}\napplications: {payments: {classes: {high: {deadline: {detected: 2d}}}}, ledger: {warn_at: [10, 75, 90]}}\n")
	p, err := Load(team)
	if err != nil {
		t.Fatal(err)
	}
	if c := p.Class(High); c.Deadline.Detected.String() != "20d" || c.Cooldown.String() != "48h" || !p.OnList("framework", "flask") || !p.OnList("framework", "our-web") || p.OnList("framework", "django") {
		t.Errorf("%+v, lists %v", c, p.Lists["framework"])
	}
	if d := p.For("payments").Class(High).Deadline.Detected.String(); d != "48h" {
		t.Errorf("payments: %s", d)
	}
	again := mustParse(t, string(p.Text()))
	if again.Digest() != p.Digest() || strings.Contains(string(p.Text()), "extends") {
		t.Error("the text of a policy does not stand on its own")
	}
}

func TestExtendsTellsWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Base(dir)
	write(t, dir, "company.yaml", "warn_at: [60, 90]\napplications: {payments: {classes: {high: {deadline: {detected: 9d}}}}}\n")
	write(t, dir, "broken.yaml", "warn_at: [90, 60]\n")
	write(t, dir, "ring.yaml", "extends: sub/child.yaml\n")
	write(t, dir, "deep/0.yaml", "{}")
	for i := range 9 {
		write(t, dir, "deep/"+string(rune('1'+i))+".yaml", "extends: "+string(rune('0'+i))+".yaml\n")
	}
	if err := os.Symlink(filepath.Join(t.TempDir(), "elsewhere.yaml"), filepath.Join(dir, "sub-link.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, file, text, want string }{
		{"looser", "child.yaml", "extends: company.yaml\nclasses:\n  high: {cooldown: 1h}\n", "child.yaml:3: classes.high.cooldown: found 1h, the parent has 24h: it may only get longer"},
		{"looser than the parent, not than the built-in", "child.yaml", "extends: company.yaml\nwarn_at: [75, 90]\n", "child.yaml:2: warn_at: found [75 90], the parent has [60 90]"},
		{"looser for an application", "child.yaml", "extends: company.yaml\napplications: {payments: {classes: {high: {deadline: {detected: 10d}}}}}\n", "child.yaml:2: applications.payments.classes.high.deadline.detected: found 10d, the parent has 9d"},
		{"every problem", "child.yaml", "extends: company.yaml\nwarn_at: [75]\nclasses: {high: {cooldown: 1h}}\n", "child.yaml:3: classes.high.cooldown"},
		{"the parent is wrong", "child.yaml", "extends: broken.yaml\n", "broken.yaml:1: warn_at[1]: 60: want rising numbers"},
		{"no parent", "child.yaml", "\nextends: none.yaml\n", "child.yaml:2: extends: there is no file " + filepath.Join(dir, "none.yaml")},
		{"a directory", "child.yaml", "extends: sub\n", "child.yaml:1: extends: read sub: "},
		{"out of the tree", "sub/child.yaml", "extends: ../../" + outside + "/company.yaml\n", "want the path of a file in the directory of the file first named"},
		{"above", "sub/child.yaml", "extends: ../company.yaml\n", "want the path of a file in the directory of the file first named"},
		{"absolute", "child.yaml", "extends: " + filepath.Join(dir, "company.yaml") + "\n", "want the path of a file"},
		{"by a link", "child.yaml", "extends: sub-link.yaml\n", "child.yaml:1: extends: read sub-link.yaml: "},
		{"itself", "child.yaml", "extends: child.yaml\n", `"child.yaml" extends itself: child.yaml → child.yaml`},
		{"a ring", "ring.yaml", "extends: child2.yaml\n", `extends itself: ring.yaml → child2.yaml → ring.yaml`},
		{"a long chain", "child.yaml", "extends: deep/9.yaml\n", "more than 8 files extend one another"},
		{"not text", "child.yaml", "extends: [a]\n", `child.yaml:1: extends: want text, found a list`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			write(t, dir, "child2.yaml", "extends: ring.yaml\n")
			_, err := Load(write(t, dir, tc.file, tc.text))
			var e *Errors
			if !errors.As(err, &e) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
	if _, err := Parse("text.yaml", []byte("extends: company.yaml\n")); err == nil || !strings.Contains(err.Error(), "text.yaml:1: extends: only a file can extend another") {
		t.Errorf("a text without a place: %v", err)
	}
}

func TestWindowsWithin(t *testing.T) {
	office := Window{Zone: "UTC", Days: []Day{"mon", "fri"}, From: "09:00", To: "17:00"}
	night := Window{Zone: "UTC", Days: []Day{"sat"}, From: "22:00", To: "04:00"}
	for _, tc := range []struct {
		name      string
		w, around Window
		ok        bool
	}{
		{"itself", office, office, true},
		{"any time in hours", Window{Zone: "UTC"}, office, false},
		{"hours in any time", office, Window{Zone: "Asia/Tokyo"}, true},
		{"after midnight", Window{Zone: "UTC", Days: []Day{"sun"}, From: "01:00", To: "04:00"}, night, true},
		{"after midnight, too long", Window{Zone: "UTC", Days: []Day{"sun"}, From: "01:00", To: "04:01"}, night, false},
		{"sunday into monday", Window{Zone: "UTC", Days: []Day{"mon"}, From: "00:00", To: "01:00"}, Window{Zone: "UTC", Days: []Day{"sun"}, From: "23:00", To: "01:00"}, true},
		{"every day named", Window{Zone: "UTC", Days: []Day{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}, Every: "month"}, Window{Zone: "UTC", Every: "month"}, true},
		{"more seldom", Window{Zone: "UTC", Every: "quarter"}, Window{Zone: "UTC", Every: "month"}, true},
		{"as often as may be", Window{Zone: "UTC", Every: "month"}, Window{Zone: "UTC"}, true},
	} {
		if why := within(tc.w, tc.around); (why == "") != tc.ok {
			t.Errorf("%s: %q", tc.name, why)
		}
	}
}
