package pybuild

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/artifact"
	"github.com/drydock-dev/drydock/pkg/pep440"
)

// Search says where interpreters may be.
type Search struct {
	// Named are interpreters by version, as configured: "3.11" or "3.11.7" → absolute path. One that is named for the
	// wanted version is taken, and no other. Who writes it decides which program runs the artifact.
	Named map[string]string
	// Path are the folders of PATH. Those that are not absolute are left out: a relative one would take programs from
	// the repository that is looked at.
	Path []string
}

// MissingError reports that no interpreter of the wanted version was found.
type MissingError struct {
	Want  string   // "" for any
	Found []string // "3.11.7 (/usr/bin/python3.11)" what there is, sorted, then what was passed over and why
	// Named is why the interpreter that is configured for the version can't be used.
	Named error
}

func (e *MissingError) Error() string {
	want := "Python " + e.Want
	if e.Want == "" {
		want = "a CPython 3"
	}
	if e.Named != nil {
		return fmt.Sprintf("find %s: the one that is configured: %v; correct its path, or leave it out", want, e.Named)
	}
	found := "no Python at all"
	if len(e.Found) > 0 {
		found = strings.Join(e.Found, "; ")
	}
	return fmt.Sprintf("find %s on this host: there is %s; install CPython %s, name its path in the configuration, or set the application's python to one that is here", want, found, cmp.Or(e.Want, "3"))
}

func (e *MissingError) Unwrap() error { return e.Named }

var wantForm = regexp.MustCompile(`^(3(\.\d{1,3}(\.\d{1,3})?)?)?$`)

// Find is the host's real CPython of a version: "3.11" is the newest 3.11 that is found, "3.11.7" exactly that, "" the
// newest of all. It is the program itself, never a shim of a version manager or a link of a virtual environment:
// each candidate is asked what it is. Looked at are what is configured, pythonX.Y and python3 on PATH, and the other
// versions of a version manager whose shim answers. Errors are *MissingError, ctx's, or say that want is no version.
func Find(ctx context.Context, want string, s Search) (artifact.Interpreter, error) {
	if !wantForm.MatchString(want) {
		return artifact.Interpreter{}, fmt.Errorf("find Python %q: not a version of CPython 3: write it as 3.11 or 3.11.7", want)
	}
	f := finder{search: s, asked: map[string]bool{}}
	if path := named(want, s.Named); path != "" {
		i, err := f.named(ctx, want, path)
		if ctx.Err() != nil {
			return artifact.Interpreter{}, context.Cause(ctx)
		}
		if err != nil {
			return artifact.Interpreter{}, &MissingError{Want: want, Named: err}
		}
		return i, nil
	}
	f.look(ctx, want)
	if ctx.Err() != nil {
		return artifact.Interpreter{}, context.Cause(ctx)
	}
	slices.SortStableFunc(f.found, func(a, b artifact.Interpreter) int { return newer(a.Version, b.Version) })
	for _, i := range f.found {
		if matches(i.Version, want) {
			sum, err := digestOf(i.Path)
			if err != nil {
				return artifact.Interpreter{}, fmt.Errorf("find Python %s: read the program: %w", want, err)
			}
			i.Digest = sum
			return i, nil
		}
	}
	missing := &MissingError{Want: want}
	for _, i := range f.found {
		missing.Found = append(missing.Found, fmt.Sprintf("%s (%s)", i.Version, i.Path))
	}
	missing.Found = append(missing.Found, f.passed...)
	return artifact.Interpreter{}, missing
}

// named is the path configured for a version: exactly it, else the newest of those it stands for.
func named(want string, all map[string]string) string {
	if want == "" {
		return ""
	}
	best := ""
	for v := range all {
		if matches(v, want) && (best == "" || newer(v, best) < 0) {
			best = v
		}
	}
	if p := all[want]; p != "" {
		return p
	}
	return all[best]
}

// matches says whether a version is what "3.11" or "3.11.7" asks for.
func matches(version, want string) bool {
	return want == "" || version == want || strings.HasPrefix(version, want+".")
}

