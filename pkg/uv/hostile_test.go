package uv

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/drydock-dev/drydock/pkg/index"
)

// trap is a server that nobody may ask.
func trap(t testing.TB) (url string, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	here := "/" + rand.Text() + "/" // who had this port before may still be asked for
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, here) && !r.URL.IsAbs() && r.Method != http.MethodConnect {
			return
		}
		asked.Add(1)
		t.Logf("asked for %s %s", r.Method, r.URL)
		w.Header().Set("Content-Type", "application/vnd.pypi.simple.v1+json")
		_, _ = w.Write([]byte(`{"meta":{"api-version":"1.1"},"name":"flask","files":[{"filename":"flask-9.9-py3-none-any.whl","url":"x.whl","hashes":{}}]}`))
	}))
	t.Cleanup(s.Close)
	return s.URL + here, asked
}

// TestPoisonedSurroundings: neither the environment, nor files in the current folder or the home, nor a proxy
// reach uv: it asks our server only.
func TestPoisonedSurroundings(t *testing.T) {
	tool := realTool(t)
	url, asked := trap(t)
	home, here := t.TempDir(), t.TempDir()
	config := "index-url = \"" + url + "\"\nextra-index-url = [\"" + url + "\"]\nprerelease = \"allow\"\n[pip]\nindex-url = \"" + url + "\"\nextra-index-url = [\"" + url + "\"]\nfind-links = [\"" + url + "\"]\n"
	pipconf := "[global]\nindex-url = " + url + "\nextra-index-url = " + url + "\n"
	for path, text := range map[string]string{
		filepath.Join(home, ".config", "uv", "uv.toml"): config, filepath.Join(home, "uv.toml"): config, filepath.Join(here, "uv.toml"): config,
		filepath.Join(here, "pyproject.toml"):             "[tool.uv]\nindex-url = \"" + url + "\"\n[tool.uv.sources]\nflask = { url = \"" + url + "flask-9.9-py3-none-any.whl\" }\n",
		filepath.Join(home, ".config", "pip", "pip.conf"): pipconf, filepath.Join(home, ".pip", "pip.conf"): pipconf, filepath.Join(here, ".env"): "UV_INDEX_URL=" + url + "\n",
		filepath.Join(home, ".netrc"): "default login a password b\n", filepath.Join(here, ".python-version"): "3.4\n", filepath.Join(here, "constraints.txt"): "--index-url " + url + "\nflask==9.9\n",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(here)
	for name, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": filepath.Join(home, ".config"), "XDG_CONFIG_DIRS": filepath.Join(home, ".config"),
		"UV_INDEX_URL": url, "UV_DEFAULT_INDEX": url, "UV_INDEX": url, "UV_EXTRA_INDEX_URL": url, "UV_FIND_LINKS": url, "UV_CONFIG_FILE": filepath.Join(home, "uv.toml"),
		"UV_PRERELEASE": "allow", "UV_RESOLUTION": "highest", "UV_EXCLUDE_NEWER": "2001-01-01", "UV_OFFLINE": "1", "UV_ENV_FILE": filepath.Join(here, ".env"), "UV_CONSTRAINT": filepath.Join(here, "constraints.txt"),
		"UV_OVERRIDE": filepath.Join(here, "constraints.txt"), "UV_PYTHON": "3.4", "UV_TORCH_BACKEND": "cpu", "UV_INSECURE_HOST": "127.0.0.1", "UV_CACHE_DIR": here, "PIP_INDEX_URL": url, "PIP_EXTRA_INDEX_URL": url, "PIP_CONFIG_FILE": filepath.Join(home, ".pip", "pip.conf"),
		"HTTP_PROXY": url, "http_proxy": url, "HTTPS_PROXY": url, "ALL_PROXY": url, "NO_PROXY": "", "VIRTUAL_ENV": here, "CONDA_PREFIX": here, "PYTHONPATH": here, "PYTHONSTARTUP": here, "RUST_LOG": "trace", "LD_LIBRARY_PATH": here,
	} {
		t.Setenv(name, value)
	}
	s := flasks()
	a, err := tool.Compile(t.Context(), Problem{Requirements: []string{"flask>=2.2.2"}, Env: linux311, Offer: s})
	if err != nil || pins(a) != "flask==2.2.2 markupsafe==2.1.1 werkzeug==3.0.6" {
		t.Errorf("%s, %v", pins(a), err)
	}
	_, err = tool.Compile(t.Context(), Problem{Requirements: []string{"nobody-offers-this"}, Env: linux311, Offer: s})
	var c *Conflict
	if !errors.As(err, &c) || len(c.Missing) != 1 {
		t.Errorf("%v", err)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("another server was asked %d times", n)
	}
}

