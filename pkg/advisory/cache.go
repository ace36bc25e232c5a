package advisory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// cache keeps snapshots by the digest of what they were made from, and digests by the identity (size, time,
// inode) of the file. All of it may be deleted at any time. An empty directory name is no cache.
type cache struct{ dir string }

// settled: a file changed more recently than this might change again without its time showing it.
const settled = 2 * time.Second

// abandoned: no snapshot takes this long to write.
const abandoned = time.Hour

// keepPerKind bounds what old databases leave behind.
const keepPerKind = 4

func (c cache) path(kind, digest string) string {
	digest = strings.TrimPrefix(digest, "sha256:")
	return filepath.Join(c.dir, fmt.Sprintf("%s-%.24s-%d.snapshot", strings.ReplaceAll(kind, string(filepath.Separator), "_"), digest, snapshotFormat))
}

// put writes one away; a failure only costs the time to make it again.
func (c cache) put(kind, digest string, data []byte) {
	if c.dir == "" || os.MkdirAll(c.dir, 0o755) != nil {
		return
	}
	if writeFile(c.path(kind, digest), data, false) == nil {
		c.prune(kind)
	}
}

// prune deletes the oldest of a kind, and what killed processes left half written.
func (c cache) prune(kind string) {
	left, _ := filepath.Glob(filepath.Join(c.dir, temporary))
	for _, path := range left {
		if time.Since(modified(path)) > abandoned {
			os.Remove(path)
		}
	}
	found, err := filepath.Glob(filepath.Join(c.dir, kind+"-*.snapshot"))
	for err == nil && len(found) > keepPerKind {
		oldest := 0
		for i := range found {
			if modified(found[i]).Before(modified(found[oldest])) {
				oldest = i
			}
		}
		err = os.Remove(found[oldest])
		found = append(found[:oldest], found[oldest+1:]...)
	}
}

func modified(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// digest returns an open file's identity and digest, the latter from memory when the file is unchanged.
func (c cache) digest(ctx context.Context, f *os.File) (id, digest string, err error) {
	info, err := f.Stat()
	if err != nil {
		return "", "", err
	}
	id = identity(info)
	absolute, err := filepath.Abs(f.Name())
	if c.dir == "" || err != nil {
		digest, err = digestFile(ctx, f)
		return id, digest, err
	}
	key := sha256.Sum256([]byte(absolute))
	note := filepath.Join(c.dir, hex.EncodeToString(key[:12])+".digest")
	if data, err := os.ReadFile(note); err == nil {
		if remembered, digest, ok := strings.Cut(strings.TrimSuffix(string(data), "\n"), " = "); ok && remembered == id && isDigest(digest) {
			return id, digest, nil
		}
	}
	digest, err = digestFile(ctx, f)
	if err == nil && time.Since(info.ModTime()) > settled && os.MkdirAll(c.dir, 0o755) == nil {
		_ = writeFile(note, []byte(id+" = "+digest+"\n"), false)
	}
	return id, digest, err
}

func isDigest(s string) bool {
	sum, ok := strings.CutPrefix(s, "sha256:")
	if !ok || len(sum) != sha256.Size*2 {
		return false
	}
	_, err := hex.DecodeString(sum)
	return err == nil
}
