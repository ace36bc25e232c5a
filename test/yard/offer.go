package yard

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Source offers a source distribution of a release, with a setup.py.
func (x *Index) Source(name, version string) {
	x.t.Helper()
	top := strings.ReplaceAll(name, "-", "_") + "-" + version
	var b bytes.Buffer
	packed := gzip.NewWriter(&b)
	archive := tar.NewWriter(packed)
	for _, f := range [][2]string{{"PKG-INFO", fmt.Sprintf("Metadata-Version: 2.2\nName: %s\nVersion: %s\n", name, version)}, {"setup.py", fmt.Sprintf("from setuptools import setup\nsetup(name=%q, version=%q)\n", name, version)}} {
		err := archive.WriteHeader(&tar.Header{Name: top + "/" + f[0], Mode: 0o644, Size: int64(len(f[1]))})
		if err == nil {
			_, err = archive.Write([]byte(f[1]))
		}
		if err != nil {
			x.t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		x.t.Fatal(err)
	}
	if err := packed.Close(); err != nil {
		x.t.Fatal(err)
	}
	sum := sha256.Sum256(b.Bytes())
	x.mu.Lock()
	defer x.mu.Unlock()
	x.files[top+".tar.gz"] = b.Bytes()
	x.pages[name] = append(x.pages[name], map[string]any{"filename": top + ".tar.gz", "url": x.server.URL + "/files/" + top + ".tar.gz", "hashes": map[string]string{"sha256": hex.EncodeToString(sum[:])},
		"size": b.Len(), "upload-time": "2023-05-01T00:00:00Z"})
}

// Withdraw takes a release off the index.
func (x *Index) Withdraw(name, version string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.pages[name] = slices.DeleteFunc(x.pages[name], func(f map[string]any) bool {
		return strings.Contains(f["filename"].(string), "-"+version+"-")
	})
}

// Says has the index state metadata of a release (PEP 658) that need not be what its wheel says.
func (x *Index) Says(name, version string, requires ...string) {
	x.t.Helper()
	text := fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", name, version)
	for _, r := range requires {
		text += "Requires-Dist: " + r + "\n"
	}
	sum := sha256.Sum256([]byte(text))
	x.mu.Lock()
	defer x.mu.Unlock()
	file := wheelName(name, version)
	x.files[file+".metadata"] = []byte(text)
	for _, f := range x.pages[name] {
		if f["filename"] == file {
			f["core-metadata"] = map[string]string{"sha256": hex.EncodeToString(sum[:])}
		}
	}
}
