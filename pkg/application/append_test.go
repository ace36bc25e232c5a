package application

import (
	"errors"
	"strings"
	"testing"
)

var entry = Entry{Repository: "https://git.bank.example/new.git", Owners: []string{"team"}}

const block = "  new:\n    repository: https://git.bank.example/new.git\n    owners: [team]\n"

func TestAppend(t *testing.T) {
	wide := strings.ReplaceAll(strings.ReplaceAll(block, "    ", "        "), "  new", "    new")
	for _, tc := range []struct{ name, before, after string }{
		{"no file", "", header + block},
		{"none", "applications: {}\n", "applications:\n" + block},
		{"none, with a comment", "applications: { } # mine\n", "applications: # mine\n" + block},
		{"at the end", "# mine\n" + small + "# the end\n", "# mine\n" + small + "# the end\n" + block},
		{"no newline at the end", strings.TrimSuffix(small, "\n"), small + block},
		{"before another key", small + "\n# of the schema\nschema: " + Schema + "\n", small + block + "\n# of the schema\nschema: " + Schema + "\n"},
		{"indented by four", "applications:\n    a:\n        repository: /srv/a\n", "applications:\n    a:\n        repository: /srv/a\n" + wide},
		{"lines of Windows", "applications:\r\n  a: {repository: /srv/a}\r\n", "applications:\r\n  a: {repository: /srv/a}\r\n" + strings.ReplaceAll(block, "\n", "\r\n")},
		{"a byte order mark", "\ufeffapplications:\n  a: {repository: /srv/a}\n", "\ufeffapplications:\n  a: {repository: /srv/a}\n" + block},
		{"ended", small + "...\n", small + block + "...\n"},
	} {
		got, err := Append("a.yaml", []byte(tc.before), "new", entry)
		if err != nil || string(got) != tc.after {
			t.Errorf("%s: %v\n%s", tc.name, err, got)
		}
	}
	full, err := Append("a.yaml", nil, "true", Entry{Repository: "/srv/a b"[:6], Path: "x", Base: "1.0", Owners: []string{"on", "1"}})
	if s, again := ParseSet("a", full); err != nil || again != nil || len(s.Names()) != 1 || s.apps["true"].Base != "1.0" || s.apps["true"].Owners[0] != "on" {
		t.Errorf("%v, %v\n%s", err, again, full)
	}
}

func TestAppendRefuses(t *testing.T) {
	for _, tc := range []struct {
		before, name string
		e            Entry
		want         string
	}{
		{small, "payments", entry, "add payments to a.yaml:3: there is an application of this name already"},
		{"applications: {a: {}}", "new", entry, "add new to a.yaml, which has to be put right first: a.yaml:1: applications.a.repository: missing"},
		{"applications: {a: {repository: /srv/a}}\n", "new", entry, "its applications do not stand in lines of their own; put this there by hand: new: {repository: https://git.bank.example/new.git, owners: [team]}"},
		{"{applications: {}}", "new", entry, "put this there by hand"},
		{small, "New", entry, `"New": want the name of an application`},
		{small, "new", Entry{}, "new: repository: missing"},
		{small, "new", Entry{Repository: "https://u:s3cret@h/x"}, "new: repository: credentials in the address"},
		{small, "new", Entry{Repository: "/srv/x", Owners: []string{"a b"}}, `new: owners[0]: "a b": want a group or person`},
		{small, "new", Entry{Repository: "/srv/x", Path: ".."}, "new: path: "},
		{small, "new", Entry{Repository: "/srv/x", Base: "a b"}, "new: base: "},
	} {
		got, err := Append("a.yaml", []byte(tc.before), tc.name, tc.e)
		if err == nil || got != nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q, %s: %v\nwant %s", tc.before, tc.name, err, tc.want)
		}
	}
	if _, err := Append("a.yaml", []byte(small), "payments", entry); !errors.Is(err, ErrExists) {
		t.Error("not told as one that exists")
	}
}

// FuzzParseSet: what is read means the same when it is written, and an application can be added to it without
// losing a byte, or the reason is said.
func FuzzParseSet(f *testing.F) {
	for _, s := range []string{small, "applications: {}", app("path: x", "merge: automatic"), "applications:\n  a: {repository: /x}\n# end\nschema: " + Schema, app("before_update: {health: {command: \"a 'b'\"}}"),
		"applications:\n  a:\n    repository: \"/\\u00e4\"\n", app(`before_update: {health: {command: ["\u2028", "é", "\x01", "\ud83d\ude00"]}}`)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseSet("a.yaml", data)
		if err != nil {
			return
		}
		again, err := ParseSet("again", s.Text())
		if err != nil || again.Digest() != s.Digest() {
			t.Fatalf("%v\n%s", err, s.Text())
		}
		out, err := Append("a.yaml", data, "fuzzed", entry)
		if err != nil {
			return
		}
		after, err := ParseSet("a.yaml", out)
		if err != nil || len(after.Names()) != len(s.Names())+1 {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, a := range s.All() {
			if b, ok := after.Get(a.Name); !ok || b.Digest() != a.Digest() {
				t.Errorf("%s is another", a.Name)
			}
		}
	})
}
