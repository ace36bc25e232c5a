package scanner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/drydock-dev/drydock/pkg/events"
)

// Identity is what a target is called.
type Identity struct {
	Application string
	Target      string // absolute path
	Remote      string // without credentials; empty where unknown
	SubPath     string // of the target below the repository's root, with '/'; empty at the root
	Revision    string // commit; empty where unknown
}

// Identify names the application at p: name where given, else after the git remote and the path below the
// repository's root, else after the absolute path. Only the enclosing .git is read, by a confined reader. An
// error that wraps fs.ErrNotExist says that there is nothing at p.
func (s *Service) Identify(ctx context.Context, p string, environment bool, name string) (Identity, error) {
	abs, err := filepath.Abs(p)
	if err != nil {
		return Identity{}, fmt.Errorf("identify %q: %w", p, err)
	}
	dir, _, err := locate(abs)
	if err != nil {
		return Identity{}, fmt.Errorf("identify the application: %w", err)
	}
	id := Identity{Target: abs, Application: name}
	git := findGit(dir)
	if git.Dir != "" {
		facts, err := s.gitOnly(ctx, git)
		if err != nil {
			return Identity{}, fmt.Errorf("read %s: %w", git.Dir, err)
		}
		id.Revision, id.Remote = facts.Revision, facts.Remote
		if rel, err := filepath.Rel(git.Top, dir); err == nil && rel != "." {
			id.SubPath = filepath.ToSlash(rel)
		}
	}
	if name == "" {
		id.Application = defaultName(id, environment)
	}
	if err := events.CheckApp(id.Application); err != nil {
		return Identity{}, err
	}
	if id.Application == events.Org {
		return Identity{}, fmt.Errorf("application name %q stands for the organisation; choose another", events.Org)
	}
	return id, nil
}

// locate returns the real directory of a target and, when the target is a file, its name in it.
func locate(abs string) (dir, file string, err error) {
	info, err := os.Stat(abs)
	if err != nil {
		return "", "", err
	}
	if !info.IsDir() {
		dir, file = filepath.Split(abs)
	} else {
		dir = abs
	}
	dir, err = filepath.EvalSymlinks(dir)
	return dir, file, err
}

// defaultName follows the remote, whose host does not tell applications apart, else the path. An environment
// is an installation: where it lies names it, not the repository it may lie in.
func defaultName(id Identity, environment bool) string {
	if _, repo, ok := strings.Cut(id.Remote, "://"); ok && !environment {
		_, repo, _ = strings.Cut(repo, "/")
		if name := slug(strings.TrimSuffix(repo, ".git")+"/"+id.SubPath, id.Remote+"\x00"+id.SubPath); name != "" {
			return name
		}
	}
	return slug(filepath.ToSlash(id.Target), id.Target)
}

// slug makes an application's name of a path: [a-z0-9][a-z0-9-]{0,62}. Where it must cut, the end of the path
// stays and six digits of a hash of all keep the name apart from others.
func slug(p, all string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(path.Clean(strings.Trim(p, "/"))) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	name := strings.Trim(b.String(), "-")
	if name != "" && len(name) <= 63 {
		return name
	}
	sum := sha256.Sum256([]byte(all))
	digest := hex.EncodeToString(sum[:3])
	if name == "" {
		return "app-" + digest
	}
	return strings.TrimLeft(name[len(name)-56:], "-") + "-" + digest
}

// scopeName names an installed environment in scopes, after where it lies.
func scopeName(target string) string { return slug(filepath.ToSlash(target), target) }
