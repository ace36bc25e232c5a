package proposal

import (
	"fmt"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
)

// attacks are what an outsider would write to be more than text.
var attacks = []string{
	"x\n\nSigned-off-by: Mallory <m@evil.example>\nDrydock-Validation: sha256:forged",
	"x\r\n---\r\ndiff --git a/x b/x",
	"x\u2028Fixes #1\u2029## Heading\u0085- item",
	"Fixes #1, closes bank/payments#2, resolves GH-3, closes !4 ~label %5 $6 &7",
	"@team please merge, cc @bank/security and ana@bank.example",
	"[click](https://evil.example) ![x](https://evil.example/x.png) [a]: https://evil.example",
	"https://evil.example www.evil.example http://user:hunter2@evil.example/x ftp://evil.example",
	"<script>alert(1)</script><img src=x><!-- --><https://evil.example>",
	"a | b || c \\| d \\\\| e",
	"`code` ``more`` ```\nfence",
	"**bold** __strong__ _em_ ~~gone~~ $\\sqrt{x}$ \\*",
	"&#64;team &#35;1 &lt;b&gt; &amp;",
	"# heading", "- item", "+ item", "1. item", "2) item", "> quote", "=====", "---", "/close",
	"\x1b[31mred\x07\x00\x7f\u202eevil\u200b\u2066\ufeff\ufe0f",
	"\xff\xfe\xc3\x28",
	strings.Repeat("long ", 200), strings.Repeat("\U0001F6A2", 400), strings.Repeat("@#[]`|\\", 300),
	"", " ", "\n", "\\", "`", "|", ".", "...",
}

// fill writes every string below v. What Drydock itself decides on, and reads as a word of its own, stays with words.
func fill(v reflect.Value, words bool, with func(path string) string, path string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem(), words, with, path)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; !words || !strings.Contains(" Result Status Name Outcome Phase Package Vulnerability Fixes Severity Step Kind Terminal Isolation ", " "+name+" ") {
				fill(v.Field(i), words, with, path+"."+name)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			fill(v.Index(i), words, with, fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.String:
		if v.CanSet() {
			v.SetString(with(path))
		}
	}
}

// makers make facts of every kind.
var makers = []func() Facts{emergency, many, noTests, warned, notValidated, parked, rejected, noEPSS, merged, voided, superseded}

// full are facts in which every field that can be there is.
func full(make func() Facts) Facts {
	f := make()
	f.Rollback = "Roll back with the pipeline.\nThen look at the dashboards."
	if f.State != nil {
		f.State.Reason = "because"
	}
	if v := f.Validation; v != nil {
		v.Failing = append(v.Failing, report.Update{Package: "a", From: "1", To: "2"})
		v.Left = append(v.Left, report.Remark{Path: "x", Why: "y"})
		v.Path, v.Log, v.Notes = "apps/payments", hex("fa"), append(v.Notes, "a note")
	}
	f.Plan.Notes = []string{"a note of the plan"}
	f.Plan.Outcomes = append(f.Plan.Outcomes, report.Outcome{Package: "p", Version: "1", Vulnerability: "V-1", Outcome: report.Blocked, Detail: "d"})
	return f
}

// skeleton is what of a line is ours: its kind, and the number of its cells.
func skeleton(t *testing.T, s string) []string {
	t.Helper()
	var out []string
	for _, l := range strings.Split(s, "\n") {
		switch {
		case strings.HasPrefix(l, "|"):
			out = append(out, fmt.Sprintf("row of %d", cells(l)))
		case strings.HasPrefix(l, "- "), strings.HasPrefix(l, "  - "), strings.HasPrefix(l, "["), strings.HasPrefix(l, "and "), l == "":
			out = append(out, l[:min(1, len(l))])
		case strings.HasPrefix(l, "## "), l == "Why these versions:", l == "And for every change:", l == "**DO NOT merge without proper testing.**", l == "No update.",
			l == "What this change does not fix, and what the plan does about it:", l == "Evidence, which `drydock evidence get DIGEST` shows:", strings.HasPrefix(l, "It fixes no known vulnerability."), strings.HasSuffix(l, "the plan that names them is not at hand."):
			out = append(out, l)
		default:
			t.Errorf("a line that the text itself does not begin: %q", l)
		}
	}
	return out
}

// cells counts the cells of a row as GitHub does: at each | that no backslash stands before.
func cells(row string) int {
	n := 0
	for i := 0; i < len(row); i++ {
		switch row[i] {
		case '\\':
			i++
		case '|':
			n++
		}
	}
	return n - 1
}

