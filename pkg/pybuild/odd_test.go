package pybuild

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// part is one entry of a wheel that no tool would write.
type part struct {
	name, text string
	mode       fs.FileMode // 0: a plain file
	raw        bool        // its name is not said to be UTF-8
}

// oddWheel makes a wheel of parts as they are. record is its RECORD, given the complete one; nil: there is none.
func oddWheel(t *testing.T, name string, parts []part, record func(string) string) []byte {
	t.Helper()
	info := name + "-1.0.dist-info/"
	parts = append(slices.Clone(parts), part{name: info + "WHEEL", text: "Wheel-Version: 1.0\nGenerator: odd\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		part{name: info + "METADATA", text: "Metadata-Version: 2.1\nName: " + name + "\nVersion: 1.0\n"})
	whole := ""
	for _, p := range parts {
		sum := sha256.Sum256([]byte(p.text))
		whole += fmt.Sprintf("%s,sha256=%s,%d\n", p.name, base64.RawURLEncoding.EncodeToString(sum[:]), len(p.text))
	}
	if record != nil {
		parts = append(parts, part{name: info + "RECORD", text: record(whole + info + "RECORD,,\n")})
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, p := range parts {
		h := &zip.FileHeader{Name: p.name, Method: zip.Deflate, NonUTF8: p.raw}
		h.SetMode(0o644)
		if p.mode != 0 {
			h.SetMode(p.mode)
		}
		f, err := z.CreateHeader(h)
		if err == nil {
			_, err = f.Write([]byte(p.text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Wheels that no tool would write are refused in plain words, or come out the same twice at each level.
func TestOddWheels(t *testing.T) {
	levels := docks(t)
	levels = levels[:min(2, len(levels))]
	same := func(r string) string { return r }
	module := []part{{name: "odd.py", text: "X = {'a', 'b', 'c'}\n"}}
	with := func(more ...part) []part { return append(slices.Clone(module), more...) }
	for _, c := range []struct {
		name   string
		parts  []part
		record func(string) string
		says   string // of the error; "" means it installs
	}{
		{"no RECORD", module, nil, "RECORD"},
		{"CRLF", module, func(r string) string { return strings.ReplaceAll(r, "\n", "\r\n") }, ""},
		{"RECORD climbs", module, func(r string) string { return r + "../../../../../../tmp/evil,,\n/etc/passwd,,\n" }, ""},
		{"RECORD names what is not there", module, func(r string) string { return r + "none.py,sha256=x,1\n" }, ""},
		{"RECORD is no UTF-8", module, func(r string) string { return r + "caf\xe9.py,,\n" }, "invalid utf-8"},
		{"twice the same name", with(part{name: "odd.py", text: "X = 2\n"}), same, "multiple entries with different contents"},
		{"names that differ in case", with(part{name: "ODD.py", text: "X = 2\n"}, part{name: "Odd/__init__.py"}), same, ""},
		{"names that differ in form", with(part{name: "caf\u00e9.py", text: "X = 2\n"}, part{name: "cafe\u0301.py", text: "X = 3\n"}), same, ""},
		{"a name that is no UTF-8", with(part{name: "caf\xe9.py", text: "X = 2\n", raw: true}), same, "does not use UTF-8"},
		{"a link", with(part{name: "link.py", text: "/etc/passwd", mode: fs.ModeSymlink | 0o777}), same, ""},
		{"a device", with(part{name: "null", mode: fs.ModeDevice | fs.ModeCharDevice | 0o666}), same, ""},
		{"a long name", with(part{name: strings.Repeat("n", 300) + ".py"}), same, "uv refuses"},
		{"a file and a folder", with(part{name: "both"}, part{name: "both/x.py"}), same, "File exists"},
		{"bytecode of its own", with(part{name: "__pycache__/odd.cpython-311.pyc", text: "evil"}, part{name: "odd.pyc", text: "evil"}), same, ""},
		{"the cache is a file", with(part{name: "__pycache__", text: "evil"}), same, "Not a directory"},
		{"set-user-ID", with(part{name: "odd-1.0.data/scripts/run", text: "#!python\nprint(1)\n", mode: fs.ModeSetuid | fs.ModeSticky | 0o777}), same, ""},
		{"a mode of nothing", with(part{name: "shut.py", text: "X = 1\n", mode: 0o1}), same, ""},
		{"beside everything", with(part{name: "odd-1.0.data/data/share/odd/x.txt", text: "data"}, part{name: "odd-1.0.data/headers/odd.h"}, part{name: "odd.pth", text: "import odd\n"}, part{name: "sitecustomize.py"}), same, ""},
		{"programs", with(part{name: "odd-1.0.dist-info/entry_points.txt", text: "[console_scripts]\nodd = odd:X\n a b = odd:X\n[gui_scripts]\nodd-gui = odd:X\nPYTHON = odd:X\n"}), same, "invalid console script"},
		{"a module that is none", with(part{name: "bad.py", text: "def (\n"}, part{name: "null.py", text: "X = '\x00'\n"}, part{name: "coded.py", text: "# coding: none\n"}, part{name: "deep.py", text: "X = " + strings.Repeat("(", 5000) + strings.Repeat(")", 5000) + "\n"}), same, ""},
	} {
		s := newShop(t)
		s.offer("odd", "odd-1.0-py3-none-any.whl", oddWheel(t, "odd", c.parts, c.record))
		sums := map[string]string{}
		for _, d := range levels {
			b := builder(t, s, d)
			to := filepath.Join(openDir(t), "venv")
			_, err := b.Build(t.Context(), s.want("odd"), to)
			var e *Error
			switch {
			case c.says == "" && err == nil:
				sums[digest(t, b, to)] = to
			case c.says == "" || !errors.As(err, &e) || e.Kind != Install || !strings.Contains(err.Error(), c.says):
				t.Errorf("%s at %s: %v", c.name, d.Level(), err)
			}
			if _, err := os.Lstat(to); c.says != "" && err == nil {
				t.Errorf("%s at %s: something was left", c.name, d.Level())
			}
			nothingLeft(t, b)
		}
		if len(sums) > 1 {
			t.Errorf("%s: %d environments", c.name, len(sums))
			compare(t, sums)
		}
	}
}
