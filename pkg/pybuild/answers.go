package pybuild

import (
	"context"
	"os"
	"strings"
	"sync"
	"time"
)

// answers remembers what interpreters said: asking half a dozen of them, some through shims, takes half a second,
// which is a tenth of a small validation. Only what was found is remembered; whoever builds with an interpreter holds
// the program to its digest anyhow.
var answers struct {
	mu  sync.Mutex
	all map[string]answered
}

type answered struct {
	said  said
	files [2]os.FileInfo // of what was asked, and of the program it named
	at    time.Time
}

// said asks the program at path, or remembers what it said lately, where neither it nor the program that it named
// changed since.
func (f *finder) said(ctx context.Context, path string) (said, error) {
	key := path + "\x00" + strings.Join(f.search.Path, "\x00")
	answers.mu.Lock()
	a, ok := answers.all[key]
	answers.mu.Unlock()
	if ok && time.Since(a.at) < answerTime && unchanged(path, a.files[0]) && unchanged(a.said.program, a.files[1]) {
		return a.said, nil
	}
	a = answered{at: time.Now()}
	var err error
	a.files[0], err = os.Stat(path)
	if err == nil {
		a.said, err = f.answer(ctx, path)
	}
	if err != nil {
		return said{}, err
	}
	if a.files[1], err = os.Stat(a.said.program); err != nil {
		return a.said, nil // the caller finds out
	}
	answers.mu.Lock()
	defer answers.mu.Unlock()
	if answers.all == nil || len(answers.all) >= maxAnswers {
		answers.all = map[string]answered{}
	}
	answers.all[key] = a
	return a.said, nil
}

// unchanged says whether a file is the one that was looked at, by what the file system tells of it.
func unchanged(path string, was os.FileInfo) bool {
	is, err := os.Stat(path)
	return err == nil && os.SameFile(is, was) && is.Size() == was.Size() && is.ModTime().Equal(was.ModTime()) && is.Mode() == was.Mode()
}