// TestNothingInherited: what a child finds in its environment is what is listed here.
func TestNothingInherited(t *testing.T) {
	t.Setenv("SECRET_TOKEN", "hunter2")
	seen := filepath.Join(t.TempDir(), "seen")
	env := "/usr/bin/env > '" + seen + "'"
	path := script(t, t.TempDir(), env+"; "+rightVersion)
	if _, err := (Locator{Path: path}).Find(t.Context()); err != nil {
		t.Fatal(err)
	}
	check := func(allowed string) {
		t.Helper()
		data, err := os.ReadFile(seen)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			if !strings.Contains(" PWD SHLVL _ OLDPWD __CF_USER_TEXT_ENCODING HOME TMPDIR "+allowed+" ", " "+name+" ") { // the first are the shell's own
				t.Errorf("%s=%s", name, value)
			}
			if (name == "HOME" || name == "TMPDIR") && !strings.Contains(value, "drydock-uv-") {
				t.Errorf("%s=%s", name, value)
			}
		}
	}
	check("")
	tool := &Tool{Path: script(t, t.TempDir(), env), lookup: filepath.SplitList(os.Getenv("PATH"))}
	if _, err := tool.Compile(t.Context(), Problem{Env: linux311, Offer: flasks()}); !errors.Is(err, ErrDied) {
		t.Error(err)
	}
	check("PATH UV_DEFAULT_INDEX UV_PYTHON_DOWNLOADS UV_NO_PROGRESS UV_NO_ENV_FILE UV_HTTP_RETRIES UV_HTTP_TIMEOUT ALL_PROXY HTTPS_PROXY HTTP_PROXY NO_PROXY")
}

