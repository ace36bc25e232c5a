package scanner

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/inventory"
)

// Whatever is wrong with an address, its password is not told.
func TestNoPasswordIsTold(t *testing.T) {
	for _, line := range []string{"https://user:s3cret@x.test/a.zip", "https://user:s3/cret@x.test/a.zip", "https://user:s3?s3cret@x.test/a.zip", "https://user:s3#s3cret@x.test/a.zip", "git+https://s3cret@x.test/a.git@v1#egg=a",
		"a @ https://user:s3cret@x.test/a b", "a@b = https://user:s3cret@x.test/simple", "--index-url:https://user:s3cret@x.test/simple", "-Xhttps://user:s3cret@x.test", "-i https://user:s3/cret@x.test/simple", "--extra-index-url=https://s3cret@x.test/",
		"-r https://user:s3?cret@x.test/r.txt", "-f https://user:s3cret@x.test/", "a --pre https://user:s3cret@x.test", "???https://" + strings.Repeat("s3cret", 30) + "@x.test", "a==1 ; os_name == https://user:s3cret@x.test", "-e https://user:s3cret@x.test/a b", "--hash https://u:s3cret@x.test"} {
		if got := describe(parse(line)); strings.Contains(got, "s3") || got == "" {
			t.Errorf("%s\n%s", line, got)
		}
	}
	if got := cleanReference("git+ssh://git@x.test:org/a.git@v1"); got != "git+ssh://x.test:org/a.git@v1" {
		t.Errorf("too much is gone: %s", got)
	}
}

func TestNoPasswordInARemote(t *testing.T) {
	for remote, want := range map[string]string{
		"https://ana:s3cret@x.test/a/b.git": "https://x.test/a/b.git", "https://s3cret@x.test/a": "https://x.test/a", "https://ana:s3?cret@x.test/a": "https://x.test/a", "https://ana:s3#cret@x.test/a": "https://x.test/a",
		"https://ana:s3/cret@x.test/a": "https://x.test/a", "ana:s3cret@x.test:a/b": "ssh://x.test/a/b", "git@x.test:a/b@c.git": "ssh://x.test/a/b@c.git", "x.test:a": "ssh://x.test/a", "ssh://git@x.test:22/a": "ssh://x.test:22/a",
		"https://x.test:8443/a?token=s3cret": "https://x.test:8443/a", "https://[::1]:8443/a": "https://[::1]:8443/a",
	} {
		if got := cleanRemote(remote); got != want {
			t.Errorf("%s became %s, want %s", remote, got, want)
		}
	}
}

// A repository that is scanned must not get the token of its own checkout into the report.
func TestNoManifestLeadsIntoGit(t *testing.T) {
	dir := write(t, map[string]string{".git/HEAD": commitA, ".git/config": "[http]\nextraheader = AUTHORIZATION: basic s3cret\n", "sub/requirements.txt": "-r ../.git/config\n-c ../.GIT/config\n-r ../link.txt\nflask==1\n"})
	link(t, ".git/config", filepath.Join(dir, "requirements.txt"))
	link(t, ".git/config", filepath.Join(dir, "link.txt"))
	link(t, ".git", filepath.Join(dir, "requirements"))
	r, inv := read(t, dir)
	if got := fmt.Sprint(inv.Incomplete); strings.Contains(got, "s3cret") || names(inv) != "flask 1" {
		t.Errorf("%s: %s", names(inv), got)
	}
	for _, m := range r.manifests {
		if strings.Contains(string(m.Content), "s3cret") {
			t.Errorf("%s holds the token", m.Path)
		}
	}
	if find(inv, inventory.Unreadable, "requirements.txt") == "" || !strings.Contains(find(inv, inventory.Unreadable, "sub/requirements.txt"), "lies in .git, which is not read") {
		t.Errorf("not said: %+v", inv.Incomplete)
	}
}
