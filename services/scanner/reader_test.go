package scanner

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/isolation"
)

// write makes a tree of files.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	return real
}

func newService(t testing.TB, cfg Config, deps Deps) *Service {
	t.Helper()
	s, err := New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	s.total, s.patience = ample, func(task) time.Duration { return ample } // a busy machine may keep a reader from its first word for long
	return s
}

// hasty gives up what hangs soon: what is to be read is read by then, whatever the machine is busy with.
func hasty(at task) time.Duration {
	if at.Kind == (breaker{}).Kind() || at.Kind == taskDiscovery {
		return time.Second
	}
	return ample
}

// ample is a limit that is not to be reached.
const ample = 10 * time.Minute

func read(t testing.TB, dir string) (*reading, *inventory.Inventory) {
	t.Helper()
	r, err := newService(t, Config{}, Deps{}).readTarget(t.Context(), request{Root: dir})
	if err != nil {
		t.Fatal(err)
	}
	return r, assemble(r, "")
}

// find returns the details of what is incomplete for a reason and source.
func find(inv *inventory.Inventory, reason, source string) string {
	var out []string
	for _, i := range inv.Incomplete {
		if i.Reason == reason && i.Source == source {
			out = append(out, i.Detail)
		}
	}
	return strings.Join(out, "\n")
}

func names(inv *inventory.Inventory) string {
	var out []string
	for _, p := range inv.Packages {
		out = append(out, p.Package+" "+p.Version)
	}
	return strings.Join(out, ", ")
}

func TestReaderSaysHowItIsConfined(t *testing.T) {
	r, inv := read(t, write(t, map[string]string{"requirements.txt": "flask==2.2.2\n"}))
	if names(inv) != "flask 2.2.2" {
		t.Errorf("packages: %s", names(inv))
	}
	if runtime.GOOS != "linux" {
		if r.confinement != "none" {
			t.Errorf("confinement %q on %s", r.confinement, runtime.GOOS)
		}
		return
	}
	if _, err := isolation.ParseLevel(r.confinement); err != nil || r.confinement == "" {
		t.Errorf("confinement %q", r.confinement)
	}
	t.Logf("this host gives %s", r.confinement)
}

// Each way a parser can break costs its own source; what stands before and after it is still read.
func TestBrokenParserCostsOneSource(t *testing.T) {
	for name, want := range map[string]string{
		"panic":    "the parser failed",
		"crash":    "it crashed",
		"overflow": "its reader was stopped",
		"eat":      "of memory",
		"flood":    "more than",
		"garbage":  "message of the reader",
	} {
		t.Run(name, func(t *testing.T) {
			if name == "eat" && runtime.GOOS != "linux" {
				t.Skip("this system has no RLIMIT_DATA that holds")
			}
			dir := write(t, map[string]string{"a/requirements.txt": "flask==2.2.2", "b/" + name + ".break": "", "c/requirements.txt": "-r more.inc\n", "c/more.inc": "jinja2==3.0.0"})
			if name == "eat" && raceEnabled {
				t.Skip("the race detector's own memory is not bounded")
			}
			s := newService(t, Config{}, Deps{})
			s.room = 8 << 20
			r, err := s.readTarget(t.Context(), request{Root: dir})
			if err != nil {
				t.Fatal(err)
			}
			inv := assemble(r, "")
			if got := names(inv); got != "flask 2.2.2, jinja2 3.0.0" {
				t.Errorf("packages: %s", got)
			}
			if got := find(inv, inventory.Unparsed, "b/"+name+".break"); !strings.Contains(got, want) || !printable(got) {
				t.Errorf("incomplete: %q, want %q; all: %+v", got, want, inv.Incomplete)
			}
		})
	}
}

func TestHangingParserCostsOneSource(t *testing.T) {
	for _, name := range []string{"hang", "spin"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := write(t, map[string]string{"a/requirements.txt": "flask==2.2.2", "b/" + name + ".break": "", "c/requirements.txt": "jinja2==3.0.0"})
			s := newService(t, Config{}, Deps{})
			s.patience = hasty
			r, err := s.readTarget(t.Context(), request{Root: dir})
			if err != nil {
				t.Fatal(err)
			}
			inv := assemble(r, "")
			got := find(inv, inventory.Unparsed, "b/"+name+".break")
			if names(inv) != "flask 2.2.2, jinja2 3.0.0" || !strings.Contains(got, "no sign of life") && !strings.Contains(got, "crashed") {
				t.Errorf("packages %s; incomplete %+v", names(inv), inv.Incomplete)
			}
		})
	}
}

func TestReaderIsNotBelieved(t *testing.T) {
	_, inv := read(t, write(t, map[string]string{"lies.break": ""}))
	if len(inv.Packages) != 0 {
		t.Errorf("packages: %+v", inv.Packages)
	}
	for _, i := range inv.Incomplete {
		if !printable(i.Detail) || !printable(i.Source) || strings.Contains(i.Source, "..") {
			t.Errorf("let in: %q", fmt.Sprint(i))
		}
	}
}