func TestHostileMetadata(t *testing.T) {
	tool := realTool(t)
	url, asked := trap(t)
	const good = "Metadata-Version: 2.1\nName: evil\nVersion: 2.0\n"
	for name, tc := range map[string]struct {
		body string
		want string // pins, where 2.0 can be picked
		says string // of the conflict where it can't, and nothing else is offered
	}{
		"URL":                  {good + "Requires-Dist: helper @ " + url + "helper-1.0-py3-none-any.whl\n", "", "helper (asked for by URL) is not offered"},
		"URL with credentials": {good + "Requires-Dist: helper @ http://u:s3cret@127.0.0.1:9/helper-1.0.tar.gz\n", "", "helper (asked for by URL)"},
		"git":                  {good + "Requires-Dist: helper @ git+" + url + "x.git\n", "", "helper (asked for by URL)"},
		"file":                 {good + "Requires-Dist: helper @ file:///etc/passwd\n", "", "helper (asked for by URL)"},
		"URL behind an extra":  {good + "Provides-Extra: x\nRequires-Dist: helper @ " + url + "h.whl ; extra == 'x'\n", "evil==2.0", ""},
		"URL, unreadable":      {good + "Requires-Dist: helper[ @ " + url + "\n", "", "a requirement that can't be read"},
		"bare URL":             {good + "Requires-Dist: " + url + "helper.whl\n", "", "a requirement that can't be read"},
		"option":               {good + "Requires-Dist: --index-url=x\n", "", "metadata that can't be used"},
		"option in extra":      {good + "Provides-Extra: --index-url " + url + "\n", "evil==2.0", ""},
		"another header":       {good + "Location: " + url + "\nContent-Length: 5\nTransfer-Encoding: chunked\n", "evil==2.0", ""},
		"header in a value":    {good + "Requires-Dist: blinker\rName: other\n", "", "control characters"},
		"NUL":                  {good + "Requires-Dist: blinker\x00\n", "", "control characters"},
		"response splitting":   {good + "\r\n\r\nHTTP/1.1 302 Found\r\nLocation: " + url + "\r\n\r\n", "evil==2.0", ""},
		"another name":         {strings.Replace(good, "Name: evil", "Name: flask", 1), "", `metadata is that of "flask"`},
		"another version":      {strings.Replace(good, "2.0", "1.0", 1), "", `metadata is that of version "1.0"`},
		"name twice":           {good + "Name: flask\n", "", `metadata is that of "flask"`},
		"empty":                {"", "", "metadata is that of"},
		"binary":               {"PK\x03\x04\x00\x00", "", "metadata is that of"},
		"megabytes of text":    {good + "\n" + strings.Repeat("<b>description</b>\n", 400_000), "evil==2.0", ""},
		"megabytes of header":  {good + "Summary: " + strings.Repeat("x", maxMetadata), "", "more than 16 MB"},
		"folded without end":   {good + "Summary: x\n" + strings.Repeat(" \n x\n", 2_000_000) + "Author: \x1b[31m\n", "evil==2.0", ""},
		"many requirements":    {good + strings.Repeat("Requires-Dist: blinker>=1.0\n", 20_000), "blinker==1.7 evil==2.0", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &shop{stock: map[string]map[string]string{"evil": {"2.0": ""}, "blinker": {"1.7": ""}}}
			s.raw = func(name, version string) ([]byte, error) {
				if name == "evil" && version == "2.0" {
					return []byte(tc.body), nil
				}
				return []byte("Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n"), nil
			}
			a, err := tool.Compile(t.Context(), Problem{Requirements: []string{"evil>=1.0"}, Env: linux311, Offer: s})
			var c *Conflict
			if tc.says != "" && (!errors.As(err, &c) || !strings.Contains(c.Text, tc.says) || strings.Contains(c.Text, "s3cret") || strings.Contains(c.Text, "drydock-url") || len(c.Text) > maxText) {
				t.Errorf("%v", err)
			}
			if tc.says == "" && (err != nil || pins(a) != tc.want) {
				t.Errorf("%s, %v", pins(a), err)
			}
			// One release that can't be used does not take the others with it.
			s.stock["evil"]["3.0"] = ""
			if a, err = tool.Compile(t.Context(), Problem{Requirements: []string{"evil>=1.0"}, Env: linux311, Offer: s}); err != nil || tc.says != "" && a.Pins["evil"] != "3.0" {
				t.Errorf("beside a good one: %s, %v", pins(a), err)
			}
		})
	}
	t.Cleanup(func() {
		if n := asked.Load(); n != 0 {
			t.Errorf("another server was asked %d times", n)
		}
	})
}