// ours is the markup that the text itself has.
var ours = regexp.MustCompile(`^\[[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]\]|^\[[ x]\] [1-4]\. `)

// dangers must not stand in the text, not even in code: a forge reads the message of a commit as plain text.
var dangers = regexp.MustCompile(`(?i)[@#][0-9a-z_-]|\bgh-[0-9]|[!$][0-9]|&[#a-z]|//|\bwww\.[^ …]|hunter2`)

// tag begins one; definition is a link at the end.
var (
	tag        = regexp.MustCompile(`^<[A-Za-z/!?]`)
	definition = regexp.MustCompile(`^\[[A-Za-z0-9._-]+\]: https?://[A-Za-z0-9.:-]+(/[A-Za-z0-9._~:/?#&=%,;+-]*)?$`)
)

// unsafe says what in a text is not only text.
func unsafe(s string) string {
	if !utf8.ValidString(s) {
		return "no UTF-8"
	}
	body, _, _ := strings.Cut(s, "\n[") // the links at the end
	for _, r := range s {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)) {
			return fmt.Sprintf("the character %U", r)
		}
	}
	if m := dangers.FindString(body); m != "" {
		return fmt.Sprintf("%q, in %q", m, around(body, m))
	}
	for _, l := range strings.Split(body, "\n") {
		for i := 0; i < len(l); i++ {
			switch {
			case l[i] == '\\':
				i++
			case l[i] == '`': // in code Markdown reads nothing up to the next one
				n := strings.IndexByte(l[i+1:], '`')
				if n < 0 {
					return fmt.Sprintf("open code at %q", l[i:])
				}
				i += n + 1
			case l[i] == '[' && !ours.MatchString(l[i:]), l[i] == '~', l[i] == '$':
				return fmt.Sprintf("%q at %q", l[i], l[i:])
			case tag.MatchString(l[i:]):
				return fmt.Sprintf("a tag at %q", l[i:])
			}
		}
	}
	for _, l := range strings.Split(s, "\n")[strings.Count(body, "\n"):] {
		if l != "" && !definition.MatchString(l) {
			return fmt.Sprintf("the link %q", l)
		}
	}
	return ""
}

func around(s, m string) string {
	i := strings.Index(s, m)
	return s[max(0, i-40):min(len(s), i+40)]
}

// TestHostile writes each attack into every field: the text keeps its form.
func TestHostile(t *testing.T) {
	for _, words := range []bool{true, false} {
		for i, maker := range makers {
			f := full(maker)
			for _, a := range attacks {
				if i == 1 || !words && i > 0 { // much the same fields again: once is enough, below
					break
				}
				fill(reflect.ValueOf(&f), words, func(string) string { return a }, "")
				check(t, f, fmt.Sprintf("facts %d, words %v, everywhere %q", i, words, a))
			}
			k := 0
			f = full(maker)
			fill(reflect.ValueOf(&f), words, func(string) string { k++; return attacks[k%len(attacks)] }, "")
			check(t, f, fmt.Sprintf("facts %d, words %v, mixed", i, words))
			message(t, f)
		}
	}
}

func check(t *testing.T, f Facts, of string) {
	t.Helper()
	s, title := Text(f), Title(f)
	skeleton(t, s)
	table(t, s, of)
	if why := unsafe(s); why != "" {
		t.Errorf("%s: %s", of, why)
	}
	if len(s) > maxText {
		t.Errorf("%s: %d bytes", of, len(s))
	}
	if n := utf8.RuneCountInString(title); n > maxTitle || strings.ContainsAny(title, "\n\r") || dangers.MatchString(title) {
		t.Errorf("%s: the title %q of %d", of, title, n)
	}
	if t.Failed() {
		t.Fatalf("%s gave\n%s", of, s)
	}
}

func message(t *testing.T, f Facts) {
	t.Helper()
	if m := Commit(f); len(m) > 64<<10 || !utf8.ValidString(m) {
		t.Errorf("a message of %d bytes", len(m))
	}
}

// table checks that the rows of each table have as many cells as its head.
func table(t *testing.T, s, of string) {
	t.Helper()
	head := 0
	for _, l := range strings.Split(s, "\n") {
		switch {
		case !strings.HasPrefix(l, "|"):
			head = 0
		case head == 0:
			head = cells(l)
		case cells(l) != head || !strings.HasSuffix(l, "|"):
			t.Errorf("%s: a row of %d cells below a head of %d: %q", of, cells(l), head, l)
		}
	}
}

