package pybuild

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/isolation/dock"
	"github.com/drydock-dev/drydock/pkg/wheel"
	"github.com/drydock-dev/drydock/pkg/wheelhouse"
)

//go:embed source.py
var sourceScript string

// buildSources puts wheels in the place of the source distributions that lie among r's wheels. Each is built in a box
// of its own, where its code runs; what comes out is looked at like any wheel of an index.
func (b Builder) buildSources(ctx context.Context, r *room, want []wheelhouse.Wanted) ([]byte, error) {
	var sources []wheelhouse.Wanted
	for _, w := range want {
		if !isWheel(w) {
			sources = append(sources, w)
		}
	}
	if len(sources) == 0 {
		return nil, nil
	}
	if len(b.BuildWith) == 0 {
		return nil, &Error{Kind: SourceBuild, Package: distributionOf(sources[0]), Text: fmt.Sprintf("%s is a source distribution, and nothing is given to build it with: pin a version that has a wheel, or name the build requirements of it (setuptools …)", sources[0].File.Name)}
	}
	tools, err := b.open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = tools.close() }() // told by r's, which lies beside it
	if err := b.fits(b.BuildWith); err != nil {
		return nil, err
	}
	if err := b.gather(ctx, b.BuildWith, tools.wheels); err != nil {
		return nil, err
	}
	if _, _, err := b.plan(tools, b.BuildWith); err != nil {
		return nil, err
	}
	var log []byte
	for i, w := range sources {
		said, err := b.buildSource(ctx, r, tools, w, filepath.Join(tools.dir, fmt.Sprintf("built-%d", i)))
		log = append(log, said...)
		if err != nil {
			return log, err
		}
	}
	return log, nil
}

func (b Builder) buildSource(ctx context.Context, r, tools *room, w wheelhouse.Wanted, to string) ([]byte, error) {
	const inside = "/source"
	name := distributionOf(w)
	b.say("build a wheel of %s", w.File.Name)
	source := filepath.Join(r.wheels, w.File.Name)
	at := inside + "/" + w.File.Name
	c := b.command()
	c.Env["PYTHONDONTWRITEBYTECODE"] = "1"
	c.Mounts = append(c.Mounts, dock.Mount{Host: tools.wheels, Inside: wheelsPlace}, dock.Mount{Host: tools.plan, Inside: planPlace}, dock.Mount{Host: source, Inside: at})
	c.Results = []dock.Copy{{From: buildPlace, To: to, Bytes: b.space(), Files: maxInodes}}
	b.python(&c, sourceScript, dock.Inside(uvPlace), dock.Inside(wheelsPlace), dock.Inside(planPlace), dock.Inside(at), dock.Inside(buildPlace))
	box := &run{b: b, hosts: []string{tools.wheels, wheelsPlace, tools.plan, planPlace, source, at}}
	built, err := box.script(ctx, c)
	if err != nil {
		if e := (*Error)(nil); errors.As(err, &e) {
			e.Package = name
		}
		return built.Log, err
	}
	file, err := b.only(filepath.Join(to, "wheel"), w)
	if err != nil {
		return built.Log, err
	}
	if err = os.Remove(source); err == nil {
		err = os.Rename(filepath.Join(to, "wheel", file), filepath.Join(r.wheels, file))
	}
	if err == nil {
		err = os.Chmod(filepath.Join(r.wheels, file), 0o444)
	}
	if err != nil {
		return built.Log, &Error{Kind: BadInput, Package: name, Text: "put the wheel of " + w.File.Name + " with the others", Cause: bare(err)}
	}
	return built.Log, nil
}

// only is the one wheel that was built, of the package and version that its source is of.
func (b Builder) only(dir string, w wheelhouse.Wanted) (string, error) {
	name := distributionOf(w)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || !entries[0].Type().IsRegular() {
		return "", &Error{Kind: SourceBuild, Package: name, Text: fmt.Sprintf("building %s made %d wheels, and not one", w.File.Name, len(entries))}
	}
	file := entries[0].Name()
	n, err := wheel.Parse(file)
	version, ok := index.VersionOf(name, w.File.Name)
	if err != nil || !ok || n.Distribution != name || n.Version != version.String() || !strings.HasSuffix(file, ".whl") {
		return "", &Error{Kind: SourceBuild, Package: name, Text: fmt.Sprintf("building %s made %.200q, a wheel of something else", w.File.Name, file)}
	}
	if !wheel.Supports(Here(b.Interpreter.Version), file) {
		return "", &Error{Kind: Unfit, Package: name, Text: fmt.Sprintf("building %s made %s, which Python %s can't use here", w.File.Name, file, b.Interpreter.Version)}
	}
	return file, nil
}