func TestHostileOffers(t *testing.T) {
	tool := realTool(t)
	for name, version := range map[string]string{"no version": "--index-url", "second line": "1.0\n--index-url http://127.0.0.1:9/", "path": "../../1.0", "quote": `1.0","url":"http://127.0.0.1:9/`} {
		_, err := tool.Compile(t.Context(), Problem{Requirements: []string{"evil"}, Env: linux311, Offer: &shop{stock: map[string]map[string]string{"evil": {version: ""}}}})
		if !errors.Is(err, ErrOffer) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := &shop{stock: map[string]map[string]string{"evil": {"1.0": "Requires-Python: >=3\",\"url\":\"http://127.0.0.1:9/x\n", "1.1": ""}}}
	if a, err := tool.Compile(t.Context(), Problem{Requirements: []string{"evil"}, Env: linux311, Offer: s}); err != nil || len(a.Pins) != 1 {
		t.Errorf("%v, %v", a.Pins, err)
	}
}

// TestStray: what uv would ask of another host ends at our server and ends the run.
func TestStray(t *testing.T) {
	python := pathOfPython(t)
	ask := python + ` -c 'import os,urllib.request as u
try: u.urlopen(u.Request("http://index.example/simple/", headers={"User-Agent": "x"}))
except Exception as e: print(e)'; exit 0`
	tool := &Tool{Path: script(t, t.TempDir(), ask)}
	_, err := tool.Compile(t.Context(), Problem{Env: linux311, Offer: flasks()})
	if !errors.Is(err, ErrDied) || !strings.Contains(err.Error(), "it tried to reach index.example") {
		t.Error(err)
	}
}

// TestSourceOnly: a package has nothing but source distributions whose setup.py would leave a mark. One is
// offered with the metadata that stands in it, which our own code reads; the other, which does not say what it
// requires, is not offered. Nothing is built either way, and uv never sees the files.
func TestSourceOnly(t *testing.T) {
	tool := realTool(t)
	mark := filepath.Join(t.TempDir(), "ran")
	files := map[string][]byte{
		"static-1.0.tar.gz": sdist(t, mark, "static", "Metadata-Version: 2.2\nName: static\nVersion: 1.0\nRequires-Dist: docopt>=0.6\n"),
		"docopt-0.6.tar.gz": sdist(t, mark, "docopt", "Metadata-Version: 1.1\nName: docopt\nVersion: 0.6\n"),
	}
	var fetched atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
		last := parts[len(parts)-1]
		if body, ok := files[last]; ok {
			fetched.Add(1)
			_, _ = w.Write(body)
			return
		}
		for file, body := range files {
			if strings.HasPrefix(file, last+"-") {
				sum := sha256.Sum256(body)
				w.Header().Set("Content-Type", "application/vnd.pypi.simple.v1+json")
				_ = json.NewEncoder(w).Encode(map[string]any{"meta": map[string]string{"api-version": "1.1"}, "name": last,
					"files": []any{map[string]any{"filename": file, "url": "/files/" + file, "hashes": map[string]string{"sha256": hex.EncodeToString(sum[:])}, "size": len(body)}}})
			}
		}
	}))
	defer srv.Close()
	offer := &static{index: index.NewClient(index.Config{URL: srv.URL + "/simple/", Netrc: "-"}), name: "static"}
	p := Problem{Requirements: []string{"static>=1.0"}, Env: linux311, Offer: offer}
	_, err := tool.Compile(t.Context(), p)
	var c *Conflict
	if !errors.As(err, &c) || !strings.Contains(c.Text, "docopt") {
		t.Errorf("%v", err)
	}
	if n := fetched.Load(); n != 1 {
		t.Errorf("%d files were fetched, want the one whose metadata we read", n)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("a setup.py was run")
	}
}

func sdist(t *testing.T, mark, name, metadata string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	dir := name + "-" + map[string]string{"static": "1.0", "docopt": "0.6"}[name] + "/"
	for _, m := range [][2]string{{"PKG-INFO", metadata}, {"setup.py", fmt.Sprintf("open(%q, 'w').write('x')\n", mark)},
		{"pyproject.toml", "[build-system]\nrequires = []\nbackend-path = ['.']\nbuild-backend = 'setup'\n"}} {
		err := w.WriteHeader(&tar.Header{Name: dir + m[0], Mode: 0o644, Size: int64(len(m[1])), Format: tar.FormatPAX})
		if err == nil {
			_, err = w.Write([]byte(m[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// static offers every release of the packages whose metadata can be relied on.
type static struct {
	index index.Source
	name  string
}

func (o *static) Versions(ctx context.Context, name string) ([]Offered, error) {
	p, err := o.index.Project(ctx, name)
	if err != nil {
		return nil, err
	}
	var out []Offered
	for _, r := range p.Releases {
		if name == o.name {
			out = append(out, Offered{Version: r.Version})
		}
	}
	return out, nil
}

func (o *static) Metadata(ctx context.Context, name, _ string) ([]byte, error) {
	p, err := o.index.Project(ctx, name)
	if err != nil {
		return nil, err
	}
	return o.index.Metadata(ctx, p, p.Releases[0].Files[0])
}

// TestOneInterpreterOnly: a .venv above the temporary folder is not where uv takes its Python from.
func TestOneInterpreterOnly(t *testing.T) {
	tool := realTool(t)
	if runtime.GOOS == "windows" {
		t.Skip("no shell")
	}
	tmp := t.TempDir()
	mark := filepath.Join(tmp, "ran")
	bin := filepath.Join(tmp, ".venv", "bin")
	if err := errors.Join(os.MkdirAll(bin, 0o755), os.WriteFile(filepath.Join(tmp, ".venv", "pyvenv.cfg"), []byte("home = /usr/bin\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(script(t, tmp, "echo x > '"+mark+"'; exit 1"), filepath.Join(bin, "python")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", tmp)
	if _, err := tool.Compile(t.Context(), Problem{Requirements: []string{"flask"}, Env: linux311, Offer: flasks()}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("a Python planted above the temporary folder was run")
	}
}
