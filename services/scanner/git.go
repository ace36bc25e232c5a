package scanner

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// gitDir is the repository that encloses a target. The parent finds it; what it holds is read by the reader.
type gitDir struct {
	Dir    string `json:"dir,omitempty"`    // HEAD, and refs of a worktree of its own
	Common string `json:"common,omitempty"` // config, refs, packed-refs
	Top    string `json:"-"`                // root of the working tree
}

// roots are the directories the reader may read for it.
func (g gitDir) roots() []string {
	switch {
	case g.Dir == "":
		return nil
	case g.Common == g.Dir:
		return []string{g.Dir}
	}
	return []string{g.Dir, g.Common}
}

// findGit looks for .git in dir (a real path) and above. The pointer files of worktrees and submodules are
// followed only where git itself would have put them: a hostile repository could otherwise point the reader
// at another one. No repository is no error.
func findGit(dir string) gitDir {
	for top := dir; ; top = filepath.Dir(top) {
		dot := filepath.Join(top, ".git")
		info, err := os.Lstat(dot)
		switch {
		case err != nil:
		case info.IsDir():
			if isFile(filepath.Join(dot, "HEAD")) {
				return gitDir{Dir: dot, Common: dot, Top: top}
			}
		case info.Mode().IsRegular():
			return linkedGit(top, dot)
		}
		if top == filepath.Dir(top) {
			return gitDir{}
		}
	}
}

// linkedGit follows a .git file: "gitdir: <path>" (gitrepository-layout(5)).
func linkedGit(top, dot string) gitDir {
	target, ok := strings.CutPrefix(pointer(dot), "gitdir: ")
	if !ok {
		return gitDir{}
	}
	dir := absolute(top, target)
	if dir == "" || !isFile(filepath.Join(dir, "HEAD")) {
		return gitDir{}
	}
	common := dir
	if c := pointer(filepath.Join(dir, "commondir")); c != "" {
		// A worktree: its folder must point back at this very .git file and lie in <common>/worktrees.
		common = absolute(dir, c)
		back := absolute(dir, pointer(filepath.Join(dir, "gitdir")))
		if back != dot || common == "" || filepath.Dir(dir) != filepath.Join(common, "worktrees") {
			return gitDir{}
		}
	} else if !enclosed(top, dir) {
		return gitDir{}
	}
	return gitDir{Dir: dir, Common: common, Top: top}
}

// enclosed reports whether dir lies in the .git/modules of a folder above top: a submodule.
func enclosed(top, dir string) bool {
	for up := filepath.Dir(top); ; up = filepath.Dir(up) {
		if strings.HasPrefix(dir, filepath.Join(up, ".git", "modules")+string(filepath.Separator)) {
			return true
		}
		if up == filepath.Dir(up) {
			return false
		}
	}
}

// pointer reads a small one-line file; empty when there is none. Whoever owns the target may exchange it for
// anything at any moment.
func pointer(name string) string {
	before, err := os.Lstat(name)
	if err != nil || !before.Mode().IsRegular() || before.Size() > maxPointer {
		return ""
	}
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // opening a FIFO would wait for a writer
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !os.SameFile(before, info) {
		return ""
	}
	data, err := io.ReadAll(io.LimitReader(f, maxPointer))
	if err != nil || bytes.IndexByte(data, 0) >= 0 {
		return ""
	}
	return strings.TrimRight(string(data), "\r\n")
}

func absolute(base, p string) string {
	if p == "" {
		return ""
	}
	if !filepath.IsAbs(p) {
		p = filepath.Join(base, p)
	}
	real, err := filepath.EvalSymlinks(p)
	if err != nil {
		return ""
	}
	return real
}

func isFile(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && (info.Mode().IsRegular() || info.Mode()&os.ModeSymlink != 0)
}

var objectID = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// readGit reads HEAD, the ref it names and the remote. It runs in the reader; git is not executed. What can't
// be read is absent.
func readGit(g gitDir) gitFacts {
	var facts gitFacts
	dir, err := openTree(g.Dir)
	if err != nil {
		return facts
	}
	common := dir
	if g.Common != g.Dir {
		if common, err = openTree(g.Common); err != nil {
			return facts
		}
	}
	facts.Revision = headCommit(dir, common)
	if config, err := common.read("config", maxGitFile); err == nil {
		facts.Remote = cleanRemote(remoteURL(string(config)))
	}
	return facts
}

// headCommit follows HEAD through at most a handful of symbolic refs.
func headCommit(dir, common *tree) string {
	name := "HEAD"
	for range 5 {
		data, err := dir.read(name, maxGitFile)
		if err != nil {
			if data, err = common.read(name, maxGitFile); err != nil {
				return packedRef(common, name)
			}
		}
		line := strings.TrimSpace(string(data))
		ref, symbolic := strings.CutPrefix(line, "ref: ")
		if !symbolic {
			if objectID.MatchString(line) {
				return line
			}
			return ""
		}
		if name = strings.TrimSpace(ref); !strings.HasPrefix(name, "refs/") || strings.Contains(name, "..") {
			return ""
		}
	}
	return ""
}

func packedRef(common *tree, name string) string {
	data, err := common.read("packed-refs", maxPackedRefs)
	if err != nil {
		return ""
	}
	for line := range bytes.Lines(data) {
		id, ref, ok := strings.Cut(strings.TrimRight(string(line), "\r\n"), " ")
		if ok && ref == name && objectID.MatchString(id) {
			return id
		}
	}
	return ""
}

// remoteURL finds the url of origin, else of the first remote, in a git config (git-config(1), "Syntax").
func remoteURL(config string) string {
	section, first := "", ""
	for line := range strings.Lines(config) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok {
			name, _, _ = strings.Cut(name, "]")
			section = strings.TrimSpace(name)
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || !strings.EqualFold(strings.TrimSpace(key), "url") || !strings.HasPrefix(strings.ToLower(section), "remote ") {
			continue
		}
		value = strings.Trim(strings.TrimSpace(value), `"`)
		if strings.HasSuffix(section, `"origin"`) {
			return value
		}
		if first == "" {
			first = value
		}
	}
	return first
}

// scpForm is git's own short form of ssh, user@host:path, without the user.
var scpForm = regexp.MustCompile(`^([A-Za-z0-9._-]+):([^/].*)$`)

// cleanRemote takes user, password, query and fragment out of a remote's address; a remote on this host is
// none.
func cleanRemote(url string) string {
	if !printable(url) || len(url) > 2048 {
		return ""
	}
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		if m := scpForm.FindStringSubmatch(withoutUserinfo(url)); m != nil {
			return "ssh://" + m[1] + "/" + strings.TrimSuffix(m[2], "/")
		}
		return ""
	}
	if scheme = strings.ToLower(scheme); scheme == "file" {
		return ""
	}
	rest, _, _ = strings.Cut(withoutUserinfo(rest), "#")
	rest, _, _ = strings.Cut(rest, "?")
	host, path, _ := strings.Cut(rest, "/")
	if host == "" {
		return ""
	}
	return scheme + "://" + host + "/" + strings.TrimSuffix(path, "/")
}
