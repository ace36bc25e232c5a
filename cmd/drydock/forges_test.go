package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/forge/gitforge"
	"github.com/drydock-dev/drydock/test/yard"
)

// A checkout that a scan reads goes with it, and one whose process was killed goes with the next.
func TestCheckoutLeavesNothing(t *testing.T) {
	repo := yard.NewRepository(t, map[string]string{"requirements.txt": "lib==1.0\n"})
	set, err := application.ParseSet("applications.yaml", fmt.Appendf(nil, "applications:\n  shop:\n    repository: %s\n  lost:\n    repository: %s\n    path: services/lost\n", repo.Path, repo.Path))
	if err != nil {
		t.Fatal(err)
	}
	p := &parts{applications: func() *application.Set { return set }, forges: &forges{dir: t.TempDir()}, log: slog.New(slog.DiscardHandler)}
	killed := filepath.Join(p.forges.dir, "scan", "shop-killed")
	if err := os.MkdirAll(filepath.Join(killed, "src"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(killed+".lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	lists := func() string {
		entries, err := os.ReadDir(filepath.Join(p.forges.dir, "scan"))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return strings.Join(names, " ")
	}
	one, revision, leave, err := p.checkout(t.Context(), "shop")
	if err != nil || revision != repo.Git("rev-parse", "main") {
		t.Fatal(revision, err)
	}
	if got := lists(); strings.Contains(got, "killed") || len(strings.Fields(got)) != 2 {
		t.Errorf("there lies %s", got)
	}
	_, _, other, err := p.checkout(t.Context(), "shop") // beside the first, which is still read
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(one, "requirements.txt")); err != nil {
		t.Error(err)
	}
	if _, _, _, err := p.checkout(t.Context(), "lost"); err == nil || !strings.Contains(err.Error(), "the repository has no folder services/lost at "+revision[:12]+" of main; correct path: of lost") {
		t.Errorf("a path that is not there: %v", err)
	}
	for _, leave := range []func() error{leave, other} {
		if err := leave(); err != nil {
			t.Error(err)
		}
	}
	if got := lists(); got != "" {
		t.Errorf("there is left %s", got)
	}
}

// What can be declared can be used: no address that the file of applications takes is refused later, when it is asked.
func TestDeclaredIsUsable(t *testing.T) {
	taken := 0
	for _, address := range []string{"https://git.bank.example/payments.git", "https://git.bank.example:8443/a/b.git/", "https://[2001:db8::1]/x", "https://git.bank.example/a/-b.git",
		"ssh://git@git.bank.example:2222/a/b.git", "ssh://git.bank.example/a", "git@git.bank.example:a/b.git", "deploy_1@git-1.bank.example:a", "/srv/git/a.git", "/srv/git/a b.git", "/srv/git/a/",
		"/srv/git/ä.git", "/srv/git/a%20b.git", "/srv/git/a?b#c.git", "http://127.0.0.1:8080/x.git", "https://git_1.bank.example/x", "https://bank/x//y", "https://bank/./x", "ssh://git@bank//x"} {
		set, err := application.ParseSet("applications.yaml", fmt.Appendf(nil, "applications:\n  shop:\n    repository: %q\n", address))
		if err != nil {
			continue
		}
		taken++
		a, _ := set.Get("shop")
		if _, err := gitforge.New(t.Context(), gitforge.Config{Remote: gitAddress(a.Repository), Dir: t.TempDir()}); err != nil {
			t.Errorf("%s can be declared, and not used: %v", address, err)
		}
	}
	if taken < 8 {
		t.Errorf("%d addresses were taken", taken)
	}
}
