package manifest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/uv"
)

// shop is an index of made-up files: "name version" to lines of metadata. A line "sdist" stands for a release
// without wheels whose PKG-INFO can be relied on, "dynamic" for one whose can't, "wheels FILE…" for others than
// one for everything, "no sdist" after it for wheels alone.
type shop map[string][]string

const shopURL = "https://index.example/simple"

func (s shop) Project(_ context.Context, name string) (*index.Project, error) {
	p := &index.Project{Name: name, Index: shopURL + "/"}
	for key, lines := range s {
		if of, version, _ := strings.Cut(key, " "); of == name {
			p.Releases = append(p.Releases, s.release(name, version, lines))
		}
	}
	if len(p.Releases) == 0 {
		return nil, fmt.Errorf("%s: %w", name, index.ErrUnknownProject)
	}
	return p, nil
}

func (s shop) release(name, version string, lines []string) index.Release {
	r := index.Release{Version: version}
	stem := strings.ReplaceAll(name, "-", "_") + "-" + version
	names := []string{stem + ".tar.gz", stem + "-py3-none-any.whl"}
	for _, line := range lines {
		if line == "sdist" || line == "dynamic" {
			names = names[:1]
		}
		if list, ok := strings.CutPrefix(line, "wheels "); ok {
			names = names[:1]
			for tag := range strings.FieldsSeq(list) {
				names = append(names, stem+"-"+tag+".whl")
			}
		}
		if line == "no sdist" {
			names = names[1:]
		}
		if python, ok := strings.CutPrefix(line, "Requires-Python: "); ok {
			r.RequiresPython = python
		}
	}
	for i, file := range names {
		sum := sha256.Sum256([]byte(file))
		at := time.Date(2023, 1, 2, 3, 4, 5, i*1000000, time.UTC)
		r.Files = append(r.Files, index.File{Name: file, URL: "https://files.index.example/" + hex.EncodeToString(sum[:2]) + "/" + file, Hashes: map[string]string{"sha256": hex.EncodeToString(sum[:])},
			Size: int64(1000 + i), Uploaded: &at, RequiresPython: r.RequiresPython})
	}
	return r
}

func (s shop) Metadata(_ context.Context, p *index.Project, f index.File) ([]byte, error) {
	v, _ := index.VersionOf(p.Name, f.Name)
	text := "Metadata-Version: 2.2\nName: " + p.Name + "\nVersion: " + v.String() + "\n"
	for _, line := range s[p.Name+" "+v.String()] {
		switch {
		case line == "dynamic":
			text += "Dynamic: Requires-Dist\n"
		case strings.Contains(line, ": "):
			text += line + "\n"
		}
	}
	return []byte(text + "\n"), nil
}

// realUV finds the uv that tests use.
func realUV(t *testing.T) func(context.Context) (*uv.Tool, error) {
	t.Helper()
	named := os.Getenv("DRYDOCK_UV")
	for dir, err := os.Getwd(); named == "" && err == nil && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if at := filepath.Join(dir, ".cache", "tools", "uv-"+uv.Version, "uv"); isFile(at) {
			named = at
		}
	}
	if named == "" {
		t.Skip("no uv " + uv.Version + ": set DRYDOCK_UV, or run make test, which fetches it")
	}
	return func(ctx context.Context) (*uv.Tool, error) {
		return uv.Locator{Path: named, Lookup: filepath.SplitList(os.Getenv("PATH"))}.Find(ctx)
	}
}

func isFile(at string) bool {
	info, err := os.Stat(at)
	return err == nil && info.Mode().IsRegular()
}

// project is an application with a lock, made by uv from what stood in the shop at first.
type project struct {
	t     *testing.T
	shop  shop
	files map[string][]byte
	tool  func(context.Context) (*uv.Tool, error)
}

// everything offers all of a shop but what is named.
type everything struct {
	shop shop
	but  []string
}

func (e everything) Project(ctx context.Context, name string) (*index.Project, error) {
	p, err := e.shop.Project(ctx, name)
	if err != nil {
		return nil, uv.ErrUnknown
	}
	kept := p.Releases[:0]
	for _, r := range p.Releases {
		if !strings.Contains(" "+strings.Join(e.but, " , ")+" ", " "+name+" "+r.Version+" ") {
			kept = append(kept, r)
		}
	}
	p.Releases = kept
	return p, nil
}

func (e everything) Metadata(ctx context.Context, name string, f index.File) ([]byte, error) {
	data, err := e.shop.Metadata(ctx, &index.Project{Name: name}, f)
	return []byte(strings.Replace(string(data), "Requires-Dist: made-up\n", "", 1)), err // what was told before it was built
}

