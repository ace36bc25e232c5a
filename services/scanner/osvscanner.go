package scanner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/inventory"
)

// The engines of a scan.
const (
	engineNative = "native"
	engineOSV    = "osv-scanner"
)

// SecondOpinion asks another matcher about packages, offline, on the database in dbDir. The answer holds one
// entry for each package asked about, without ids where nothing hits it. It need not be fast.
type SecondOpinion interface {
	Scan(ctx context.Context, packages []Queried, dbDir string) (Opinion, error)
}

// Queried is a package in a question to a second opinion.
type Queried struct {
	Name      string   `json:"name"`
	Version   string   `json:"version"`
	Ecosystem string   `json:"ecosystem"`
	IDs       []string `json:"ids,omitempty"` // in the answer, sorted
}

// Opinion is the answer.
type Opinion struct {
	Version string    `json:"version"` // of the other program
	Results []Queried `json:"results"`
	Error   string    `json:"error,omitempty"`
}

// question is what drydock-osv-scanner reads from its standard input.
type question struct {
	DB       string    `json:"db"`
	Packages []Queried `json:"packages"`
}

// osvChild runs drydock-osv-scanner: one JSON document in, one out.
type osvChild struct {
	path  string // configured; may be empty
	cache string // where a build is kept
}

// ask puts every exactly pinned package to the second opinion.
func (s *Service) ask(ctx context.Context, inv *inventory.Inventory) (Opinion, error) {
	if s.cfg.DBDir == "" {
		return Opinion{}, errors.New("osv-scanner needs the database as files; import one with drydock db import, or name a folder with --db")
	}
	var packages []Queried
	for _, p := range inv.Packages {
		q := Queried{Name: p.Package, Version: p.Version, Ecosystem: p.Ecosystem}
		if p.Pin == inventory.Exact && p.Reference == "" && !slices.ContainsFunc(packages, func(x Queried) bool { return x.Name == q.Name && x.Version == q.Version && x.Ecosystem == q.Ecosystem }) {
			packages = append(packages, q)
		}
	}
	if len(packages) == 0 {
		return Opinion{}, nil
	}
	dir, err := filepath.Abs(s.cfg.DBDir) // the child works in a folder of its own
	if err != nil {
		return Opinion{}, fmt.Errorf("find the database %s: %w", s.cfg.DBDir, err)
	}
	return s.second.Scan(ctx, packages, dir)
}

// Scan implements SecondOpinion.
func (c *osvChild) Scan(ctx context.Context, packages []Queried, dbDir string) (Opinion, error) {
	program, err := c.locate(ctx)
	if err != nil {
		return Opinion{}, err
	}
	input, err := json.Marshal(question{DB: dbDir, Packages: packages})
	if err != nil {
		return Opinion{}, fmt.Errorf("ask osv-scanner: %w", err)
	}
	scratch, err := os.MkdirTemp("", osvProgram) // it unpacks its database anew each time
	if err != nil {
		return Opinion{}, fmt.Errorf("make room for osv-scanner: %w", err)
	}
	defer os.RemoveAll(scratch)
	ctx, cancel := context.WithTimeout(ctx, osvTimeout)
	defer cancel()
	var out limited
	stderr := &tail{limit: readerStderr}
	cmd := exec.CommandContext(ctx, program)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = bytes.NewReader(input), &out, stderr, time.Second
	cmd.Env, cmd.Dir, cmd.SysProcAttr = []string{"TMPDIR=" + scratch}, scratch, groupAttr()
	runErr := cmd.Run()
	var answer Opinion
	if err := json.Unmarshal(out.buf.Bytes(), &answer); err != nil {
		if ctx.Err() != nil {
			return Opinion{}, fmt.Errorf("run %s: %w", program, ctx.Err())
		}
		return Opinion{}, fmt.Errorf("run %s: %s", program, stderr.explain(runErr))
	}
	if answer.Error != "" {
		return Opinion{}, fmt.Errorf("%.500q", answer.Error)
	}
	return answer, nil
}

// limited keeps output up to a limit, then fails the write and with it the child.
type limited struct{ buf bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if l.buf.Len()+len(p) > osvOutput {
		return 0, fmt.Errorf("more than %s of output: %w", size(osvOutput), io.ErrShortWrite)
	}
	return l.buf.Write(p)
}

const osvProgram = "drydock-osv-scanner"

