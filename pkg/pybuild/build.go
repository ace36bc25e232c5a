package pybuild

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/artifact"
	"github.com/drydock-dev/drydock/pkg/isolation/dock"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/wheel"
	"github.com/drydock-dev/drydock/pkg/wheelhouse"
)

// room is the folder of one build in Work.
type room struct{ dir, wheels, plan string }

// open makes it. Whom the box runs as must be able to read it.
func (b Builder) open() (*room, error) {
	dir, err := os.MkdirTemp(b.Work, workPrefix)
	if err == nil {
		if dir, err = filepath.Abs(dir); err == nil {
			err = os.Chmod(dir, 0o755)
		}
	}
	r := &room{dir: dir, wheels: filepath.Join(dir, "wheels"), plan: filepath.Join(dir, "plan")}
	if err == nil {
		err = os.Mkdir(r.plan, 0o755)
	}
	if err == nil {
		err = os.Chmod(r.plan, 0o755) // whatever the umask
	}
	if err != nil {
		return nil, errors.Join(&Error{Kind: BadInput, Text: "make a folder to build in", Cause: bare(err)}, r.close())
	}
	return r, nil
}

func (r *room) close() error {
	if r.dir == "" {
		return nil
	}
	if err := artifact.Remove(r.dir); err != nil {
		return fmt.Errorf("remove what a build left: %w", bare(err))
	}
	return nil
}

// install is Build and Overlay.
func (b Builder) install(ctx context.Context, mode, prefix string, want []wheelhouse.Wanted, to string) (built Built, err error) {
	if err := b.checked(); err != nil {
		return Built{}, err
	}
	to, err = filepath.Abs(to)
	if err != nil {
		return Built{}, &Error{Kind: BadInput, Text: "find the folder to build in", Cause: bare(err)}
	}
	if err := vacant(to); err != nil {
		return Built{}, err
	}
	if err := b.fits(want); err != nil {
		return Built{}, err
	}
	r, err := b.open()
	if err != nil {
		return Built{}, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := b.gather(ctx, want, r.wheels); err != nil {
		return Built{}, err
	}
	log, err := b.buildSources(ctx, r, want)
	if err != nil {
		return Built{Log: log}, err
	}
	all, notes, err := b.plan(r, want)
	if err != nil {
		return Built{Log: log}, err
	}
	built, err = b.fill(ctx, r, mode, prefix, to)
	built.Log = append(log, built.Log...)
	if err != nil {
		return built, err
	}
	built.Notes = append(notes, built.Notes...)
	built.Installed = pinsOf(all, want)
	return built, nil
}

// fill runs the installer in the box and looks at what came out.
func (b Builder) fill(ctx context.Context, r *room, mode, prefix, to string) (built Built, err error) {
	_, statErr := os.Lstat(to)
	defer func() {
		if err != nil {
			err = errors.Join(err, clear(to, statErr == nil))
		}
	}()
	c := b.command()
	c.Mounts = append(c.Mounts, dock.Mount{Host: r.wheels, Inside: wheelsPlace}, dock.Mount{Host: r.plan, Inside: planPlace})
	c.Results = []dock.Copy{{From: buildPlace, To: to, Bytes: b.space(), Files: maxInodes}}
	b.python(&c, buildScript, mode, dock.Inside(uvPlace), dock.Inside(wheelsPlace), dock.Inside(planPlace), dock.Inside(buildPlace), prefix)
	box := &run{b: b, hosts: []string{r.wheels, wheelsPlace, r.plan, planPlace}}
	if built, err = box.script(ctx, c); err != nil {
		return built, err
	}
	built.AtStart, err = b.settle(mode, to)
	return built, err
}

// clear leaves a folder as it was: empty, or not there.
func clear(dir string, wasThere bool) error {
	if !wasThere {
		if err := artifact.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove what a build left: %w", bare(err))
		}
		return nil
	}
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, artifact.Remove(filepath.Join(dir, e.Name())))
	}
	return err
}

// checked holds the builder to what it says of itself.
func (b Builder) checked() error {
	if b.Dock == nil || b.House == nil || b.Index == nil || b.UV == "" || b.Work == "" {
		return &Error{Kind: BadInput, Text: "a builder needs a dock, a wheelhouse, an index, uv and a folder to work in"}
	}
	got, err := digestOf(b.Interpreter.Path)
	if err != nil {
		return &Error{Kind: Unfit, Text: fmt.Sprintf("Python %s is no longer where it was found: install it again, or name another", b.Interpreter.Version), Cause: err}
	}
	if got != b.Interpreter.Digest {
		return &Error{Kind: Unfit, Text: fmt.Sprintf("Python %s is not the program that was found (%.19s…, now %.19s…), it was updated meanwhile: look for it again", b.Interpreter.Version, b.Interpreter.Digest, got)}
	}
	return nil
}

func vacant(to string) error {
	entries, err := os.ReadDir(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return &Error{Kind: BadInput, Text: "look at the folder to build in", Cause: bare(err)}
	case len(entries) > 0:
		return &Error{Kind: BadInput, Text: "the folder to build in is not empty"}
	}
	return nil
}

