package gitforge

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// gitConfig is all the configuration that git has of us; a cache's own file adds cacheConfig. It also reaches
// the receiving side of a file remote, so it holds nothing that would switch off what guards that repository:
// its hooks run.
const gitConfig = `# Written by Drydock at every start.
[core]
	askPass = false
	editor = false
	pager = cat
	fsmonitor = false
	attributesFile = /dev/null
	excludesFile = /dev/null
	sshCommand = "%s"
[ssh]
	variant = ssh
[protocol]
	version = 2
	allow = never
[http]
	followRedirects = false
	lowSpeedLimit = %d
	lowSpeedTime = %d
	sslVerify = true
%s[user]
	useConfigOnly = true
[commit]
	gpgSign = false
[tag]
	gpgSign = false
[push]
	default = nothing
	gpgSign = false
	recurseSubmodules = no
	followTags = false
[submodule]
	recurse = false
[fetch]
	recurseSubmodules = false
[transfer]
	credentialsInUrl = die
[credential]
	helper =
%s[advice]
	detachedHead = false
`

// cacheConfig is the configuration of our own repositories. Some mistakes that old tools made in commits and
// trees harm nobody and stand in many histories; every other finding of fsck refuses the fetch.
const cacheConfig = `[core]
	repositoryFormatVersion = %d
	bare = true
	fileMode = false
	hooksPath = /dev/null
	logAllRefUpdates = false
	bigFileThreshold = 8m
	protectHFS = true
	protectNTFS = true
[extensions]
%s[transfer]
	fsckObjects = true
	unpackLimit = 1
[fetch]
	writeCommitGraph = false
[fetch "fsck"]
	zeroPaddedFilemode = ignore
	missingSpaceBeforeDate = ignore
	badTimezone = ignore
	missingEmail = ignore
	badEmail = ignore
	badFilemode = ignore
[gc]
	auto = 0
[maintenance]
	auto = false
`

// quoted is a value of a git configuration file in double quotes.
func quoted(s string) string { return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) }

func (f *Forge) writeConfig() error {
	ssh := []string{"ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes -o ForwardAgent=no -o ClearAllForwardings=yes -o PermitLocalCommand=no -o ConnectTimeout=20 -o ServerAliveInterval=15 -o ServerAliveCountMax=2"}
	if f.cfg.SSHKey != "" {
		ssh = append(ssh, "-i '"+f.cfg.SSHKey+"'")
	} else {
		ssh = append(ssh, "-o IdentityFile=none -o IdentityAgent=none")
	}
	if f.cfg.KnownHosts != "" {
		ssh = append(ssh, "-o 'UserKnownHostsFile="+f.cfg.KnownHosts+"' -o GlobalKnownHostsFile=none")
	}
	var http, helper strings.Builder
	if f.cfg.CAFile != "" {
		fmt.Fprintf(&http, "\tsslCAInfo = \"%s\"\n", quoted(f.cfg.CAFile))
	}
	if f.cfg.Proxy != "" {
		fmt.Fprintf(&http, "\tproxy = \"%s\"\n", quoted(f.cfg.Proxy))
	}
	if f.remote.scheme == "https" && f.cfg.Credentials != nil {
		// The helper reads what we handed to git in file descriptor 3, for this host and no other.
		fmt.Fprintf(&helper, "[credential \"https://%s\"]\n\thelper = \"!f() { test \\\"$1\\\" = get && { cat <&3; } 2>/dev/null; }; f\"\n", quoted(f.remote.host))
	}
	text := fmt.Sprintf(gitConfig, quoted(strings.Join(ssh, " ")), slowest, slowFor, http.String(), helper.String())
	// Another process may be reading it: replaced whole, and only when it differs.
	file := filepath.Join(f.home, "gitconfig")
	if old, err := os.ReadFile(file); err == nil && string(old) == text {
		return nil
	}
	tmp, err := os.CreateTemp(f.home, "gitconfig.*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(text)
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}

// env is the whole environment of a git.
func (f *Forge) env(c call) []string {
	allowed := "none" // for what git would fetch by itself when an object is missing
	if c.net {
		allowed = f.remote.scheme
	}
	env := []string{
		"PATH=" + f.cfg.Path,
		"HOME=" + f.home,
		"XDG_CONFIG_HOME=" + f.home,
		"TMPDIR=" + filepath.Join(f.home, "tmp"),
		"LC_ALL=C",
		"TZ=UTC",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=" + filepath.Join(f.home, "gitconfig"),
		"GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_ASKPASS=false",
		"SSH_ASKPASS=false",
		"SSH_ASKPASS_REQUIRE=never",
		"GIT_ALLOW_PROTOCOL=" + allowed,
		"GIT_PROTOCOL_FROM_USER=0",
		"GIT_NO_REPLACE_OBJECTS=1",
		"GIT_OPTIONAL_LOCKS=0",
		"GIT_CEILING_DIRECTORIES=" + f.cfg.Dir,
	}
	if !c.net {
		env = append(env, "GIT_NO_LAZY_FETCH=1")
	}
	if c.repo != "" {
		env = append(env, "GIT_DIR="+c.repo)
	}
	return env
}
