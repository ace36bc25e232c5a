package scanner

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/events"
)

const (
	commitA = "1111111111111111111111111111111111111111"
	commitB = "2222222222222222222222222222222222222222"
)

func TestIdentify(t *testing.T) {
	config := "[core]\n\tbare = false\n[remote \"fork\"]\n\turl = https://example.test/other/x.git\n[remote \"origin\"]\n\turl = https://ana:s3cret@example.test/Acme/Payments.git\n\tfetch = +refs\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		at    string
		want  Identity
	}{
		{"branch", map[string]string{".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": commitA + "\n", ".git/config": config}, "", Identity{Application: "acme-payments", Remote: "https://example.test/Acme/Payments.git", Revision: commitA}},
		{"below the root", map[string]string{".git/HEAD": "ref: refs/heads/main\n", ".git/packed-refs": "# pack-refs with: peeled\n" + commitB + " refs/heads/main\n^" + commitA + "\n", ".git/config": config, "svc/api/x": ""}, "svc/api",
			Identity{Application: "acme-payments-svc-api", Remote: "https://example.test/Acme/Payments.git", SubPath: "svc/api", Revision: commitB}},
		{"a loose ref wins", map[string]string{".git/HEAD": "ref: refs/heads/x", ".git/refs/heads/x": commitA, ".git/packed-refs": commitB + " refs/heads/x\n", ".git/config": ""}, "", Identity{Revision: commitA}},
		{"detached", map[string]string{".git/HEAD": commitB + "\n", ".git/config": "[remote \"up\"]\nurl = git@example.test:acme/pay.git\n"}, "", Identity{Application: "acme-pay", Remote: "ssh://example.test/acme/pay.git", Revision: commitB}},
		{"unborn", map[string]string{".git/HEAD": "ref: refs/heads/main\n"}, "", Identity{}},
		{"nonsense", map[string]string{".git/HEAD": "ref: ../../../etc/passwd\n", ".git/config": "[remote \"origin\"]\nurl = /srv/git/x.git\n"}, "", Identity{}},
		{"circle of refs", map[string]string{".git/HEAD": "ref: refs/heads/a\n", ".git/refs/heads/a": "ref: refs/heads/a\n"}, "", Identity{}},
		{"worktree", map[string]string{"main/.git/HEAD": "ref: refs/heads/main", "main/.git/refs/heads/fix": commitA, "main/.git/config": config, "main/.git/worktrees/w/HEAD": "ref: refs/heads/fix\n", "main/.git/worktrees/w/commondir": "../..\n",
			"main/.git/worktrees/w/gitdir": "DIR/w/.git\n", "w/.git": "gitdir: DIR/main/.git/worktrees/w\n"}, "w", Identity{Application: "acme-payments", Remote: "https://example.test/Acme/Payments.git", Revision: commitA}},
		{"submodule", map[string]string{".git/HEAD": "ref: refs/heads/main", "sub/.git": "gitdir: ../.git/modules/sub\n", ".git/modules/sub/HEAD": commitB, ".git/modules/sub/config": config}, "sub", Identity{Application: "acme-payments", Remote: "https://example.test/Acme/Payments.git", Revision: commitB}},
		{"a pointer to somebody else's repository", map[string]string{"victim/.git/HEAD": commitA, "victim/.git/config": config, "evil/.git": "gitdir: ../victim/.git\n"}, "evil", Identity{}},
		{"a worktree that does not point back", map[string]string{"main/.git/HEAD": commitA, "main/.git/config": config, "main/.git/worktrees/w/HEAD": commitA, "main/.git/worktrees/w/commondir": "../..", "main/.git/worktrees/w/gitdir": "/else/.git", "w/.git": "gitdir: ../main/.git/worktrees/w"}, "w", Identity{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := write(t, c.files)
			for name, text := range c.files {
				if strings.Contains(text, "DIR") {
					rewrite(t, filepath.Join(dir, name), strings.ReplaceAll(text, "DIR", dir))
				}
			}
			at := filepath.Join(dir, c.at)
			got, err := newService(t, Config{}, Deps{}).Identify(t.Context(), at, false, "")
			if err != nil {
				t.Fatal(err)
			}
			c.want.Target = at
			if c.want.Application == "" {
				c.want.Application = slug(at, at)
			}
			if got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
			if err := events.CheckApp(got.Application); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestIdentifyNames(t *testing.T) {
	dir := write(t, map[string]string{"x": ""})
	s := newService(t, Config{}, Deps{})
	id, err := s.Identify(t.Context(), dir, true, "payments")
	if err != nil || id.Application != "payments" {
		t.Errorf("%+v %v", id, err)
	}
	for _, bad := range []string{"Payments", "_", "a.b", strings.Repeat("a", 64)} {
		if _, err := s.Identify(t.Context(), dir, false, bad); err == nil || !strings.Contains(err.Error(), "application name") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := s.Identify(t.Context(), filepath.Join(dir, "nothing"), false, ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing path: %v", err)
	}
}

func TestSlug(t *testing.T) {
	for in, want := range map[string]string{"/srv/Payments_API": "srv-payments-api", "/": "app-", "/日本": "app-", "a//b": "a-b"} {
		if got := slug(in, in); !strings.HasPrefix(got, want) || events.CheckApp(got) != nil {
			t.Errorf("%s: %s", in, got)
		}
	}
	long, other := strings.Repeat("/long-folder", 10)+"/a", strings.Repeat("/long-folder", 11)+"/a"
	if a, b := slug(long, long), slug(other, other); a == b || len(a) > 63 || events.CheckApp(a) != nil {
		t.Errorf("%s %s", a, b)
	}
}

func TestCleanRemote(t *testing.T) {
	for in, want := range map[string]string{
		"https://u:p@h.test/a/b.git": "https://h.test/a/b.git", "https://u@p@h.test/a": "https://h.test/a", "ssh://git@h.test:22/a": "ssh://h.test:22/a", "git@h.test:a/b": "ssh://h.test/a/b", "h.test:a": "ssh://h.test/a",
		"https://h.test/a?token=x#y": "https://h.test/a", "/srv/x": "", "../x": "", "file:///srv/x": "", "": "", "https://h\x1b.test/x": "", "https://": "",
	} {
		if got := cleanRemote(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzGitConfig(f *testing.F) {
	f.Add("[remote \"origin\"]\nurl = https://a:b@c/d\n", "git@h:x")
	f.Fuzz(func(t *testing.T, config, url string) {
		for _, u := range []string{cleanRemote(remoteURL(config)), cleanRemote(url)} {
			if _, rest, ok := strings.Cut(u, "://"); ok {
				if host, _, _ := strings.Cut(rest, "/"); strings.Contains(host, "@") {
					t.Errorf("%q keeps a user", u)
				}
			}
			if !printable(u) {
				t.Errorf("%q", u)
			}
		}
	})
}