// decides are the fields that decide which lines there are, or that leave one out when they hold nonsense.
var decides = regexp.MustCompile(`Result|Status|Outcome|Phase|\.Package|Vulnerability|Fixes|Severity|Step|Kind|Terminal|Isolation|URL|Page|Reason|Resolution|Python|Evidence|Interpreter|Change|` +
	`Rollback|Manifests|Source|Merge|Notes|Class|Updates|Artifact|Bill|Tested|Log|Report|Inputs|\.Name|\.Plan$|Base|Voided|State`)

// TestForm: whatever one field holds, the text has the same lines as before.
func TestForm(t *testing.T) {
	tried := 0
	for i, maker := range makers {
		if i == 1 { // the same fields, thirty times
			continue
		}
		plain := skeleton(t, Text(full(maker)))
		var paths []string
		f := full(maker)
		fill(reflect.ValueOf(&f), false, func(path string) string { paths = append(paths, path); return "x" }, "")
		for j, p := range paths {
			if decides.MatchString(p) {
				continue
			}
			f := full(maker)
			set(reflect.ValueOf(&f), p, attacks[j%12])
			if got := skeleton(t, Text(f)); !slices.Equal(got, plain) {
				t.Fatalf("%s = %q changes the form of facts %d:\n%s", p, attacks[j%12], i, Text(f))
			}
			tried++
		}
	}
	t.Logf("%d fields", tried)
}

// set writes the string at a path of fill.
func set(v reflect.Value, path, to string) {
	for _, part := range regexp.MustCompile(`[A-Za-z]+|\d+`).FindAllString(path, -1) {
		if v = reflect.Indirect(v); v.Kind() == reflect.Slice {
			i, _ := strconv.Atoi(part)
			v = v.Index(i)
			continue
		}
		v = v.FieldByName(part)
	}
	if v.String() != "" {
		v.SetString(to)
	}
}

// TestTrailers lets git read what it will read: the last paragraph holds our trailers and no others.
func TestTrailers(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("no git on this host")
	}
	parse := func(message string) []string {
		cmd := exec.Command(git, "interpret-trailers", "--parse")
		cmd.Dir, cmd.Stdin = t.TempDir(), strings.NewReader(message)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(out)), "\n")
	}
	want := []string{"Drydock-Application: payments", "Drydock-Change: c-7f3a91d2c0e4", "Drydock-Plan: " + hex("4d25"), "Drydock-Artifact: " + hex("a7"), "Drydock-Validation: " + hex("e1")}
	if got := parse(Commit(emergency())); !reflect.DeepEqual(got, want) {
		t.Errorf("git reads the trailers %q, not %q", got, want)
	}
	for _, a := range []string{attacks[0], attacks[1], attacks[2]} {
		f := full(emergency)
		fill(reflect.ValueOf(&f), true, func(string) string { return a }, "")
		for _, l := range parse(Commit(f)) {
			if l != "" && !regexp.MustCompile(`^Drydock-(Application|Change|Plan|Artifact|Validation): \S*$`).MatchString(l) {
				t.Errorf("with %q git reads the trailer %q", a, l)
			}
		}
	}
}

// TestBound: thousands of everything, each as long as it gets.
func TestBound(t *testing.T) {
	f := many()
	long := strings.Repeat("\U0001F6A2", 200) + strings.Repeat("[*", 2000)
	for range 3 {
		ph := &f.Plan.Phases[0]
		ph.Updates = append(ph.Updates, ph.Updates...)
		f.Plan.Outcomes = append(f.Plan.Outcomes, f.Plan.Outcomes...)
		f.Validation.Steps = append(f.Validation.Steps, f.Validation.Steps...)
		f.Validation.Left = append(f.Validation.Left, append(f.Validation.Left, report.Remark{})...)
		f.Plan.Notes = append(f.Plan.Notes, append(f.Plan.Notes, "")...)
		f.Validation.Failing = append(f.Validation.Failing, ph.Updates...)
		f.Plan.Recommendations.NeverDo = append(f.Plan.Recommendations.NeverDo, f.Plan.Recommendations.NeverDo...)
		f.Validation.Earlier = append(f.Validation.Earlier, append(f.Validation.Earlier, "")...)
	}
	for i := range f.Validation.Steps {
		f.Validation.Steps[i].Status = report.StepSkipped
	}
	for range 100 {
		f.Validation.Notes = append(f.Validation.Notes, "x")
	}
	f.Rollback = strings.Repeat(long+"\n", 100)
	f.State = &events.Change{ChangeOpened: f.Change, Terminal: "rejected"}
	k := 0
	fill(reflect.ValueOf(&f), true, func(string) string { k++; return fmt.Sprint(k) + long }, "")
	check(t, f, "thousands")
	message(t, f)
	t.Logf("%d bytes", len(Text(f)))
}
