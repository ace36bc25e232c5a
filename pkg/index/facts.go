package index

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/drydock-dev/drydock/pkg/evidence"
)

// facts keeps the metadata of files by key, in memory within bounds and on disk: it never changes. Several
// questions for one file at a time are one.
type facts struct {
	dir string // "": memory only

	mu     sync.Mutex
	kept   map[string][]byte
	size   int
	flying map[string]*question
}

type question struct {
	done chan struct{}
	data []byte
	err  error
}

func newFacts(dir string) *facts {
	return &facts{dir: dir, kept: map[string][]byte{}, flying: map[string]*question{}}
}

func (k *facts) get(ctx context.Context, what, key string, read func(context.Context) ([]byte, error)) ([]byte, error) {
	k.mu.Lock()
	if data, ok := k.kept[key]; ok {
		k.mu.Unlock()
		return data, nil
	}
	q := k.flying[key]
	if q == nil {
		q = &question{done: make(chan struct{})}
		k.flying[key] = q
		// It belongs to all who wait for it: one who gives up must not end it for the others.
		go k.answer(context.WithoutCancel(ctx), key, q, read)
	}
	k.mu.Unlock()
	select {
	case <-q.done:
		return q.data, q.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", what, ctx.Err())
	}
}

func (k *facts) answer(ctx context.Context, key string, q *question, read func(context.Context) ([]byte, error)) {
	data, found := k.read(key)
	if !found {
		if data, q.err = read(ctx); q.err == nil {
			k.write(key, data)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if q.err == nil {
		q.data = data
		if k.size += len(data); k.size > maxFacts {
			clear(k.kept) // rare and cheap to fill again from disk
			k.size = len(data)
		}
		k.kept[key] = data
	}
	delete(k.flying, key)
	close(q.done)
}

func (k *facts) path(key string) string { return filepath.Join(k.dir, "metadata", key[:2], key[2:]) }

// read believes a file whose first line is the digest of the rest.
func (k *facts) read(key string) ([]byte, bool) {
	if k.dir == "" {
		return nil, false
	}
	data, err := os.ReadFile(k.path(key))
	if err != nil {
		return nil, false
	}
	first, body, ok := bytes.Cut(data, []byte("\n"))
	if !ok || string(first) != string(evidence.Of(body)) {
		return nil, false
	}
	return body, true
}

func (k *facts) write(key string, data []byte) {
	if k.dir != "" {
		keep(k.path(key), []byte(string(evidence.Of(data))+"\n"), data)
	}
}

// keep writes a file whole or not at all.
func keep(path string, parts ...[]byte) {
	dir := filepath.Dir(path)
	if os.MkdirAll(dir, 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(dir, ".new-"+strings.ReplaceAll(filepath.Base(path), "*", "")+"-*")
	if err != nil {
		return
	}
	defer os.Remove(f.Name())
	for _, part := range parts {
		if err == nil {
			_, err = f.Write(part)
		}
	}
	if cerr := f.Close(); err == nil && cerr == nil {
		_ = os.Rename(f.Name(), path)
	}
}
