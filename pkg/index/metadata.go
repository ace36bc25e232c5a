package index

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Metadata is the core metadata of a file of p: the file that the index offers beside it (PEP 658), its hash
// verified where the index states one; else METADATA out of the wheel, or PKG-INFO out of the source distribution.
// What is read out of a file fetched whole is verified by the file's sha256. Of a large wheel only the parts needed
// are asked for, where its host allows that: those can't be verified, so who controls that host could make a plan
// fail to install, but not change what is installed, which the hashes of the index decide.
func (c *Client) Metadata(ctx context.Context, p *Project, f File) ([]byte, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	what := fmt.Sprintf("read the metadata of %s from the index %s", clip(f.Name), c.root)
	if f.Metadata == nil && !isSHA256(f.Hashes["sha256"]) {
		return nil, &failure{what: what, kind: ErrUnverified}
	}
	return c.facts.get(ctx, what, factsKey(p, f), func(ctx context.Context) ([]byte, error) {
		if f.Metadata != nil {
			data, err := c.beside(ctx, what, f)
			if err == nil || !errors.Is(err, ErrGone) {
				return data, err
			}
		}
		switch {
		case !isSHA256(f.Hashes["sha256"]):
			return nil, &failure{what: what, kind: ErrUnverified}
		case strings.HasSuffix(f.Name, ".whl"):
			return c.ofWheel(ctx, what, p.Name, f)
		case slices.ContainsFunc(sdistEndings, func(e string) bool { return strings.HasSuffix(f.Name, e) }):
			return c.ofSdist(ctx, what, f)
		}
		return nil, &failure{what: what, kind: ErrNoMetadata, cause: errors.New("it is neither a wheel nor a source distribution")}
	})
}

// factsKey names what is known of a file: by the digest of the metadata where the index states that, else of the file.
// Without either the page says when it may have changed.
func factsKey(p *Project, f File) string {
	of := func(s ...string) string {
		sum := sha256.Sum256([]byte(strings.Join(s, "\n")))
		return hex.EncodeToString(sum[:])
	}
	file, meta := f.Hashes["sha256"], f.Metadata["sha256"]
	switch {
	case isSHA256(meta):
		return of("beside", meta, file)
	case isSHA256(file):
		return of("file", file)
	}
	return of("page", p.Digest, f.URL)
}

// beside fetches the metadata file that lies beside a distribution.
func (c *Client) beside(ctx context.Context, what string, f File) ([]byte, error) {
	u, err := c.address(what, f)
	if err != nil {
		return nil, err
	}
	u.Path, u.RawPath = u.Path+".metadata", ""
	var data []byte
	err = c.try(ctx, what, func(ctx context.Context) error {
		res, done, err := c.open(ctx, what, u, "")
		if err != nil {
			return err
		}
		defer done()
		if data, err = io.ReadAll(io.LimitReader(res.Body, maxMetadata+1)); err != nil {
			return &failure{what: what, kind: ErrUnreachable, cause: c.broke(res, err), again: true}
		}
		if len(data) > maxMetadata {
			return &failure{what: what, kind: ErrNoMetadata, cause: fmt.Errorf("more than %d MB", maxMetadata>>20)}
		}
		sum := sha256.Sum256(data)
		if want, got := f.Metadata["sha256"], hex.EncodeToString(sum[:]); want != "" && want != got {
			return &failure{what: what, kind: ErrMismatch, cause: fmt.Errorf("the metadata beside it has the sha256 %s, the index says %s", got, want)}
		}
		return looksRight(what, data)
	})
	return data, err
}

// looksRight tells core metadata from an error page or a log-in form that came in its place.
func looksRight(what string, data []byte) error {
	head, _, _ := bytes.Cut(data, []byte("\n\n"))
	for line := range bytes.Lines(head) {
		if name, _, ok := bytes.Cut(line, []byte(":")); ok && strings.EqualFold(string(name), "metadata-version") {
			return nil
		}
	}
	return &failure{what: what, kind: ErrNoMetadata, cause: errors.New("what stands in its place has no Metadata-Version")}
}
