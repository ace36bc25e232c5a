package scanner

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

// above finds a file or folder beside or above this package.
func above(t *testing.T, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if at := filepath.Join(dir, filepath.FromSlash(name)); exists(at) {
			return at
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
		dir = filepath.Dir(dir)
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// dozen are requirements as real applications wrote them between 2019 and 2023; each holds something that the
// two engines could see differently.
var dozen = map[string]string{
	"web":        "flask==2.2.2\nwerkzeug==2.2.2\njinja2==3.0.3\nmarkupsafe==2.1.1\nitsdangerous==2.1.2\nclick==8.1.3\n",
	"django":     "Django==3.2.0\ndjangorestframework==3.11.0\npsycopg2-binary==2.9.1\nsqlparse==0.4.1\n",
	"local":      "torch==1.12.0+cu117\ntorchvision==0.13.0+cu117\nnumpy==1.21.0\n",
	"science":    "numpy==1.18.0\nscipy==1.4.1\npandas==1.0.0\ntensorflow==2.5.0\nPillow==8.0.0\nscikit-learn==0.20.0\n",
	"client":     "requests==2.19.1\nurllib3==1.24.1\ncertifi==2021.10.8\nidna==2.8\nhttpx==0.22.0\n",
	"crypto":     "cryptography==3.2\npyopenssl==17.5.0\nparamiko==2.4.0\npycrypto==2.6.1\nrsa==4.0\necdsa==0.13\npyjwt==1.5.0\n",
	"async":      "aiohttp==3.7.3\ntornado==6.0.4\nstarlette==0.14.0\nfastapi==0.65.0\nuvicorn==0.11.6\n",
	"tasks":      "celery==4.4.0\nkombu==4.6.7\nredis==4.5.1\nvine==1.3.0\n",
	"text":       "lxml==4.6.2\nbleach==3.1.0\nmistune==0.8.4\nPyYAML==5.3\nMarkdown==2.6\npygments==2.7.3\nfeedparser==5.1.2\n",
	"ops":        "ansible==2.9.0\nsalt==3001\napache-airflow==1.10.10\nsupervisor==3.3.2\nfabric==2.0\n",
	"odd":        "Pillow==9.0.0.post1\nzope.interface==5.0\nruamel-yaml==0.16\npip==19.0\nsetuptools==40.0.0\nwheel==0.37.0\nbabel==2.9.0\n",
	"prerelease": "django==4.0rc1\nflask==2.3.0.dev0\nsqlalchemy==1.3.0b1\njinja2==2.11.0\n",
}

// The second opinion, run for real on the frozen database: every difference is listed and explained.
func TestCrossCheckWithTheRealOne(t *testing.T) {
	program, db := above(t, "bin/"+osvProgram), above(t, "../shared/advisories")
	if program == "" {
		t.Skip("bin/" + osvProgram + " is not built: make osv-scanner")
	}
	if db == "" {
		t.Skip("the frozen database ../shared/advisories is not here")
	}
	matcher, err := advisory.Open(db, advisory.Options{Ecosystems: []string{"PyPI"}})
	if err != nil {
		t.Fatal(err)
	}
	s := newService(t, Config{OSVScanner: program, DBDir: db}, Deps{Matcher: func() advisory.Matcher { return matcher }})
	files := map[string]string{}
	for name, text := range dozen {
		files[name+"/requirements.txt"] = text
	}
	if demo := above(t, "deploy/demo/requirements.txt"); demo != "" {
		text, err := os.ReadFile(demo)
		if err != nil {
			t.Fatal(err)
		}
		files["demo/requirements.txt"] = string(text)
	}
	r, _, err := s.Once(t.Context(), events.ScanRequested{Application: "a", Target: write(t, files), CrossCheck: true}, epoch)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) < 100 {
		t.Errorf("only %d findings", len(r.Findings))
	}
	if len(r.Differences) == 0 {
		t.Error("the known differences are gone: look at what is said of them")
	}
	for _, d := range r.Differences {
		if d.Why == unexplained || d.Why == "" {
			t.Errorf("%+v is not explained", d)
		}
		t.Logf("%s %s %s only in %s: %s", d.Package, d.Version, strings.Join(d.IDs, " "), d.OnlyIn, d.Why)
	}
}

func TestWhyEnginesDiffer(t *testing.T) {
	dir := t.TempDir()
	at := filepath.Join(dir, "PyPI", "all.zip")
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for id, rest := range map[string]string{
		"A-1": `"affected":[{"package":{"name":"torch","ecosystem":"PyPI"},"ranges":[{"type":"GIT"},{"type":"ECOSYSTEM"}],"versions":["1.12.0"]}]`,
		"A-2": `"affected":[{"package":{"name":"Torch","ecosystem":"PyPI"},"ranges":[{"type":"ECOSYSTEM"}]}]`,
		"A-3": `"withdrawn":"2023-01-01T00:00:00Z"`,
		"A-4": `"affected":7`,
	} {
		w, err := z.Create(id + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(w, `{"id":%q,%s}`, id, rest); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	rewrite(t, at, archive.String())
	e := &explainer{dir: dir}
	for _, c := range []struct{ id, version, native, other string }{
		{"A-1", "1.12.0+cu117", "A-1 lists a GIT range first", unexplained}, {"A-1", "1.12.0", unexplained, unexplained}, {"A-2", "1.0", `A-2 writes the name "Torch"`, unexplained}, {"A-3", "1.0", unexplained, "A-3 was withdrawn"},
		{"A-4", "1.0", unexplained, unexplained}, {"A-9", "1.0+x", "local label", unexplained}, {"../A-1", "custom", unexplained, "not one of PEP 440"},
	} {
		if got := e.whyNative(report.Finding{Package: "torch", Ecosystem: "PyPI", Version: c.version, IDs: []string{c.id}}); !strings.Contains(got, c.native) {
			t.Errorf("%s %s: %s", c.id, c.version, got)
		}
		if got := e.whyOther(inventory.Package{Package: "torch", Ecosystem: "PyPI", Version: c.version}, []string{c.id}); !strings.Contains(got, c.other) {
			t.Errorf("%s %s: %s", c.id, c.version, got)
		}
	}
}