// locate finds the program: as configured, beside this executable, on PATH, in the cache, else it is built
// from the source tree this executable lies in.
func (c *osvChild) locate(ctx context.Context) (string, error) {
	if c.path != "" {
		if _, err := os.Stat(c.path); err != nil {
			return "", fmt.Errorf("find osv-scanner at scanner.osv_scanner: %w", err)
		}
		return c.path, nil
	}
	name := osvProgram
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	here := ""
	if exe, err := os.Executable(); err == nil {
		here = filepath.Dir(exe)
		if beside := filepath.Join(here, name); isProgram(beside) {
			return beside, nil
		}
	}
	if found, err := exec.LookPath(name); err == nil {
		return filepath.Abs(found)
	}
	cache := c.cache
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find a folder to build %s in: %w", osvProgram, err)
		}
		cache = filepath.Join(dir, "drydock")
	}
	built := filepath.Join(cache, name)
	// Never from the present folder: that may be the application to be scanned, whose code is not run.
	source := sourceTree(here)
	if isProgram(built) && !newer(source, built) {
		return built, nil
	}
	return built, build(ctx, source, built)
}

// sourceTree is the module of the program in the tree that has dir, or its bin folder, as its root; empty when
// there is none. No folder further up is asked: others may write there.
func sourceTree(dir string) string {
	roots := []string{dir}
	if filepath.Base(dir) == "bin" {
		roots = append(roots, filepath.Dir(dir))
	}
	for _, root := range roots {
		tree := filepath.Join(root, "cmd", osvProgram)
		if _, err := os.Stat(filepath.Join(tree, "go.mod")); dir != "" && err == nil {
			return tree
		}
	}
	return ""
}

func isProgram(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// newer reports whether a source file is newer than what was built from it.
func newer(source, built string) bool {
	if source == "" {
		return false
	}
	b, err := os.Stat(built)
	if err != nil {
		return true
	}
	entries, _ := os.ReadDir(source)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.ModTime().After(b.ModTime()) {
			return true
		}
	}
	return false
}

// build compiles the program once. It is a module of its own and takes minutes and a gigabyte of downloads.
func build(ctx context.Context, source, to string) error {
	const elsewhere = "go install github.com/drydock-dev/drydock/cmd/" + osvProgram + "@latest, then name it in scanner.osv_scanner or put it on PATH"
	if source == "" {
		return fmt.Errorf("%s is neither beside drydock nor on PATH, and its source is not here: %s", osvProgram, elsewhere)
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		return fmt.Errorf("%s is to be built on first use, which needs Go, and there is none on PATH: build it elsewhere and name it in scanner.osv_scanner", osvProgram)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return fmt.Errorf("build %s: %w", osvProgram, err)
	}
	ctx, cancel := context.WithTimeout(ctx, osvBuild)
	defer cancel()
	part := fmt.Sprintf("%s.%d", to, os.Getpid())
	defer os.Remove(part)
	cmd := exec.CommandContext(ctx, tool, "build", "-trimpath", "-o", part, ".")
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "GOWORK=off")
	output := &tail{limit: readerStderr}
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fmt.Errorf("build %s in %s: %w: %.1000s", osvProgram, source, err, cleanText(strings.TrimSpace(output.buf.String())))
	}
	if err := os.Rename(part, to); err != nil {
		return fmt.Errorf("build %s: %w", osvProgram, err)
	}
	return nil
}

// lookup makes an engine of an opinion: what it names is told with the details of the native matcher where
// that knows them too, else by its id alone.
func (o Opinion) lookup(native lookup) lookup {
	return func(ecosystem, name, version string) ([]advisory.Hit, error) {
		known, err := native(ecosystem, name, version)
		if err != nil && errors.Is(err, advisory.ErrNoDatabase) {
			return nil, err
		}
		i := slices.IndexFunc(o.Results, func(q Queried) bool { return q.Ecosystem == ecosystem && q.Name == name && q.Version == version })
		if i < 0 {
			return nil, fmt.Errorf("osv-scanner did not answer for it: %w", advisory.ErrVersion)
		}
		var hits []advisory.Hit
		told := map[string]bool{}
		for _, h := range known {
			if intersect(h.IDs, o.Results[i].IDs) {
				hits = append(hits, h)
				for _, id := range h.IDs {
					told[id] = true
				}
			}
		}
		for _, id := range o.Results[i].IDs {
			if !told[id] && printable(id) {
				told[id] = true
				hits = append(hits, advisory.Hit{ID: id, IDs: []string{id}, Kind: kindOfID(id), Severity: "unknown"})
			}
		}
		return hits, nil
	}
}

func kindOfID(id string) string {
	if strings.HasPrefix(id, "MAL-") {
		return events.KindMalicious
	}
	return events.KindVulnerability
}