func newer(a, b string) int {
	v, _ := pep440.Parse(a)
	w, _ := pep440.Parse(b)
	return w.Compare(v)
}

type finder struct {
	search Search
	asked  map[string]bool
	found  []artifact.Interpreter // without digests
	passed []string
	count  int
}

func (f *finder) named(ctx context.Context, want, path string) (artifact.Interpreter, error) {
	if !filepath.IsAbs(path) {
		return artifact.Interpreter{}, fmt.Errorf("%s is not an absolute path", path)
	}
	i, err := f.ask(ctx, path)
	if err != nil {
		return i, err
	}
	if !matches(i.Version, want) {
		return i, fmt.Errorf("%s is Python %s", path, i.Version)
	}
	i.Digest, err = digestOf(i.Path)
	return i, err
}

// look asks every candidate.
func (f *finder) look(ctx context.Context, want string) {
	for _, v := range slices.Sorted(func(yield func(string) bool) {
		for v := range f.search.Named {
			if !yield(v) {
				return
			}
		}
	}) {
		f.consider(ctx, f.search.Named[v])
	}
	for _, dir := range f.search.Path {
		if !filepath.IsAbs(dir) {
			continue
		}
		names := []string{"python3"}
		if minor := minorOf(want); strings.Contains(minor, ".") {
			names = []string{"python" + minor, "python3"}
		} else if all, err := filepath.Glob(filepath.Join(escape(dir), "python3.*")); err == nil {
			for _, p := range all {
				if programName.MatchString(filepath.Base(p)) && isELF(p) { // shims are slow, and one leads to all versions
					names = append(names, filepath.Base(p))
				}
			}
		}
		for _, name := range names {
			f.consider(ctx, filepath.Join(dir, name))
		}
	}
	for _, i := range slices.Clone(f.found) {
		// pyenv and its like keep one folder for each version, beside one another.
		prefix := filepath.Dir(filepath.Dir(i.Path))
		if versions := filepath.Dir(prefix); filepath.Base(versions) == "versions" {
			entries, _ := os.ReadDir(versions)
			for _, e := range entries {
				if strings.HasPrefix(e.Name(), "3.") && matches(e.Name(), minorOf(want)) {
					f.consider(ctx, filepath.Join(versions, e.Name(), "bin", "python3"))
				}
			}
		}
	}
}

var programName = regexp.MustCompile(`^python3\.\d+$`)

func escape(p string) string {
	return regexp.MustCompile(`[*?\[\\]`).ReplaceAllString(p, `\$0`)
}

func (f *finder) consider(ctx context.Context, path string) {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return
	}
	key := path
	if isELF(path) { // many names of one program need one question; a shim's answer depends on its name
		if real, err := filepath.EvalSymlinks(path); err == nil {
			key = real
		}
	}
	if f.asked[key] || f.count >= maxCandidates || ctx.Err() != nil {
		return
	}
	f.asked[key] = true
	f.count++
	i, err := f.ask(ctx, path)
	if err != nil {
		f.passed = append(f.passed, err.Error())
		return
	}
	if !slices.ContainsFunc(f.found, func(j artifact.Interpreter) bool { return i.Path == j.Path }) {
		f.found = append(f.found, i)
	}
}

// question makes an interpreter say what it is: nothing but its own standard library is imported.
const question = `import os, sys
print("\n".join(["drydock", sys.implementation.name, os.path.realpath(sys.executable), os.path.realpath(getattr(sys, "base_prefix", sys.prefix)), "%d.%d.%d" % sys.version_info[:3], sys.version_info[3], getattr(sys, "abiflags", "")]))`

