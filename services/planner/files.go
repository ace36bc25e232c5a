package planner

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/manifest"
	"github.com/drydock-dev/drydock/pkg/report"
)

// updatedDir holds the changed manifests.
const updatedDir = "updated"

// ledgerName remembers what an earlier plan wrote below updated/, so that a file of it that is no longer
// changed goes away, and a file somebody else put there never does.
const ledgerName = ".drydock-updated.json"

// WriteFiles writes the files of `drydock plan --out-dir` (docs/formats.md) and returns their names relative to dir,
// sorted: the plan as JSON, plan.md, the requirements files of the urgent phases and of all, and under
// updated/ each manifest that changes. inv is the plan's inventory and ev holds the manifests it was read
// from; more are formats beside requirements files that it may write. dir is made when missing. What is written
// was read again and verified before (pkg/manifest). All files are written whole or none is: they
// are put aside first and renamed at the end, and nothing is left behind on an error.
func WriteFiles(ctx context.Context, dir string, p *report.Plan, inv *inventory.Inventory, ev evidence.Store, more ...manifest.Format) ([]string, error) {
	files, err := render(p, inv)
	if err != nil {
		return nil, err
	}
	changed, err := manifests(ctx, p, inv, ev, manifest.Formats(more...))
	if err != nil {
		return nil, fmt.Errorf("write the plan's files to %s: %w", dir, err)
	}
	maps.Copy(files, changed)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("write the plan's files to %s: %w", dir, noPath(err, "make the directory"))
	}
	// The directory may lie in a hostile repository: nothing is read, written or removed through a link that
	// leads out of it.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("write the plan's files to %s: %w", dir, err)
	}
	defer func() { _ = root.Close() }() // nothing is written through it any more
	ledger := readLedger(root)
	if err := writeAll(root, files); err != nil {
		return nil, fmt.Errorf("write the plan's files to %s: %w", dir, err)
	}
	if err := settleUpdated(root, ledger, changed); err != nil {
		return nil, fmt.Errorf("write the plan's files to %s: %w", dir, err)
	}
	return slices.Sorted(maps.Keys(files)), nil
}

// render makes the documents, by name.
func render(p *report.Plan, inv *inventory.Inventory) (map[string][]byte, error) {
	stamp := p.Timestamp.UTC().Format("20060102_150405")
	doc, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the plan as JSON: %w", err)
	}
	files := map[string][]byte{
		"deployment_plan_" + stamp + ".json": append(doc, '\n'),
		"plan.md":                            []byte(Markdown(p)),
		"requirements_updated.txt":           requirements(p, inv, "Requirements", anyPhase),
	}
	if slices.ContainsFunc(p.Phases, emergencyPhase) {
		files["requirements_critical_"+stamp+".txt"] = requirements(p, inv, "Critical requirements", emergencyPhase)
	}
	if slices.ContainsFunc(p.Phases, func(ph report.Phase) bool { return urgentPhases(ph) && !emergencyPhase(ph) }) {
		files["requirements_high_priority_"+stamp+".txt"] = requirements(p, inv, "High priority requirements", urgentPhases)
	}
	return files, nil
}

// writeAll puts every file aside in a folder of its own beside its place, then renames them all. A full disk
// shows while they are put aside, when nothing has its name yet.
func writeAll(root *os.Root, files map[string][]byte) (err error) {
	aside := ".drydock-" + rand.Text()
	if err := root.Mkdir(aside, 0o700); err != nil {
		return noPath(err, "make a folder in it")
	}
	defer func() {
		if rerr := root.RemoveAll(aside); err == nil {
			err = rerr
		}
	}()
	names := slices.Sorted(maps.Keys(files))
	for i, name := range names {
		if err := writeFile(root, path.Join(aside, fmt.Sprint(i)), files[name]); err != nil {
			return noPath(err, name)
		}
		if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return noPath(err, name)
		}
		if info, err := root.Lstat(name); err == nil && info.IsDir() {
			return fmt.Errorf("%s: a directory is in its place", name)
		}
	}
	for i, name := range names {
		if err := root.Rename(path.Join(aside, fmt.Sprint(i)), name); err != nil {
			return noPath(err, name)
		}
	}
	return nil
}

// noPath names the file as the reader knows it, not the one put aside.
func noPath(err error, name string) error {
	var pe *fs.PathError
	var le *os.LinkError
	switch {
	case errors.As(err, &pe):
		err = pe.Err
	case errors.As(err, &le):
		err = le.Err
	}
	return fmt.Errorf("%s: %w", name, err)
}

func writeFile(root *os.Root, name string, data []byte) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if serr := f.Sync(); err == nil {
		err = serr
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// settleUpdated removes the manifests an earlier plan wrote below updated/ that this one does not change,
// where nobody touched them since, and remembers those of this plan.
func settleUpdated(root *os.Root, ledger map[string]evidence.Digest, changed map[string][]byte) error {
	for name, digest := range ledger {
		if _, again := changed[name]; again || !strings.HasPrefix(name, updatedDir+"/") {
			continue
		}
		if data, err := root.ReadFile(name); err == nil && evidence.Of(data) == digest {
			if err := root.Remove(name); err != nil {
				return err
			}
			removeEmpty(root, path.Dir(name))
		}
	}
	if len(changed) == 0 {
		if err := root.Remove(ledgerName); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	next := map[string]evidence.Digest{}
	for name, data := range changed {
		next[name] = evidence.Of(data)
	}
	data, err := json.Marshal(next)
	if err != nil {
		return err
	}
	return writeAll(root, map[string][]byte{ledgerName: data})
}

// removeEmpty removes empty folders upwards.
func removeEmpty(root *os.Root, dir string) {
	for dir != "." && root.Remove(dir) == nil {
		dir = path.Dir(dir)
	}
}

func readLedger(root *os.Root) map[string]evidence.Digest {
	var m map[string]evidence.Digest
	data, err := root.ReadFile(ledgerName)
	if err != nil || json.Unmarshal(data, &m) != nil {
		return nil
	}
	return m
}