// newProject locks files with uv as a customer would have, when later was not yet published.
func newProject(t *testing.T, s shop, files map[string]string, later ...string) *project {
	t.Helper()
	p := &project{t: t, shop: s, files: map[string][]byte{}, tool: realUV(t)}
	tool, err := p.tool(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	projects := map[string][]byte{}
	for name, text := range files {
		p.files[name] = []byte(text)
		projects[path.Dir(name)] = []byte(text)
	}
	answer, err := tool.Lock(t.Context(), uv.LockProblem{Projects: projects, Offer: everything{shop: s, but: later}})
	if err != nil {
		t.Fatal(err)
	}
	// What it would hold had uv asked the index itself, and had it been allowed to build.
	text := strings.Replace(string(answer.Lock), "[options]\nprerelease-mode = \"allow\"\n\n", "", 1)
	text = strings.Replace(text, "revision = 5", "revision = 3", 1)
	text = strings.ReplaceAll(text, uv.LockIndex, shopURL)
	var lines []string
	for line := range strings.Lines(text) {
		if m := urlField.FindStringSubmatch(line); m != nil {
			name, file, _ := uv.SplitLockFile(m[1])
			page, err := s.Project(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			f := fileNamed(page, file)
			if f == nil {
				continue
			}
			line = strings.Replace(line, m[1], f.URL, 1)
		}
		lines = append(lines, line)
	}
	p.files["uv.lock"] = []byte(strings.ReplaceAll(strings.Join(lines, ""), "wheels = [\n]\n", ""))
	return p
}

// set is what Apply gets for updates such as "flask 2.2.2 2.2.5" or, to add one, "blinker - 1.6".
func (p *project) set(updates ...string) Set {
	s := Set{Files: p.files, Inventory: &inventory.Inventory{Sources: []inventory.Source{{Path: "uv.lock", Kind: uvLockKind}}}}
	for name := range p.files {
		if path.Base(name) == "pyproject.toml" {
			s.Inventory.Files = append(s.Inventory.Files, inventory.File{Path: name, Kind: pyprojectKind, Scopes: []string{"repository:uv.lock"}})
		}
	}
	for _, u := range updates {
		f := strings.Fields(u)
		s.Updates = append(s.Updates, report.Update{Package: f[0], From: strings.Trim(f[1], "-"), To: f[2], Source: "uv.lock"})
	}
	return s
}

func (p *project) format() UVLock { return UVLock{Tool: p.tool, Index: p.shop} }

// rewrite applies updates and returns the lines that went (-) and came (+).
func (p *project) rewrite(updates ...string) (string, error) {
	p.t.Helper()
	out, err := Rewrite(p.t.Context(), p.set(updates...), Formats(p.format()))
	if err != nil {
		return "", err
	}
	for name := range out {
		if name != "uv.lock" {
			p.t.Errorf("%s was written", name)
		}
	}
	return difference(string(p.files["uv.lock"]), string(out["uv.lock"])), nil
}

// difference is that of two texts by their lines, in order (the longest common subsequence stays).
func difference(a, b string) string {
	x, y := strings.SplitAfter(a, "\n"), strings.SplitAfter(b, "\n")
	common := make([][]int, len(x)+1)
	for i := range common {
		common[i] = make([]int, len(y)+1)
	}
	for i := len(x) - 1; i >= 0; i-- {
		for k := len(y) - 1; k >= 0; k-- {
			if common[i][k] = max(common[i+1][k], common[i][k+1]); x[i] == y[k] {
				common[i][k] = common[i+1][k+1] + 1
			}
		}
	}
	var out strings.Builder
	for i, k := 0, 0; i < len(x) || k < len(y); {
		switch {
		case i < len(x) && k < len(y) && x[i] == y[k]:
			i, k = i+1, k+1
		case k == len(y) || i < len(x) && common[i+1][k] >= common[i][k+1]:
			out.WriteString("-" + x[i])
			i++
		default:
			out.WriteString("+" + y[k])
			k++
		}
	}
	return out.String()
}

// release writes the lines a lock has of one.
func (s shop) lines(name, version string) (sdist string, wheels []string) {
	page, _ := s.Project(context.Background(), name)
	v, _ := pep440.Parse(version)
	for _, f := range release(page, v.String()).Files {
		line := fmt.Sprintf(`{ url = "%s", hash = "sha256:%s", size = %d, upload-time = "%s" }`, f.URL, f.Hashes["sha256"], f.Size, f.Uploaded.Format(time.RFC3339Nano))
		if strings.HasSuffix(f.Name, ".whl") {
			wheels = append(wheels, "    "+line+",\n")
		} else {
			sdist = "sdist = " + line + "\n"
		}
	}
	return sdist, wheels
}
