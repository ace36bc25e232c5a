package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/drydock-dev/drydock/pkg/isolation/dock"
	"github.com/drydock-dev/drydock/pkg/uv/uvtest"
	"github.com/drydock-dev/drydock/services/scanner"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == scanner.ReaderArg {
		os.Exit(scanner.ReaderMain()) // the confined child is this very binary
	}
	if len(os.Args) > 1 && os.Args[1] == dock.ChildArg {
		os.Exit(dock.ChildMain())
	}
	testscript.Main(m, map[string]func(){"drydock": func() { os.Exit(command(time.Hour)) }})
}

// TestScripts runs testdata: one script for each promise of docs/cli.md.
func TestScripts(t *testing.T) {
	index := httptest.NewServer(http.HandlerFunc(serveIndex))
	t.Cleanup(index.Close)
	resolver := uvtest.Find()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Condition: func(name string) (bool, error) {
			if name == "uv" {
				return resolver != "", nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("INDEX", index.URL+"/simple/")
			e.Setenv("HANG", index.URL+"/hang/")
			e.Setenv("MIRROR", index.URL+"/mirror")
			e.Setenv("PAGES", index.URL+"/pages") // a mirror that answers everything with a page
			e.Setenv("ESC", "\x1b")
			e.Setenv("DRYDOCK_UV", resolver)
			return os.MkdirAll(filepath.Join(e.WorkDir, "home"), 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"osvdb": makeDatabase, "await": await, "has": has, "hasnot": hasNot, "evil": makeEvil, "code": code, "signal": sendSignal, "nats": startNATS, "publish": publish, "makelog": makeLog,
		},
	})
}

