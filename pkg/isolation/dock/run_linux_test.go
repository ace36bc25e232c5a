package dock

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestNotRun(t *testing.T) {
	full := openDir(t)
	if err := os.WriteFile(filepath.Join(full, "f"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	closed := openDir(t)
	shim := filepath.Join(full, "shim")
	if os.WriteFile(shim, []byte("#!/bin/sh\n"), 0o755) != nil || os.Chmod(closed, 0o700) != nil {
		t.Fatal("set up")
	}
	offered := docks(t, true)
	for _, c := range []struct {
		name    string
		command Command
		kind    Kind
		says    string
	}{
		{"nothing", Command{}, BadCommand, "set Path"},
		{"no such program", Command{Path: "no-such-program"}, NotFound, "find the program no-such-program in the box"},
		{"no such path", Command{Path: "/no/such"}, NotFound, "find the program /no/such"},
		{"no program", Command{Path: Inside("/data/f"), Mounts: []Mount{{full, "/data"}}}, NotFound, "it is there and can't be run"},
		{"no folder", Command{Path: "true", Dir: "/no/folder"}, BadCommand, "start in /no/folder"},
		{"zero byte", Command{Path: "true", Args: []string{"a\x00b"}}, BadCommand, "zero byte"},
		{"environment", Command{Path: "true", Env: map[string]string{"A=B": "c"}}, BadCommand, `"A=B"`},
		{"relative mount", Command{Path: "true", Mounts: []Mount{{"x", "/x"}}}, BadCommand, "must be absolute"},
		{"mount on the root", Command{Path: "true", Mounts: []Mount{{full, "/"}}}, BadCommand, "not /"},
		{"mount that climbs", Command{Path: "true", Mounts: []Mount{{full, "/a/../b"}}}, BadCommand, "clean"},
		{"mounted twice", Command{Path: "true", Mounts: []Mount{{full, "/a"}, {full, "/a"}}}, BadCommand, "mounted twice"},
		{"missing mount", Command{Path: "true", Mounts: []Mount{{full + "/none", "/a"}}}, Unreadable, "no such file"},
		{"a device", Command{Path: "true", Mounts: []Mount{{"/dev/null", "/a"}}}, BadCommand, "neither a file nor a folder"},
		{"writable climbs", Command{Path: "true", Writable: []Tmpfs{{Path: "/a/.."}}}, BadCommand, "writable place"},
		{"negative", Command{Path: "true", Writable: []Tmpfs{{Path: "/a", Size: -1}}}, BadCommand, "negative"},
		{"result of nothing writable", Command{Path: "true", Results: []Copy{{From: "/usr", To: full + "/x"}}}, BadCommand, "must lie in a writable place"},
		{"result onto something", Command{Path: "true", Results: []Copy{{From: Home, To: full}}}, BadCommand, "it is not empty"},
		{"result that is not there", Command{Path: "true", Results: []Copy{{From: Home + "/x", To: full + "/x"}}}, BadResult, "bring out /dock/x"},
		{"result by a link", Command{Path: "ln", Args: []string{"-s", "/usr", "x"}, Results: []Copy{{From: Home + "/x", To: full + "/x"}}}, BadResult, "it is no folder"},
		{"result too large", Command{Path: "sh", Args: []string{"-c", "head -c 5000 /dev/zero > f"}, Results: []Copy{{From: Home, To: full + "/x", Bytes: 4999}}}, BadResult, "more than 4999 bytes"},
		{"result of too many", Command{Path: "sh", Args: []string{"-c", "mkdir a; : > a/b"}, Results: []Copy{{From: Home, To: full + "/x", Files: 1}}}, BadResult, "more than 1 files"},
		{"a shim", Command{Path: "true", Interpreter: shim}, Unreadable, "it is no program but a script"},
		{"relative interpreter", Command{Path: "true", Interpreter: "python3"}, Unreadable, "absolute"},
		{"missing interpreter", Command{Path: "true", Interpreter: full + "/bin/python"}, Unreadable, "no such file"},
	} {
		for _, d := range offered {
			_, err := d.Run(t.Context(), c.command)
			if e := (*Error)(nil); !errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s at %s: %v", c.name, d.Level(), err)
			}
			if _, err := os.Stat(full + "/x"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s at %s: something was left: %v", c.name, d.Level(), err)
			}
		}
	}
	if os.Getuid() != 0 {
		return
	}
	for _, d := range docks(t, false) {
		_, err := d.Run(t.Context(), Command{Path: "true", Mounts: []Mount{{closed, "/a"}}})
		if e := (*Error)(nil); !errors.As(err, &e) || e.Kind != Unreadable || !strings.Contains(err.Error(), "chmod o+rX") {
			t.Errorf("a closed folder at %s: %v", d.Level(), err)
		}
	}
}

// What is written inside comes out, and only that.
func TestResultsComeOut(t *testing.T) {
	for _, d := range docks(t, true) {
		in, to := openDir(t), filepath.Join(t.TempDir(), "out")
		if err := os.WriteFile(filepath.Join(in, "source"), []byte("from outside"), 0o644); err != nil {
			t.Fatal(err)
		}
		script := `set -e
mkdir -p deep/er; cp "$1/source" deep/er/copy; printf '#!/bin/sh\n' > run; chmod 4755 run; : > plain; chmod 600 plain
ln -s /etc/passwd absolute; ln -s ../../.. climbing; ln -s deep/er link; mkfifo pipe; mkdir empty; ln run hard; printf x > 'a b
c'`
		r, err := d.Run(t.Context(), Command{Path: "sh", Args: []string{"-c", script, "sh", Inside("/in")}, Dir: Inside("/build"), Mounts: []Mount{{in, "/in"}},
			Writable: []Tmpfs{{Path: "/build", Size: 1 << 20, Inodes: 100}}, Results: []Copy{{From: "/build", To: to}}})
		if err != nil || !r.OK() {
			t.Fatalf("%s: %+v %v", d.Level(), r, err)
		}
		var got []string
		_ = filepath.WalkDir(to, func(p string, e fs.DirEntry, _ error) error {
			info, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			rel, _ := filepath.Rel(to, p)
			link, _ := os.Readlink(p)
			got = append(got, strings.TrimSpace(info.Mode().String()+" "+rel+" "+link))
			return nil
		})
		want := "drwxr-xr-x .|-rw-r--r-- a b\nc|Lrwxrwxrwx absolute /etc/passwd|Lrwxrwxrwx climbing ../../..|drwxr-xr-x deep|drwxr-xr-x deep/er|-rw-r--r-- deep/er/copy|drwxr-xr-x empty|-rwxr-xr-x hard|Lrwxrwxrwx link deep/er|-rw-r--r-- plain|-rwxr-xr-x run"
		if s := strings.Join(got, "|"); s != want {
			t.Errorf("%s: %s", d.Level(), s)
		}
		if data, err := os.ReadFile(filepath.Join(to, "deep/er/copy")); err != nil || string(data) != "from outside" {
			t.Errorf("%s: %q %v", d.Level(), data, err)
		}
	}
}

// A Python with a virtual environment of the host, mounted read-only, as the validator will use it.
func TestPythonInside(t *testing.T) {
	python := interpreter(t)
	venv := filepath.Join(openDir(t), "venv")
	if out, err := exec.Command(python, "-m", "venv", "--without-pip", venv).CombinedOutput(); err != nil {
		t.Skipf("this Python makes no virtual environment: %v %s", err, out)
	}
	site, _ := filepath.Glob(filepath.Join(venv, "lib", "python*", "site-packages"))
	if len(site) != 1 {
		t.Fatalf("site-packages: %v", site)
	}
	for name, text := range map[string]string{"tool/__init__.py": "version = '1.2.3'\n", "tool/__main__.py": pythonHostile} {
		p := filepath.Join(site[0], name)
		if os.MkdirAll(filepath.Dir(p), 0o755) != nil || os.WriteFile(p, []byte(text), 0o644) != nil {
			t.Fatal("write the package")
		}
	}
	for _, d := range docks(t, false) {
		var out, errs bytes.Buffer
		r, err := d.Run(t.Context(), Command{Path: Inside(venv + "/bin/python"), Args: []string{"-c", "import sys, tool, ssl, sqlite3, subprocess; print(tool.version, sys.prefix); subprocess.run([sys.executable, '-c', 'print(1+1)'], check=True)"}, Interpreter: venv + "/bin/python", Stdout: &out, Stderr: &errs})
		if closed := (*Error)(nil); d.Level() == Landlock && errors.As(err, &closed) && closed.Kind == Unreadable {
			t.Logf("the interpreter can't be reached at landlock: %v", err)
			continue
		}
		if err != nil || !r.OK() || !strings.Contains(out.String(), "1.2.3 "+venv+"\n") || !strings.Contains(out.String(), "2\n") {
			t.Errorf("%s: %+v %v %s %s", d.Level(), r, err, out.String(), errs.String())
		}
		out.Reset()
		r, err = d.Run(t.Context(), Command{Path: Inside(venv + "/bin/python"), Args: []string{"-m", "tool"}, Interpreter: venv + "/bin/python", Env: map[string]string{"PYTHONDONTWRITEBYTECODE": "1"}, Stdout: &out, Stderr: &errs})
		if err != nil || !r.OK() || out.String() != "got away with: []\n" {
			t.Errorf("%s: %+v %v %q %s", d.Level(), r, err, out.String(), errs.String())
		}
	}
}

// interpreter is a real Python 3 of this host, past any shim.
func interpreter(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		out, err := exec.Command(name, "-c", "import sys; print(sys.executable)").Output()
		if p := strings.TrimSpace(string(out)); err == nil && filepath.IsAbs(p) {
			return p
		}
	}
	t.Skip("this host has no Python 3")
	return ""
}

