// Package wheeltest makes wheels on the spot, for tests.
package wheeltest

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Wheel is a wheel for everybody (py3-none-any). The same values make the same bytes.
type Wheel struct {
	Name, Version string
	Stem          string            // of its .dist-info folder; "" is the one of Name and Version
	Files         map[string]string // by path; "+" in front of a name puts it beside METADATA
	Requires      []string          // Requires-Dist
}

// File is its name.
func (w Wheel) File() string { return w.stem() + "-py3-none-any.whl" }

func (w Wheel) stem() string {
	if w.Stem != "" {
		return w.Stem
	}
	return strings.ReplaceAll(w.Name, "-", "_") + "-" + w.Version
}

// Metadata is its METADATA, as a source distribution's PKG-INFO would have it.
func (w Wheel) Metadata() string {
	text := fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", w.Name, w.Version)
	for _, r := range w.Requires {
		text += "Requires-Dist: " + r + "\n"
	}
	return text
}

// Pack is its bytes, with a complete RECORD.
func (w Wheel) Pack(t testing.TB) []byte {
	t.Helper()
	info := w.stem() + ".dist-info/"
	all := map[string]string{
		info + "WHEEL":    "Wheel-Version: 1.0\nGenerator: drydock\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
		info + "METADATA": w.Metadata(),
	}
	for p, text := range w.Files {
		if own, ok := strings.CutPrefix(p, "+"); ok {
			p = info + own
		}
		all[p] = text
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	write := func(p, text string) {
		f, err := z.CreateHeader(&zip.FileHeader{Name: p, Method: zip.Deflate, ExternalAttrs: 0o100644 << 16})
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	record := ""
	for _, p := range slices.Sorted(maps.Keys(all)) {
		write(p, all[p])
		sum := sha256.Sum256([]byte(all[p]))
		record += fmt.Sprintf("%s,sha256=%s,%d\n", p, base64.RawURLEncoding.EncodeToString(sum[:]), len(all[p]))
	}
	write(info+"RECORD", record+info+"RECORD,,\n")
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
