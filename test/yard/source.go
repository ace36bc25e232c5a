package yard

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
)

//go:embed backend.py
var backend string

// Backend offers yardbuild 1.0, a build backend (PEP 517) of some lines: it runs setup.py where there is one and packs
// the modules that lie beside it.
func (x *Index) Backend() {
	x.t.Helper()
	x.Wheel("yardbuild", "1.0", map[string]string{"yardbuild.py": backend})
}

// Source offers a release that has no wheel, only a source distribution, for yardbuild to build; files are by path,
// with a pyproject.toml where they have none.
func (x *Index) Source(name, version string, files map[string]string) {
	x.t.Helper()
	dir := strings.ReplaceAll(name, "-", "_") + "-" + version
	all := map[string]string{}
	maps.Copy(all, files)
	all["PKG-INFO"] = fmt.Sprintf("Metadata-Version: 2.2\nName: %s\nVersion: %s\n", name, version)
	if all["pyproject.toml"] == "" {
		all["pyproject.toml"] = "[build-system]\nrequires = ['yardbuild']\nbuild-backend = 'yardbuild'\n"
	}
	var b bytes.Buffer
	g := gzip.NewWriter(&b)
	w := tar.NewWriter(g)
	for _, p := range slices.Sorted(maps.Keys(all)) {
		err := w.WriteHeader(&tar.Header{Name: dir + "/" + p, Mode: 0o644, Size: int64(len(all[p]))})
		if err == nil {
			_, err = w.Write([]byte(all[p]))
		}
		if err != nil {
			x.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		x.t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		x.t.Fatal(err)
	}
	x.File(name, dir+".tar.gz", b.Bytes())
}
