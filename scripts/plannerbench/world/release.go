package world

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Release is a package release of our own, laid over the real index where nature offers no case.
type Release struct {
	Name           string    `yaml:"name"`
	Version        string    `yaml:"version"`
	Uploaded       time.Time `yaml:"uploaded"`
	RequiresPython string    `yaml:"requires-python"`
	Requires       []string  `yaml:"requires"` // PEP 508
	Yanked         string    `yaml:"yanked"`   // the reason; empty: not yanked
}

// Yank marks a release of the real index as yanked (PEP 592).
type Yank struct {
	Name    string `yaml:"name"`
	Version string `yaml:"version"`
	Reason  string `yaml:"reason"`
}

// built is a wheel made by build.
type built struct{ wheel, metadata []byte }

// build makes the wheel of a release: a package with nothing but its version, the same bytes every time.
func build(r Release) (File, error) {
	module := strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToLower(r.Name))
	info := fmt.Sprintf("%s-%s.dist-info/", module, r.Version)
	var meta strings.Builder
	fmt.Fprintf(&meta, "Metadata-Version: 2.1\nName: %s\nVersion: %s\nSummary: made for a test\n", r.Name, r.Version)
	if r.RequiresPython != "" {
		fmt.Fprintf(&meta, "Requires-Python: %s\n", r.RequiresPython)
	}
	for _, q := range r.Requires {
		fmt.Fprintf(&meta, "Requires-Dist: %s\n", q)
	}
	parts := []struct{ name, text string }{
		{module + "/__init__.py", fmt.Sprintf("__version__ = %q\n", r.Version)},
		{info + "METADATA", meta.String()},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: plannerbench\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
	}
	var record strings.Builder
	for _, p := range parts {
		sum := sha256.Sum256([]byte(p.text))
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", p.name, base64.RawURLEncoding.EncodeToString(sum[:]), len(p.text))
	}
	fmt.Fprintf(&record, "%sRECORD,,\n", info)
	parts = append(parts, struct{ name, text string }{info + "RECORD", record.String()})

	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, p := range parts {
		w, err := z.CreateHeader(&zip.FileHeader{Name: p.name, Method: zip.Deflate, Modified: r.Uploaded})
		if err != nil {
			return File{}, fmt.Errorf("build %s %s: %w", r.Name, r.Version, err)
		}
		if _, err := w.Write([]byte(p.text)); err != nil {
			return File{}, fmt.Errorf("build %s %s: %w", r.Name, r.Version, err)
		}
	}
	if err := z.Close(); err != nil {
		return File{}, fmt.Errorf("build %s %s: %w", r.Name, r.Version, err)
	}
	sum := sha256.Sum256(out.Bytes())
	f := File{
		Name: fmt.Sprintf("%s-%s-py3-none-any.whl", module, r.Version), RequiresPython: r.RequiresPython,
		Hashes: map[string]string{"sha256": hex.EncodeToString(sum[:])}, Size: int64(out.Len()), Uploaded: r.Uploaded,
		own: &built{out.Bytes(), []byte(meta.String())},
	}
	if r.Yanked != "" {
		f.Yanked = r.Yanked
	}
	return f, nil
}