// records are the advisories of the scripts: one of each severity, one malicious, one whose text attacks a
// terminal.
var records = []string{
	osv("GHSA-high-0001", "CVE-2023-30861", "flask", "2.2.5", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", "cookies may be shared"),
	osv("GHSA-crit-0002", "CVE-2022-0002", "jinja2", "3.1.9", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", "code execution"),
	osv("GHSA-lows-0003", "CVE-2022-0003", "idna", "3.7", "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N", "slow"),
	osv("GHSA-evil-0004", "CVE-2022-0004", "evil", "2.0", "", "red \x1b[31m, bell \x07, reversed \u202e and a C1 \u009b31m"),
	osv("GHSA-none-0005", "CVE-2022-0005", "nofix", "", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", "nobody mends it"),
}

func osv(id, cve, pkg, fixed, vector, summary string) string {
	events := []map[string]string{{"introduced": "0"}}
	if fixed != "" {
		events = append(events, map[string]string{"fixed": fixed})
	}
	r := map[string]any{"schema_version": "1.6.0", "id": id, "aliases": []string{cve}, "modified": "2026-11-20T00:00:00Z", "published": "2026-01-01T00:00:00Z", "summary": summary,
		"affected": []any{map[string]any{"package": map[string]string{"ecosystem": "PyPI", "name": pkg}, "ranges": []any{map[string]any{"type": "ECOSYSTEM", "events": events}}}}}
	if vector != "" {
		r["severity"] = []map[string]string{{"type": "CVSS_V3", "score": vector}}
	}
	data, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return string(data)
}

// makeDatabase writes DIR/PyPI/all.zip.
func makeDatabase(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(filepath.Join(args[0], "PyPI"))
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(os.WriteFile(filepath.Join(dir, "all.zip"), archive(), 0o644))
}

func archive() []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i, r := range records {
		w, err := z.Create(fmt.Sprintf("R-%d.json", i))
		if err == nil {
			_, err = w.Write([]byte(r))
		}
		if err != nil {
			panic(err) // a buffer does not fail
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// serveIndex is a package index (PEP 691) with every release the scripts need, one that never answers, and a
// mirror of advisories.
func serveIndex(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/hang/") {
		<-r.Context().Done()
		return
	}
	if strings.HasPrefix(r.URL.Path, "/pages/") {
		_, _ = w.Write([]byte("<!doctype html><title>Sign in</title>"))
		return
	}
	if r.URL.Path == "/mirror/PyPI/all.zip" {
		_, _ = w.Write(archive())
		return
	}
	if file, ok := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/"), "-py3-none-any.whl.metadata"); ok {
		name, version, _ := strings.Cut(file, "-")
		_, _ = fmt.Fprint(w, metadataOf(name, version))
		return
	}
	if file, ok := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/"), "-py3-none-any.whl"); ok {
		name, version, _ := strings.Cut(file, "-")
		_, _ = w.Write(wheelOf(name, version))
		return
	}
	versions, ok := map[string][]string{
		"flask": {"2.2.2", "2.2.4", "2.2.5", "3.0.0"}, "jinja2": {"3.1.2", "3.1.9"}, "idna": {"3.4", "3.7"}, "evil": {"1.0", "2.0"}, "nofix": {"1.0", "1.1"},
	}[strings.Trim(strings.TrimPrefix(r.URL.Path, "/simple/"), "/")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	type file struct {
		Filename string            `json:"filename"`
		URL      string            `json:"url"`
		Hashes   map[string]string `json:"hashes"`
		Uploaded string            `json:"upload-time"`
		Size     int               `json:"size"`
		Metadata bool              `json:"core-metadata"`
	}
	name := strings.Trim(strings.TrimPrefix(r.URL.Path, "/simple/"), "/")
	doc := map[string]any{"meta": map[string]string{"api-version": "1.1"}, "name": name, "versions": versions}
	var files []file
	for _, v := range versions {
		n, wheel := fmt.Sprintf("%s-%s-py3-none-any.whl", name, v), wheelOf(name, v)
		files = append(files, file{n, "../../" + n, map[string]string{"sha256": fmt.Sprintf("%x", sha256.Sum256(wheel))}, "2023-01-01T00:00:00Z", len(wheel), true})
	}
	doc["files"] = files
	w.Header().Set("Content-Type", "application/vnd.pypi.simple.v1+json")
	_ = json.NewEncoder(w).Encode(doc)
}

// await waits until FILE holds TEXT and, with a third argument, writes the address in it there.
func await(ts *testscript.TestScript, _ bool, args []string) {
	var data []byte
	for range 6000 { // ten minutes: the machine may be busy
		data, _ = os.ReadFile(ts.MkAbs(args[0]))
		if strings.Contains(string(data), args[1]) {
			if len(args) > 2 {
				ts.Setenv(args[2], address(string(data)))
			}
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	ts.Fatalf("%s never said %q: %s", args[0], args[1], data)
}

func address(log string) string {
	i := strings.Index(log, "http://")
	if i < 0 {
		return ""
	}
	return strings.FieldsFunc(log[i:], func(r rune) bool { return r == ' ' || r == '\n' })[0]
}

// has checks that a JSON file has a value: has FILE a.b.0.c [WANT].
func has(ts *testscript.TestScript, neg bool, args []string) {
	var doc any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &doc))
	v, ok := dig(doc, strings.Split(args[1], "."))
	switch {
	case neg && ok:
		ts.Fatalf("%s is there: %v", args[1], v)
	case !neg && !ok:
		ts.Fatalf("%s is missing", args[1])
	case len(args) > 2 && fmt.Sprint(v) != args[2]:
		ts.Fatalf("%s = %v, want %s", args[1], v, args[2])
	}
}

func dig(v any, path []string) (any, bool) {
	for _, p := range path {
		switch x := v.(type) {
		case map[string]any:
			next, ok := x[p]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			var i int
			if _, err := fmt.Sscan(p, &i); err != nil || i >= len(x) {
				return nil, false
			}
			v = x[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// hasNot checks that FILE (or stdout, stderr) has none of what a terminal would obey.
func hasNot(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := ts.ReadFile(name)
		if i := strings.IndexFunc(text, unsafeRune); i >= 0 {
			ts.Fatalf("%s has %q raw at %d: %q", name, text[i:i+1], i, text[max(0, i-40):min(len(text), i+20)])
		}
	}
}

// makeEvil writes a directory whose names and requirements attack a terminal.
func makeEvil(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	sub := filepath.Join(dir, "sub\x1b[31m\u202edir")
	ts.Check(os.MkdirAll(sub, 0o755))
	text := "evil==1.0\nflask==2.2.2 \x1b[2J\nna\x07me==\x9b31m\nurl @ https://x.example/\u202e.whl\n\x1b]0;title\x07==1\n"
	ts.Check(os.WriteFile(filepath.Join(sub, "requirements.txt"), []byte(text), 0o644))
	ts.Check(os.WriteFile(filepath.Join(dir, "requirements.txt"), []byte("-r sub\x1b[31m/missing.txt\nevil==1.0\n"), 0o644))
}

// code runs a command and checks its exit code: code 2 drydock scan …
func code(ts *testscript.TestScript, _ bool, args []string) {
	want := args[0]
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if exit := (interface{ ExitCode() int })(nil); errors.As(err, &exit) {
		got = fmt.Sprint(exit.ExitCode())
	} else if err != nil {
		ts.Fatalf("%v: %v", args[1:], err)
	}
	if got != want {
		ts.Fatalf("%v: exit %s, want %s", args[1:], got, want)
	}
}

// sendSignal sends TERM or INT to the process whose ready line stands in FILE: signal TERM up.log
func sendSignal(ts *testscript.TestScript, _ bool, args []string) {
	_, after, ok := strings.Cut(ts.ReadFile(args[1]), ", process ")
	var pid int
	if _, err := fmt.Sscan(after, &pid); err != nil || !ok {
		ts.Fatalf("%s names no process: %v", args[1], err)
	}
	ts.Check(syscall.Kill(pid, map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT}[args[0]]))
}