// pythonHostile is a package that does on its start what malicious ones are known to do.
const pythonHostile = `
import glob, os, socket, subprocess, sys, ctypes
got = []
def attempt(name, f):
    try:
        if f(): got.append(name)
    except Exception: pass
attempt("ssh keys", lambda: glob.glob("/*/.ssh/*") + glob.glob("/*/*/.ssh/*"))
attempt("shadow", lambda: open("/etc/shadow").read())
attempt("environment", lambda: [k for k in os.environ if k not in ("HOME", "TMPDIR", "LANG", "PATH", "PYTHONDONTWRITEBYTECODE", "LC_CTYPE")])
attempt("other environments", lambda: [p for p in glob.glob("/proc/[0-9]*/environ") if b"USER=" in open(p, "rb").read()])
attempt("dns", lambda: socket.getaddrinfo("localhost.example", 80))
attempt("tcp", lambda: socket.create_connection(("192.0.2.1", 80), timeout=1))
attempt("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53)))
attempt("docker", lambda: socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock") is None)
attempt("poison site-packages", lambda: open(os.path.join(os.path.dirname(__file__), "evil.pth"), "w"))
attempt("poison the interpreter", lambda: open(os.path.join(os.path.dirname(os.__file__), "evil.py"), "w"))
attempt("become root", lambda: os.setuid(0) is None)
attempt("unshare", lambda: ctypes.CDLL(None).unshare(0x10000000) == 0)
attempt("shell", lambda: subprocess.run("cat /etc/shadow", shell=True, capture_output=True).returncode == 0)
print("got away with:", got)
`