func TestReaderSeesNothingOutside(t *testing.T) {
	outside := write(t, map[string]string{"secret.txt": "s3cret"})
	dir := write(t, map[string]string{"probe.break": filepath.Join(outside, "secret.txt")})
	t.Setenv("DRYDOCK_TEST_SECRET", "s3cret")
	r, _ := read(t, dir)
	if r.confinement == string(isolation.None) {
		t.Skip("this host gives no confinement of reads: said in every result")
	}
	if len(r.manifests) != 1 || len(r.manifests[0].Notes) != 0 {
		t.Errorf("from inside of the reader: %+v", r.manifests)
	}
}

func TestConfinementTooWeakFailsTheScan(t *testing.T) {
	s := newService(t, Config{}, Deps{})
	s.level = isolation.Full
	dir := write(t, map[string]string{"requirements.txt": "flask==1"})
	_, err := s.readTarget(t.Context(), request{Root: dir})
	if r, _ := read(t, dir); isolation.Level(r.confinement) == isolation.Full {
		if err != nil {
			t.Fatalf("refused on a host that gives it: %v", err)
		}
		return
	}
	if err == nil || !strings.Contains(err.Error(), "confinement landlock+seccomp is required") {
		t.Errorf("error %v", err)
	}
}

// No byte, mode, owner or time of a target differs after a scan, whatever the scan ran into.
func TestTargetStaysUntouched(t *testing.T) {
	files := map[string]string{"requirements.txt": "flask==2.2.2\n-r missing.txt\n", "requirements/dev.txt": "broken ==== 1\n", "crash.break": "", "eat.break": "", "poetry.lock": "",
		".git/HEAD": "ref: refs/heads/main\n", "venv/pyvenv.cfg": "", "sub/runtime.txt": "python-3.11"}
	dir := write(t, files)
	for _, bad := range []error{os.Symlink("/etc/passwd", filepath.Join(dir, "passwd-requirements.txt")), os.Symlink(".", filepath.Join(dir, "requirements-loop")),
		os.Chmod(filepath.Join(dir, "requirements.txt"), 0o640)} {
		if bad != nil {
			t.Fatal(bad)
		}
	}
	before := snapshot(t, dir)
	svc := newService(t, Config{}, Deps{})
	svc.patience = hasty // what eats memory is not bounded under the race detector
	if _, err := svc.readTarget(t.Context(), request{Root: dir}); err != nil {
		t.Fatal(err)
	}
	if after := snapshot(t, dir); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(name)
		if err != nil {
			return err
		}
		content := []byte{}
		if info.Mode().IsRegular() {
			if content, err = os.ReadFile(name); err != nil {
				return err
			}
		}
		owner := info.Sys().(*syscall.Stat_t)
		fmt.Fprintf(&b, "%s %s %d %d:%d %s %x\n", name, info.Mode(), info.Size(), owner.Uid, owner.Gid, info.ModTime().UTC().Format("15:04:05.000000000"), content)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestCancelStopsTheReader(t *testing.T) {
	dir := write(t, map[string]string{"hang.break": ""})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newService(t, Config{}, Deps{}).readTarget(ctx, request{Root: dir}); err == nil {
		t.Error("no error")
	}
}

func BenchmarkReader(b *testing.B) {
	dir := write(b, map[string]string{"requirements.txt": thirtyPins()})
	s := newService(b, Config{}, Deps{})
	for b.Loop() {
		if _, err := s.readTarget(b.Context(), request{Root: dir}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkExtract(b *testing.B) {
	data := []byte(thirtyPins())
	for b.Loop() {
		m := manifest{Path: "requirements.txt", Ecosystem: "PyPI"}
		parseRequirements(data, &m, nil)
		if len(m.Packages) != 30 {
			b.Fatal(len(m.Packages), m.Incomplete)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	dir := write(b, map[string]string{"requirements.txt": thirtyPins()})
	s := newService(b, Config{}, Deps{})
	for b.Loop() {
		if _, _, err := s.Once(b.Context(), events.ScanRequested{Application: "a", Target: dir}, epoch); err != nil {
			b.Fatal(err)
		}
	}
}

func thirtyPins() string {
	var b strings.Builder
	for i := range 30 {
		fmt.Fprintf(&b, "package-%d==1.%d.0 ; python_version >= \"3.8\" \\\n    --hash=sha256:%064x \\\n    --hash=sha256:%064x\n    # via flask\n", i, i, i, i+1)
	}
	return b.String()
}

// The largest manifest that is allowed fits into the reader's memory and messages.
func TestLargestManifest(t *testing.T) {
	if raceEnabled {
		t.Skip("takes long under the race detector")
	}
	var b strings.Builder
	for i := 0; b.Len() < maxFile-300; i++ {
		fmt.Fprintf(&b, "package-%d==1.%d.0 \\\n    --hash=sha256:%064x \\\n    --hash=sha256:%064x \\\n    --hash=sha256:%064x\n", i, i, i, i+1, i+2)
	}
	_, inv := read(t, write(t, map[string]string{"requirements.txt": b.String()}))
	if len(inv.Packages) < 30_000 || len(inv.Incomplete) != 0 {
		t.Errorf("%d packages, %+v", len(inv.Packages), inv.Incomplete)
	}
	b.Reset()
	for b.Len() < maxFile-300 {
		b.WriteString("a==1\n")
	}
	if _, inv := read(t, write(t, map[string]string{"requirements.txt": b.String()})); len(inv.Packages) != maxPackages || len(inv.Incomplete) != 1 {
		t.Errorf("%d packages, %+v", len(inv.Packages), inv.Incomplete)
	}
}
