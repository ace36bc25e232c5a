package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
)

// wheelOf is a distribution of a release (binary distribution format of the PyPA): one module, which says its version.
func wheelOf(name, version string) []byte {
	info := fmt.Sprintf("%s-%s.dist-info/", name, version)
	files := []struct{ name, text string }{
		{name + ".py", fmt.Sprintf("__version__ = %q\n", version)},
		{info + "METADATA", metadataOf(name, version)},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: drydock\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
	}
	var b bytes.Buffer
	var record strings.Builder
	z := zip.NewWriter(&b)
	add := func(name, text string) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			panic(err) // a buffer does not fail
		}
	}
	for _, f := range files {
		add(f.name, f.text)
		sum := sha256.Sum256([]byte(f.text))
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", f.name, base64.RawURLEncoding.EncodeToString(sum[:]), len(f.text))
	}
	add(info+"RECORD", record.String()+info+"RECORD,,\n")
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func metadataOf(name, version string) string {
	return fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", name, version)
}