func TestOpen(t *testing.T) {
	offers := Offers(t.Context())
	strongest := offers[len(offers)-1]
	for _, o := range offers {
		if o.Available {
			strongest = o
			break
		}
	}
	for _, least := range Levels() {
		d, err := Open(t.Context(), least)
		if !strongest.Level.AtLeast(least) {
			if e := (*LevelError)(nil); !errors.As(err, &e) || e.Level != least || e.Missing == "" || e.Do == "" {
				t.Errorf("least %s: %v", least, err)
			}
		} else if err != nil || d.Level() != strongest.Level {
			t.Errorf("least %s: %v %v, want %s", least, d, err, strongest.Level)
		}
	}
	for _, bad := range []Level{"strong", "None"} {
		if _, err := Open(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "there is no such level") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	t.Setenv("PATH", t.TempDir())
	_, err := At(t.Context(), Bubblewrap)
	if e := (*LevelError)(nil); !errors.As(err, &e) || e.Level != Bubblewrap || !strings.Contains(err.Error(), "bwrap is not on the PATH; install bubblewrap") {
		t.Errorf("%v", err)
	}
	d, err := At(t.Context(), None)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Run(t.Context(), Command{Path: "true", Least: Landlock}); err == nil || !strings.Contains(err.Error(), "this dock is none") {
		t.Errorf("%v", err)
	}
}

// Boxes side by side know nothing of one another.
func TestManyAtOnce(t *testing.T) {
	for _, d := range docks(t, false) {
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				var out bytes.Buffer
				name := strconv.Itoa(i)
				r, err := d.Run(t.Context(), Command{Path: "sh", Args: []string{"-c", "echo " + name + " > mine; sleep 0.1; echo *; cat *"}, Stdout: &out})
				if err != nil || !r.OK() || out.String() != "mine\n"+name+"\n" {
					t.Errorf("%s: %+v %v %q", d.Level(), r, err, out.String())
				}
			})
		}
		wg.Wait()
	}
}

