// Package evidence names stored documents by what they contain: a document is
// put once, found by its sha256 digest, and verified whenever it is read.
package evidence

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
)

// Digest names a document: "sha256:" and 64 lower-case hex digits.
type Digest string

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// Of computes the digest of data.
func Of(data []byte) Digest {
	sum := sha256.Sum256(data)
	return Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// Parse checks that s has the form of a digest.
func Parse(s string) (Digest, error) {
	if !digestForm.MatchString(s) {
		return "", fmt.Errorf("digest %q: want sha256: and 64 hex digits", s)
	}
	return Digest(s), nil
}

// Errors of a store.
var (
	ErrNotFound = errors.New("evidence not found")
	ErrCorrupt  = errors.New("evidence does not match its digest")
)

// Store keeps documents. Put is durable once it returned and idempotent; Get verifies the digest and
// returns ErrCorrupt rather than other bytes.
type Store interface {
	Put(ctx context.Context, data []byte) (Digest, error)
	Get(ctx context.Context, d Digest) ([]byte, error)
}