// fits refuses what this interpreter, on this machine, can't use, and two distributions of one package.
func (b Builder) fits(want []wheelhouse.Wanted) error {
	here := Here(b.Interpreter.Version)
	seen := map[string]string{}
	for _, w := range want {
		name := distributionOf(w)
		if other, twice := seen[name]; twice && other != w.File.Name {
			return &Error{Kind: BadInput, Package: name, Text: fmt.Sprintf("%s and %s are of one package: pin one version", other, w.File.Name)}
		}
		seen[name] = w.File.Name
		if isWheel(w) && !wheel.Supports(here, w.File.Name) {
			if _, err := wheel.Parse(w.File.Name); err != nil {
				return &Error{Kind: BadWheel, Text: "read the name of a wheel", Cause: err}
			}
			return &Error{Kind: Unfit, Package: name, Text: fmt.Sprintf("%s is not for Python %s on this machine (%s): the dock must run where the application does; validate on a machine and with a Python of that kind", w.File.Name, b.Interpreter.Version, here.Machine)}
		}
		if ok, err := here.Fits(w.File.RequiresPython); err == nil && !ok {
			return &Error{Kind: Unfit, Package: name, Text: fmt.Sprintf("%s requires Python %s, this is %s: pin another version, or set the application's python", w.File.Name, w.File.RequiresPython, b.Interpreter.Version)}
		}
	}
	return nil
}

// Here is the environment of an interpreter of this machine.
func Here(python string) pep508.Environment {
	machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	return pep508.Environment{Python: python, Platform: runtime.GOOS, Machine: cmp.Or(machine, runtime.GOARCH)}
}

// gather lays out the distributions for the box.
func (b Builder) gather(ctx context.Context, want []wheelhouse.Wanted, into string) error {
	err := b.House.Gather(ctx, b.Index, want, into, func(name string, size int64) { b.say("fetch %s (%d kB)", name, size>>10) })
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return &Error{Kind: Fetch, Text: "fetch what it holds", Cause: err}
	}
	return readable(into)
}

// readable lets whom the box runs as read a folder of files, whatever the umask was when they were written.
func readable(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.Chmod(filepath.Join(dir, e.Name()), 0o444))
	}
	if err = errors.Join(err, os.Chmod(dir, 0o755)); err != nil {
		return &Error{Kind: BadInput, Text: "let the dock read what was fetched", Cause: bare(err)}
	}
	return nil
}

// plan looks into every wheel and writes the requirements files that uv is given, in their order.
func (b Builder) plan(r *room, want []wheelhouse.Wanted) (all []*contents, notes []string, err error) {
	entries, err := os.ReadDir(r.wheels)
	if err != nil {
		return nil, nil, &Error{Kind: BadInput, Text: "look at the wheels", Cause: bare(err)}
	}
	var size int64
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".whl") {
			continue
		}
		c, err := read(filepath.Join(r.wheels, e.Name()), e.Name())
		if err != nil {
			return nil, nil, err
		}
		all = append(all, c)
		if size += c.size; size > b.space() {
			return nil, nil, &Error{Kind: Full, Package: c.name.Distribution, Text: fmt.Sprintf("unpacked it has more than the %d MB of its space in the dock (with %s): raise the space of the dock, or install less", b.space()>>20, e.Name())}
		}
	}
	known := map[string]string{}
	for _, w := range want {
		known[w.File.Name] = "sha256:" + w.File.Hashes["sha256"]
	}
	rounds, notes := inOrder(all)
	for i, round := range rounds {
		text := ""
		for _, c := range round {
			if c.sum = known[c.file]; c.sum == "" { // it was built here
				if c.sum, err = digestOf(filepath.Join(r.wheels, c.file)); err != nil {
					return nil, nil, &Error{Kind: BadInput, Text: "read a wheel", Cause: err}
				}
			}
			text += fmt.Sprintf("%s==%s --hash=%s\n", c.name.Distribution, c.name.Version, c.sum)
		}
		if text == "" {
			continue
		}
		at := filepath.Join(r.plan, fmt.Sprintf("%05d.txt", i))
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			return nil, nil, &Error{Kind: BadInput, Text: "write what uv is asked for", Cause: bare(err)}
		}
		if err := os.Chmod(at, 0o644); err != nil { // whatever the umask
			return nil, nil, &Error{Kind: BadInput, Text: "write what uv is asked for", Cause: bare(err)}
		}
	}
	return all, notes, nil
}

func pinsOf(all []*contents, want []wheelhouse.Wanted) []Pin {
	var out []Pin
	for _, c := range all {
		p := Pin{Package: c.name.Distribution, Version: c.name.Version, Hashes: []string{c.sum}}
		for _, w := range want { // of what was built here, the source's digest says what it is
			if !isWheel(w) && distributionOf(w) == p.Package {
				p.Hashes = []string{"sha256:" + w.File.Hashes["sha256"]}
			}
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Pin) int { return cmp.Compare(a.Package, b.Package) })
	return out
}

func isWheel(w wheelhouse.Wanted) bool { return strings.HasSuffix(w.File.Name, ".whl") }

// distributionOf is the normalised name of the package that a distribution is of.
func distributionOf(w wheelhouse.Wanted) string {
	if w.Project != nil && w.Project.Name != "" {
		return pep440.Normalize(w.Project.Name)
	}
	if n, err := wheel.Parse(w.File.Name); err == nil {
		return n.Distribution
	}
	return w.File.Name
}

// bare leaves the path out of an error: those of this host are nobody's business.
func bare(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	var le *os.LinkError
	if errors.As(err, &le) {
		return le.Err
	}
	return err
}