// A bwrap that does not work is found out by trying.
func TestABrokenBwrap(t *testing.T) {
	dir := openDir(t)
	if err := os.WriteFile(filepath.Join(dir, "bwrap"), []byte("#!/bin/sh\necho bwrap: No permissions to create a new namespace >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	_, err := At(t.Context(), Bubblewrap)
	if e := (*LevelError)(nil); !errors.As(err, &e) || !strings.Contains(e.Missing, "No permissions to create a new namespace") {
		t.Errorf("%v", err)
	}
}

// A bwrap that never ends is not taken for one that works.
func TestAHangingBwrap(t *testing.T) {
	dir := openDir(t)
	if err := os.WriteFile(filepath.Join(dir, "bwrap"), []byte("#!/bin/sh\necho there\nexec cat <&6\n"), 0o755); err != nil { // until nobody waits
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	ctx, cancel := context.WithCancel(t.Context())
	d, err := at(ctx, Bubblewrap)
	if err != nil {
		t.Fatal(err)
	}
	pipe := &first{said: make(chan struct{})}
	go func() { <-pipe.said; cancel() }()
	if o := tried(ctx, d, Command{probe: true, Least: Bubblewrap, Stdout: pipe}); o.Available || !strings.Contains(o.Why, "the trial did not come to its end") {
		t.Errorf("%+v", o)
	}
}

// No two boxes of a host run as the same user, whoever runs them.
func TestBoxesShareNoUser(t *testing.T) {
	held := map[int]bool{}
	next := firstUnused + int((uint32(os.Getpid())*61+boxes.Load()+1)%unusedIDs)
	free, taken := claim(next) // somebody else, whose process this could be as well
	if taken {
		t.Skip("somebody else has it")
	}
	held[next] = true
	for range 100 {
		who, release := nobody()
		defer release()
		if held[who.uid] || !who.dropped || who.uid < firstUnused || who.uid >= firstUnused+unusedIDs {
			t.Errorf("%+v, held: %v", who, held[who.uid])
		}
		held[who.uid] = true
	}
	if _, taken := claim(next); !taken {
		t.Error("claimed twice")
	}
	free()
	again, taken := claim(next)
	if taken {
		t.Error("not free after it was released")
	}
	again()
}

// BenchmarkStart is from Run to its return, of a program that does nothing: the aim is 50 ms. The baseline is to
// start the program without any box: "ratio".
func BenchmarkStart(b *testing.B) {
	for _, d := range docks(b, true) {
		b.Run(string(d.Level()), func(b *testing.B) {
			var ours, plain time.Duration
			for b.Loop() {
				began := time.Now()
				if r, err := d.Run(b.Context(), Command{Path: "true", Least: d.Level()}); err != nil || !r.OK() {
					b.Fatalf("%+v %v", r, err)
				}
				ours += time.Since(began)
				b.StopTimer()
				began = time.Now()
				if err := exec.CommandContext(b.Context(), "true").Run(); err != nil {
					b.Fatal(err)
				}
				plain += time.Since(began)
				b.StartTimer()
			}
			b.ReportMetric(ours.Seconds()/plain.Seconds(), "ratio")
		})
	}
}
