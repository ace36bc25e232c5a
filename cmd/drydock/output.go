package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"
)

// result writes the result of a command: to stdout, or whole or not at all to --output.
func (c *cli) result(data []byte) error {
	if c.opt.output == "" || c.opt.output == "-" {
		if _, err := c.Stdout.Write(data); err != nil {
			return surroundings("write the result to stdout: %w", err)
		}
		return nil
	}
	if err := writeWhole(c.opt.output, data); err != nil {
		return surroundings("write the result: %w", err)
	}
	return nil
}

// writeWhole replaces path by data in one step: readers see the old file or the new one. What is no
// regular file (a pipe, /dev/null) is written as it stands.
func writeWhole(path string, data []byte) (err error) {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		if info.IsDir() {
			return fmt.Errorf("%s is a directory; name a file", path)
		}
		if !info.Mode().IsRegular() {
			return os.WriteFile(path, data, 0)
		}
		mode = info.Mode().Perm()
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // the link stays a link
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()           // the error that counts is the one that came first
			_ = os.Remove(f.Name()) // nothing half-written stays
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Chmod(mode); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// resultJSON writes one JSON document.
func (c *cli) resultJSON(doc any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return err
	}
	return c.result(escapeControls(b.Bytes()))
}

// escapeControls writes characters that JSON allows raw, but a terminal obeys, as \u escapes: the same
// value. They can only stand inside strings.
func escapeControls(in []byte) []byte {
	if !bytes.ContainsFunc(in, unsafeRune) {
		return in
	}
	out := make([]byte, 0, len(in)+64)
	for len(in) > 0 {
		r, n := utf8.DecodeRune(in)
		switch {
		case !unsafeRune(r):
			out = append(out, in[:n]...)
		case r >= 0x10000:
			hi, lo := 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		in = in[n:]
	}
	return out
}
