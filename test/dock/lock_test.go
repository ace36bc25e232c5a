package dock

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/manifest"
	"github.com/drydock-dev/drydock/pkg/uv"
)

// A project of uv: its lock is written, and what ships is told from what only tests need by its groups.
func TestLock(t *testing.T) {
	w := newWorld(t, plain())
	dir := t.TempDir()
	project := "[project]\nname = 'payments'\nversion = '1'\nrequires-python = '>=3.8'\ndependencies = ['lib', 'other']\n\n[dependency-groups]\ndev = ['pytest']\n"
	if err := os.WriteFile(filepath.Join(dir, "pyproject.toml"), []byte(project), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), w.tool.Path, "lock", "--no-config", "--default-index", w.index.URL(), "--cache-dir", t.TempDir(), "--upgrade-package", "lib==1.0", "--upgrade-package", "other==1.0")
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lock, err := os.ReadFile(filepath.Join(dir, "uv.lock"))
	if err != nil {
		t.Fatal(err)
	}
	w.repo.Push("main", "a project of uv", map[string]string{"pyproject.toml": project, "uv.lock": string(lock), "requirements.txt": "\x00",
		"tests/test_pay.py": files()["tests/test_pay.py"]})
	w.formats = []manifest.Format{manifest.UVLock{Tool: func(context.Context) (*uv.Tool, error) { return w.tool, nil }, Index: index.NewClient(index.Config{URL: w.index.URL(), Netrc: "-", Tries: 1, MaxAge: -1})}}
	c := w.proposed()
	if got := w.repo.Git("diff", "--name-only", "main", c.Branch); got != "uv.lock" {
		t.Errorf("the branch changes %q", got)
	}
	if got := w.repo.Git("show", c.Branch+":uv.lock"); !strings.Contains(got, w.index.Hash("lib", "1.1")) {
		t.Errorf("uv.lock is %s", got)
	}
	v := w.validation(c.Validated.Validation)
	if st := v.Step("tests"); v.Rescan.Packages != 2 || st.Tests == nil || st.Tests.Passed != 1 {
		t.Errorf("%d packages ship; tests: %+v", v.Rescan.Packages, st)
	}
	w.settled()
}
