package gitforge

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/forge"
)

// Whatever a repository says about programs, none of them runs; and what the machine's own configuration says
// neither. The remote's hooks do run when something is pushed: they guard it.
func TestRunsNothing(t *testing.T) {
	p := started(t)
	spy, home := filepath.Join(t.TempDir(), "spy"), t.TempDir()
	writeProgram(t, spy, `echo "$0 $*" >>"`+spy+`.log"; cat`)
	hostileRepository(t, p, spy)
	hostileMachine(t, p, spy, home)
	p.hook(t, "post-update", `echo guarded >"`+p.bare+`/guarded"; env >"`+p.bare+`/env"`)
	t.Setenv("DRYDOCK_TOP_SECRET", "do-not-tell")

	f := open(t, "file://"+p.bare)
	prop := fix(t, f)
	dir := filepath.Join(t.TempDir(), "tree")
	tree, err := f.Checkout(t.Context(), prop.Base, dir)
	if err != nil {
		t.Fatal(err)
	}
	prop.Files = append(prop.Files, forge.File{Path: "other.bin", Data: []byte("binary\r\n\x00")})
	got, err := f.Propose(t.Context(), prop)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Find(t.Context(), "fix", seen(got)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Close(t.Context(), forge.Closing{Branch: "fix", Lease: seen(got), Reason: "r", By: ana, Date: someDay}); err != nil {
		t.Fatal(err)
	}
	if log, err := os.ReadFile(spy + ".log"); err == nil {
		t.Errorf("programs ran:\n%s", log)
	}
	if _, err := os.Stat(filepath.Join(home, "trace")); err == nil {
		t.Error("git wrote a trace")
	}
	if _, err := os.Stat(filepath.Join(p.bare, "guarded")); err != nil {
		t.Error("the remote's own hook did not run")
	}
	if env, _ := os.ReadFile(filepath.Join(p.bare, "env")); strings.Contains(string(env), "do-not-tell") {
		t.Error("the environment of this process reached a hook")
	}
	want := map[string]string{"sub": forge.Submodule}
	for _, r := range tree.Left {
		if want[r.Path] != r.Why {
			t.Errorf("left: %+v", r)
		}
	}
	if len(tree.Left) != 1 || len(tree.Kept) != 1 || tree.Kept[0] != (forge.Remark{Path: "data.bin", Why: forge.LFSPointer}) {
		t.Errorf("left %v, kept %v", tree.Left, tree.Kept)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "keyword.txt")); err != nil || string(text) != "$Format:%H$ $Id$\nline\n" {
		t.Errorf("a file was changed on its way: %q, %v", text, err)
	}
}

