package gitforge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/drydock-dev/drydock/pkg/forge"
)

// cache is a bare repository of our own making. Nothing in it is needed again:
// one that an earlier process or a killed git left in the middle of something
// is thrown away.
type cache struct {
	f     *Forge
	dir   string
	place chan struct{} // holds one while somebody uses it
}

func (f *Forge) newCache(name string) *cache {
	return &cache{f: f, dir: filepath.Join(f.cfg.Dir, name+".git"), place: make(chan struct{}, 1)}
}

// use runs fn with the repository, which nobody else uses meanwhile. like is any commit of the remote: its
// length tells the hash.
func (c *cache) use(ctx context.Context, doing, like string, fn func(repo string) error) (err error) {
	select {
	case c.place <- struct{}{}:
		defer func() { <-c.place }()
	case <-ctx.Done():
		return ctx.Err()
	}
	lock := flock.New(c.dir + ".lock")
	if ok, err := lock.TryLockContext(ctx, lockPause); !ok {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return ioError(doing+": lock its cache", err)
	}
	defer lock.Close()
	mark := c.dir + ".busy"
	if _, err := os.Lstat(mark); err == nil || c.outgrown() {
		if err := os.RemoveAll(c.dir); err != nil {
			return ioError(doing+": clear its cache", err)
		}
	}
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		return ioError(doing+": mark its cache", err)
	}
	defer func() {
		if !errors.Is(err, errKilled) && ended(err) == nil {
			_ = os.Remove(mark) // or else the next one starts anew, which is right too
		}
	}()
	if _, err := os.Lstat(filepath.Join(c.dir, "HEAD")); err != nil {
		if err := c.start(ctx, doing, like); err != nil {
			return err
		}
	}
	return fn(c.dir)
}

// start makes the repository. Its configuration is replaced by ours, whatever git wrote.
func (c *cache) start(ctx context.Context, doing, like string) error {
	if err := os.RemoveAll(c.dir); err != nil {
		return ioError(doing+": clear its cache", err)
	}
	format, version, extension := "sha1", 0, ""
	if len(like) == 64 {
		format, version, extension = "sha256", 1, "\tobjectFormat = sha256\n"
	}
	_, err := c.f.call(ctx, call{doing: doing + ": make its cache", args: []string{"init", "--quiet", "--bare", "--template=", "--object-format=" + format, "--", c.dir}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(c.dir, "config"), fmt.Appendf(nil, cacheConfig, version, extension), 0o600); err != nil {
		return ioError(doing+": configure its cache", err)
	}
	return nil
}

// outgrown says whether so much was fetched that starting anew is cheaper than going on.
func (c *cache) outgrown() bool {
	packs, bytes := 0, int64(0)
	_ = filepath.WalkDir(filepath.Join(c.dir, "objects", "pack"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if filepath.Ext(path) == ".pack" {
			packs++
		}
		if info, err := d.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	})
	return packs > maxPacks || bytes > 2*c.f.cfg.Limits.Fetch
}

// fetch has the repository know a commit and its files, without history and without files larger than any we
// would write.
func (c *cache) fetch(ctx context.Context, doing, repo, commit string) error {
	return c.fetchBy(ctx, doing, repo, commit, "--depth=1", fmt.Sprintf("--filter=blob:limit=%d", c.f.cfg.Limits.File+1))
}

// fetchLine has the repository know the history of a commit back to a time, without files where the host can
// leave them out. Where it can't, the time bounds what comes.
func (c *cache) fetchLine(ctx context.Context, doing, repo, commit string, since int64) error {
	mark := filepath.Join(repo, "since")
	had := int64(math.MaxInt64)
	if data, err := os.ReadFile(mark); err == nil {
		if n, err := strconv.ParseInt(string(data), 10, 64); err == nil {
			had = n
		}
	}
	if had <= since {
		since = had // a fetch with a later time would cut off what is there
		if ok, err := c.has(ctx, repo, commit); ok || err != nil {
			return err
		}
	}
	if since > 0 {
		err := c.fetchBy(ctx, doing, repo, commit, "--filter=tree:0", fmt.Sprintf("--shallow-since=%d", since))
		var e *forge.Error
		if err == nil {
			return ioFailed(doing, os.WriteFile(mark, strconv.AppendInt(nil, since, 10), 0o600))
		}
		if !errors.As(err, &e) || !strings.Contains(e.Detail, "shallow") {
			return err
		}
	}
	// The base itself says that it is older, or the host knows no such fetch.
	full := []string{"--filter=tree:0"}
	if _, err := os.Lstat(filepath.Join(repo, "shallow")); err == nil {
		full = append(full, "--unshallow")
	}
	if err := c.fetchBy(ctx, doing, repo, commit, full...); err != nil {
		return err
	}
	return ioFailed(doing, os.WriteFile(mark, []byte("0"), 0o600))
}

func ioFailed(doing string, err error) error {
	if err == nil {
		return nil
	}
	return ioError(doing, err)
}

func (c *cache) fetchBy(ctx context.Context, doing, repo, commit string, how ...string) error {
	args := append([]string{"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules", "--force"}, how...)
	_, err := c.f.call(ctx, call{doing: doing, repo: repo, net: true, limit: c.f.cfg.Limits.Transfer,
		args: append(args, "--", c.f.remote.url, commit+":refs/drydock/"+commit)})
	if err != nil && c.cutOff() {
		return &forge.Error{Kind: forge.ErrTooLarge, Doing: doing, Detail: fmt.Sprintf("more than %d bytes, compressed", c.f.cfg.Limits.Fetch), Advice: "raise git.limits.fetch", Cause: errKilled}
	}
	return err
}

// cutOff says whether the pack of a fetch ended where RLIMIT_FSIZE ends it; git says nothing of the kind.
func (c *cache) cutOff() bool {
	parts, _ := filepath.Glob(filepath.Join(c.dir, "objects", "pack", "tmp_pack_*"))
	for _, p := range parts {
		if info, err := os.Lstat(p); err == nil && info.Size() >= c.f.cfg.Limits.Fetch {
			return true
		}
	}
	return false
}

// need fetches a commit unless it is there.
func (c *cache) need(ctx context.Context, doing, repo, commit string) error {
	if ok, err := c.has(ctx, repo, commit); ok || err != nil {
		return err
	}
	return c.fetch(ctx, doing, repo, commit)
}

// has says whether a commit is there. Its reference is written when it was fetched whole, or made here.
func (c *cache) has(ctx context.Context, repo, commit string) (bool, error) {
	_, err := c.f.call(ctx, call{doing: "look for a commit", repo: repo, args: []string{"rev-parse", "--verify", "--quiet", "refs/drydock/" + commit}})
	var e *forge.Error
	if errors.As(err, &e) && !errors.Is(err, errKilled) {
		return false, nil
	}
	return err == nil, err
}

// keep makes a commit of ours one that has knows.
func (c *cache) keep(ctx context.Context, repo, commit string) error {
	_, err := c.f.call(ctx, call{doing: "keep a commit", repo: repo, args: []string{"update-ref", "--no-deref", "refs/drydock/" + commit, commit}})
	return err
}

// seconds rounds a time as commits do.
func seconds(t time.Time) (int64, string) { return t.Unix(), t.Format("-0700") }