// ask asks the interpreter at path, and the real one it leads to.
func (f *finder) ask(ctx context.Context, path string) (artifact.Interpreter, error) {
	a, err := f.said(ctx, path)
	if err != nil {
		return artifact.Interpreter{}, fmt.Errorf("%s: %w", path, err)
	}
	real := a.program
	if rel, err := filepath.Rel(a.prefix, real); err != nil || strings.HasPrefix(rel, "..") { // a copy in a virtual environment
		real, err = filepath.EvalSymlinks(filepath.Join(a.prefix, "bin", "python"+minorOf(a.version)))
		if err != nil {
			return artifact.Interpreter{}, fmt.Errorf("%s: it is a copy whose original beneath %s is not there", path, a.prefix)
		}
	}
	if !isELF(real) {
		return artifact.Interpreter{}, fmt.Errorf("%s: %s, which it leads to, is a script and no interpreter", path, real)
	}
	if real != a.program {
		if again, err := f.said(ctx, real); err != nil || again.version != a.version {
			return artifact.Interpreter{}, fmt.Errorf("%s: %s, which it leads to, is another (%w)", path, real, cmp.Or(err, errors.New(again.version)))
		}
	}
	return artifact.Interpreter{Path: real, Version: a.version}, nil
}

type said struct{ program, prefix, version string }

func (f *finder) answer(ctx context.Context, path string) (said, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	absolute := slices.DeleteFunc(slices.Clone(f.search.Path), func(d string) bool { return !filepath.IsAbs(d) })
	cmd := exec.CommandContext(ctx, path, "-I", "-S", "-c", question)
	// Not where Drydock was started, nor a home: what lies there could choose the answer.
	cmd.Dir, cmd.Env = "/", []string{"PATH=" + strings.Join(absolute, string(os.PathListSeparator)), "HOME=/nonexistent", "LC_ALL=C.UTF-8"}
	if v := versionOfShim(path); v != "" {
		cmd.Env = append(cmd.Env, "PYENV_VERSION="+v)
	}
	out, errs := &limited{}, &limited{}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = out, errs, askTime/10
	own(cmd)
	err := cmd.Run()
	if ctx.Err() != nil {
		return said{}, fmt.Errorf("asked what it is, it did not answer within %s", askTime)
	}
	if err != nil {
		return said{}, fmt.Errorf("asked what it is, it fails: %w: %s", err, strings.ReplaceAll(lastLines(clean(errs.Bytes())), "\n", " "))
	}
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	if len(lines) < 6 || lines[0] != "drydock" || !filepath.IsAbs(lines[2]) || !filepath.IsAbs(lines[3]) {
		return said{}, errors.New("asked what it is, it gives no answer that is understood")
	}
	flags := ""
	if len(lines) > 6 {
		flags = lines[6]
	}
	switch {
	case lines[1] != "cpython":
		return said{}, fmt.Errorf("it is %.40s, and only CPython is built for", clean([]byte(lines[1])))
	case !fullVersion.MatchString(lines[4]):
		return said{}, fmt.Errorf("its version %.20q is none of CPython 3", lines[4])
	case lines[5] != "final":
		return said{}, fmt.Errorf("it is a pre-release of %s", lines[4])
	case strings.ContainsAny(flags, "td"):
		return said{}, errors.New("it is a free-threaded or a debug build, which usual wheels are not for")
	}
	return said{filepath.Clean(lines[2]), filepath.Clean(lines[3]), lines[4]}, nil
}

var fullVersion = regexp.MustCompile(`^3\.\d+\.\d+$`)

// versionOfShim makes pyenv's shim python3.10 answer even where another version is its usual one.
func versionOfShim(path string) string {
	if v, ok := strings.CutPrefix(filepath.Base(path), "python"); ok && strings.Contains(v, ".") && !isELF(path) {
		return v
	}
	return ""
}

// limited keeps the beginning of what is written to it.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	_, _ = l.Buffer.Write(p[:min(len(p), max(0, maxAnswer-l.Len()))])
	return len(p), nil
}

func isELF(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // only read
	var magic [4]byte
	_, err = io.ReadFull(f, magic[:])
	return err == nil && string(magic[:]) == "\x7fELF"
}

func digestOf(p string) (string, error) {
	f, err := os.Open(p)
	if err != nil {
		return "", bare(err)
	}
	defer func() { _ = f.Close() }() // only read
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", bare(err)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}
