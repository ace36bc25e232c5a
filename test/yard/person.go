package yard

import (
	"encoding/pem"
	"io"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// How a person merges a branch.
const (
	FastForward = "fast-forward"
	MergeCommit = "merge commit"
	Squash      = "squash"
)

// Sync brings the person's clone up to what the main branch shows.
func (r *Repository) Sync() {
	r.t.Helper()
	r.git(r.work, "fetch", "-q", "--prune", "origin")
	r.git(r.work, "checkout", "-q", "-f", "-B", "main", "origin/main")
}

// Merge merges a branch into main as a person does, and returns what main shows then.
func (r *Repository) Merge(branch, how string) string {
	r.t.Helper()
	r.Sync()
	switch from := "origin/" + branch; how {
	case FastForward:
		r.git(r.work, "merge", "-q", "--ff-only", from)
	case MergeCommit:
		r.git(r.work, "merge", "-q", "--no-ff", "-m", "Merge "+branch, from)
	case Squash:
		r.git(r.work, "merge", "-q", "--squash", from)
		r.git(r.work, "commit", "-q", "-m", "Squash "+branch)
	default:
		r.t.Fatalf("nobody merges by %s", how)
	}
	r.git(r.work, "push", "-q", "origin", "main")
	return r.Git("rev-parse", "refs/heads/main")
}

// Link puts a symbolic link into the person's clone, in the place of whatever is there, for the next Push.
func (r *Repository) Link(name, target string) {
	r.t.Helper()
	at := filepath.Join(r.work, filepath.FromSlash(name))
	_ = os.Remove(at) // what is not there need not go
	if err := os.Symlink(target, at); err != nil {
		r.t.Fatal(err)
	}
}

// Onto commits files onto a branch of somebody else's and pushes it; it returns the commit.
func (r *Repository) Onto(branch, message string, files map[string]string) string {
	r.t.Helper()
	r.git(r.work, "fetch", "-q", "--prune", "origin")
	r.git(r.work, "checkout", "-q", "-f", "-B", "visit", "origin/"+branch)
	commit := r.Push(branch, message, files)
	r.git(r.work, "checkout", "-q", "-f", "main")
	return commit
}

// Point has a branch show a commit that the bare repository has, or (empty) takes it away.
func (r *Repository) Point(branch, commit string) {
	r.t.Helper()
	if commit == "" {
		r.Git("update-ref", "-d", "refs/heads/"+branch)
		return
	}
	r.Git("update-ref", "refs/heads/"+branch, commit)
}

// Serve serves the bare repository by HTTPS on loopback until the test ends, to be read by anybody; git lets nobody
// write who did not say who he is. It returns the address, and the file of
// its certificate.
func (r *Repository) Serve() (address, authority string) {
	r.t.Helper()
	dir, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		r.t.Fatal(err)
	}
	program := filepath.Join(strings.TrimSpace(string(dir)), "git-http-backend")
	if _, err := os.Stat(program); err != nil {
		r.t.Skip("no git-http-backend here")
	}
	server := httptest.NewTLSServer(&cgi.Handler{Path: program, Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(r.Path), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "HOME=" + r.t.TempDir(),
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}, Stderr: io.Discard})
	r.t.Cleanup(server.Close)
	authority = filepath.Join(r.t.TempDir(), "ca.pem")
	write(r.t, authority, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	return server.URL + "/" + filepath.Base(r.Path), authority
}

// Hook has the bare repository run a shell script at a point of git's (githooks(5)); empty takes it away.
func (r *Repository) Hook(name, script string) {
	r.t.Helper()
	path := filepath.Join(r.Path, "hooks", name)
	if script == "" {
		if err := os.Remove(path); err != nil {
			r.t.Fatal(err)
		}
		return
	}
	write(r.t, path, "#!/bin/sh\n"+script+"\n")
	if err := os.Chmod(path, 0o755); err != nil {
		r.t.Fatal(err)
	}
}

// Entries commits a tree of raw entries ("100644 blob <id>\tname") to main on top of what it shows, as no git add
// would make it; it returns the commit. Nothing of the tree before is kept.
func (r *Repository) Entries(message string, entries ...string) string {
	r.t.Helper()
	tree := r.feed(strings.Join(entries, "\n")+"\n", "mktree", "--missing")
	commit := r.Git("commit-tree", "-p", "refs/heads/main", "-m", message, tree)
	r.Point("main", commit)
	return commit
}

// Blob writes a file's content into the bare repository, and returns its id.
func (r *Repository) Blob(text string) string {
	r.t.Helper()
	return r.feed(text, "hash-object", "-w", "--stdin")
}