// hostileRepository commits everything of a repository that names programs, or changes files on their way.
func hostileRepository(t *testing.T, p *person, spy string) {
	t.Helper()
	writeFiles(t, p.clone, map[string]string{
		".gitattributes":      "* filter=spy diff=spy merge=spy text eol=crlf export-subst ident\n*.enc working-tree-encoding=UTF-16\n*.bin filter=lfs diff=lfs merge=lfs -text\n",
		".gitmodules":         "[submodule \"x\"]\n\tpath = sub\n\turl = https://bank.example/x.git\n\tupdate = checkout\n",
		".gitconfig":          "[core]\n\tfsmonitor = " + spy + "\n",
		".lfsconfig":          "[lfs]\n\turl = https://bank.example/lfs\n",
		".githooks/pre-push":  "#!/bin/sh\n" + spy + "\n",
		"hooks/post-checkout": "#!/bin/sh\n" + spy + "\n",
		"config":              "[core]\n\tfsmonitor = " + spy + "\n\tbare = true\n", // the tree looks like a bare repository
		"HEAD":                "ref: refs/heads/main\n",
		"objects/x":           "x",
		"refs/x":              "x",
		"data.bin":            "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n",
		"keyword.txt":         "$Format:%H$ $Id$\nline\n",
	})
	git(t, p.clone, "add", "-A")
	git(t, p.clone, "update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("1", 40)+",sub")
	git(t, p.clone, "commit", "-q", "-m", "hostile")
	git(t, p.clone, "push", "-q", "origin", "main")
}

// hostileMachine has the machine's configuration and this process's environment point to programs.
func hostileMachine(t *testing.T, p *person, spy, home string) {
	t.Helper()
	writeFiles(t, home, map[string]string{".gitconfig": "[core]\n\tfsmonitor = " + spy + "\n\thooksPath = " + home + "/hooks\n\tsshCommand = " + spy + "\n\teditor = " + spy +
		"\n\tattributesFile = " + home + "/attributes\n[filter \"spy\"]\n\tclean = " + spy + "\n\tsmudge = " + spy + "\n\tprocess = " + spy + "\n\trequired = true\n[diff \"spy\"]\n\tcommand = " + spy + "\n\ttextconv = " + spy +
		"\n[credential]\n\thelper = " + spy + "\n[protocol]\n\tallow = always\n[url \"ext::" + spy + " %S\"]\n\tinsteadOf = file://\n[gpg]\n\tprogram = " + spy + "\n[commit]\n\tgpgSign = true\n[push]\n\tgpgSign = if-asked\n[uploadpack]\n\tpackObjectsHook = " + spy + "\n",
		"attributes": "* filter=spy\n"})
	for _, hook := range []string{"pre-push", "post-checkout", "post-commit", "reference-transaction", "post-index-change", "pre-receive"} {
		writeFiles(t, home, map[string]string{"hooks/" + hook: "#!/bin/sh\n" + spy + "\n"})
		if err := os.Chmod(filepath.Join(home, "hooks", hook), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range map[string]string{"HOME": home, "GIT_CONFIG_GLOBAL": home + "/.gitconfig", "GIT_CONFIG_SYSTEM": home + "/.gitconfig", "XDG_CONFIG_HOME": home,
		"GIT_SSH_COMMAND": spy, "GIT_SSH": spy, "GIT_ASKPASS": spy, "SSH_ASKPASS": spy, "GIT_EDITOR": spy, "EDITOR": spy, "PAGER": spy, "GIT_EXTERNAL_DIFF": spy, "GIT_PROXY_COMMAND": spy,
		"GIT_TEMPLATE_DIR": home, "GIT_EXEC_PATH": home, "GIT_TRACE": home + "/trace", "GIT_DIR": p.clone, "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.fsmonitor", "GIT_CONFIG_VALUE_0": spy, "LD_PRELOAD": ""} {
		t.Setenv(name, value)
	}
}

// A cache that somebody put a configuration into gets ours again when it is made anew, and a remote's own
// configuration is its own affair.
func TestRemoteConfiguration(t *testing.T) {
	p := started(t)
	spy := filepath.Join(t.TempDir(), "spy")
	writeProgram(t, spy, `echo "$0 $*" >>"`+spy+`.log"; cat`)
	for key, value := range map[string]string{"core.fsmonitor": spy, "uploadpack.packObjectsHook": spy, "core.sshCommand": spy, "credential.helper": spy, "filter.x.smudge": spy} {
		git(t, p.bare, "config", key, value)
	}
	f := open(t, "file://"+p.bare)
	if _, err := f.Propose(t.Context(), fix(t, f)); err != nil {
		t.Fatal(err)
	}
	if log, err := os.ReadFile(spy + ".log"); err == nil {
		t.Errorf("programs ran:\n%s", log)
	}
}

func TestRemotes(t *testing.T) {
	for text, want := range map[string]string{
		"https://git.bank.example/payments.git":                "https://git.bank.example/payments.git",
		"https://git.bank.example:8443/a/b.git/":               "https://git.bank.example:8443/a/b.git/",
		"ssh://git@git.bank.example:2222/a/b.git":              "ssh://git@git.bank.example:2222/a/b.git",
		"git@git.bank.example:a/b.git":                         "ssh://git@git.bank.example/a/b.git",
		"file:///srv/git/a.git":                                "file:///srv/git/a.git",
		"https://[::1]:8443/a.git":                             "https://[::1]:8443/a.git",
		"ext::sh -c touch% /tmp/x":                             "",
		"ext::touch":                                           "",
		"fd::17":                                               "",
		"helper::https://git.bank.example/a.git":               "",
		"http://git.bank.example/a.git":                        "",
		"git://git.bank.example/a.git":                         "",
		"ftp://git.bank.example/a.git":                         "",
		"/srv/git/a.git":                                       "",
		"../a.git":                                             "",
		"":                                                     "",
		"-oProxyCommand=touch":                                 "",
		"--upload-pack=touch":                                  "",
		"ssh://-oProxyCommand=touch/a.git":                     "",
		"ssh://git@-oProxyCommand=touch/a.git":                 "",
		"ssh://-oProxyCommand=touch@bank.example/a.git":        "",
		"ssh://bank.example/-a.git":                            "",
		"ssh://git:hunter2@bank.example/a.git":                 "",
		"https://ana:hunter2@git.bank.example/a.git":           "",
		"https://hunter2@git.bank.example/a.git":               "",
		"https://git.bank.example/a.git?token=hunter2":         "",
		"https://git.bank.example/a.git#hunter2":               "",
		"https://git.bank.example/../a.git":                    "",
		"https://git.bank.example/a.git\nhunter2":              "",
		"https://git.bank.example/a%0ahost=evil.example/a.git": "",
		"https://git.bank.example":                             "",
		"https:///a.git":                                       "",
		"file://server/share":                                  "",
		"file://user:hunter2@/a.git":                           "",
	} {
		f, err := New(t.Context(), Config{Remote: text, Dir: t.TempDir()})
		if want == "" {
			e := wantKind(t, err, forge.ErrInput)
			if strings.Contains(e.Error(), "hunter2") {
				t.Errorf("%q: %v holds the password", text, e)
			}
			continue
		}
		if err != nil || f.remote.url != want {
			t.Errorf("%q: %v, %v, want %s", text, f, err, want)
		}
	}
}

// ssh is called with nothing of the user's configuration, never asks, and knows the host or refuses.
func TestSSH(t *testing.T) {
	p := started(t)
	dir := t.TempDir()
	// Stands in for ssh: the command is run here.
	writeProgram(t, filepath.Join(dir, "ssh"), `for a in "$@"; do echo "$a"; done >"`+dir+`/args"; for last in "$@"; do :; done; eval "$last"`)
	writeFiles(t, dir, map[string]string{"a key": "k", "known": "h"})
	ssh := func(c *Config) {
		c.Path = dir + string(filepath.ListSeparator) + os.Getenv("PATH")
		c.SSHKey, c.KnownHosts = filepath.Join(dir, "a key"), filepath.Join(dir, "known")
	}
	f := open(t, "ssh://git@git.bank.example:2222"+p.bare, ssh)
	if _, err := f.Propose(t.Context(), fix(t, f)); err != nil {
		t.Fatal(err)
	}
	args, _ := os.ReadFile(filepath.Join(dir, "args"))
	for _, want := range []string{"-F\nnone\n", "BatchMode=yes\n", "StrictHostKeyChecking=yes\n", "IdentitiesOnly=yes\n", "-i\n" + dir + "/a key\n", "UserKnownHostsFile=" + dir + "/known\n", "-p\n2222\n", "git@git.bank.example\n"} {
		if !strings.Contains(string(args), want) {
			t.Errorf("ssh was called without %q:\n%s", want, args)
		}
	}
	for said, want := range map[string]error{
		"Host key verification failed.":                                       forge.ErrNoAccess,
		"git@git.bank.example: Permission denied (publickey).":                forge.ErrNoAccess,
		"ssh: connect to host git.bank.example port 22: Connection refused":   forge.ErrUnreachable,
		"ssh: Could not resolve hostname git.bank.example: Name or service …": forge.ErrUnreachable,
		"ERROR: Repository not found.":                                        forge.ErrNotRepository,
	} {
		writeProgram(t, filepath.Join(dir, "ssh"), "echo '"+said+"' >&2; exit 255")
		_, err := f.Base(t.Context())
		wantKind(t, err, want)
	}
}
