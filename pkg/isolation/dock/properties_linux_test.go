package dock

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case ChildArg:
			syscall.Exit(ChildMain()) // os.Exit under the race detector waits for a second
		case "hostile":
			syscall.Exit(hostile(os.Args[2:]))
		case "parent":
			syscall.Exit(parent(os.Args[2], os.Args[3]))
		}
	}
	code := m.Run()
	if self.dir != "" {
		_ = os.RemoveAll(self.dir)
	}
	os.Exit(code)
}

var self struct{ dir, path string }

// sleeperMark is in the arguments of what must not be left behind, and in those of no other run of these tests.
var sleeperMark = fmt.Sprintf("a-sleeper-of-the-dock-tests-%d", os.Getpid())

// What sleeps does so longer than any test takes on the slowest machine, and is ended.
const (
	sleep        = time.Hour
	sleepSeconds = "3600"
)

// program is a copy of this executable that any user may run: where go test builds it only its owner can.
func program(t testing.TB) string {
	t.Helper()
	if self.path != "" {
		return self.path
	}
	dir, err := os.MkdirTemp("", "dock-test-")
	if err != nil {
		t.Fatal(err)
	}
	self.dir = dir
	data, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "hostile"), data, 0o755)
	}
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	self.path = filepath.Join(dir, "hostile")
	return self.path
}

// openDir is a folder that every user gets to, which t.TempDir is not.
func openDir(t testing.TB) string {
	t.Helper()
	in := ""
	if len(os.TempDir()) > 60 {
		in = "/tmp" // the path of a socket has 107 bytes (unix(7))
	}
	dir, err := os.MkdirTemp(in, "dock-test-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// docks are those this host offers, but None unless asked for.
func docks(t testing.TB, none bool) []Dock {
	t.Helper()
	var out []Dock
	for _, o := range Offers(t.Context()) {
		if !o.Available {
			t.Logf("this host does not offer %s: %s", o.Level, o.Why)
			continue
		}
		if d, err := At(t.Context(), o.Level); err != nil {
			t.Fatal(err)
		} else if none || o.Level != None {
			out = append(out, d)
		}
	}
	if len(out) == 0 {
		t.Skip("this host offers no isolation")
	}
	return out
}

// field sets up the prey and says how many datagrams came.
func field(t *testing.T) (prey, *atomic.Int32) {
	t.Helper()
	dir := openDir(t)
	p := prey{Secret: filepath.Join(dir, "secret"), Outside: filepath.Join(dir, "outside"), Own: filepath.Join(dir, "outside", "own"), Unix: filepath.Join(dir, "s"), Abstract: filepath.Base(dir) + t.Name(), Drydock: os.Getpid(), Sleeper: sleeperMark}
	t.Setenv(secretName, secretText)
	if os.Mkdir(p.Outside, 0o777) != nil || os.Chmod(p.Outside, 0o777) != nil || os.WriteFile(p.Secret, []byte(secretText), 0o644) != nil || os.WriteFile(p.Own, []byte("own"), 0o666) != nil {
		t.Fatal("set up the files")
	}
	var err error
	if p.Folder, err = syscall.Open(dir, syscall.O_RDONLY|syscall.O_DIRECTORY, 0); err != nil { // inherited by every child
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	named, err := net.Listen("unix", p.Unix)
	if err != nil {
		t.Fatal(err)
	}
	_ = os.Chmod(p.Unix, 0o777)
	abstract, err := net.Listen("unix", "@"+p.Abstract)
	if err != nil {
		t.Fatal(err)
	}
	p.TCP, p.UDP = tcp.Addr().String(), udp.LocalAddr().String()
	var heard atomic.Int32
	go func() {
		for b := make([]byte, 64); ; {
			n, _, err := udp.ReadFrom(b)
			if err != nil {
				return
			}
			if string(b[:n]) == "hostile" { // and no stray one of somebody who had this port before
				heard.Add(1)
			}
		}
	}()
	victim := exec.Command("sort") // until its input ends: as long as the tests need it, and no longer
	in, err := victim.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	p.Victim = victim.Process.Pid
	t.Cleanup(func() {
		_ = victim.Process.Kill()
		_ = victim.Wait()
		_ = syscall.Close(p.Folder)
		for _, c := range []interface{ Close() error }{in, tcp, udp, named, abstract} {
			_ = c.Close()
		}
	})
	return p, &heard
}

// attack runs one attack and returns what it got away with.
func attack(t *testing.T, d Dock, name string, p prey) []string {
	t.Helper()
	mount := openDir(t)
	t.Cleanup(func() { _ = os.RemoveAll(mount + "-away") })
	if err := os.WriteFile(filepath.Join(mount, "kept"), []byte(keptText), 0o444); err != nil {
		t.Fatal(err)
	}
	var mounts []Mount
	p.Kept = Inside("/kept/kept")
	p.SetUID, mounts = setUserID(t)
	told, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	r, err := d.Run(t.Context(), Command{Path: Inside("/hostile"), Args: []string{"hostile", name, string(told)}, Mounts: append(mounts, Mount{program(t), "/hostile"}, Mount{mount, "/kept"}),
		Writable: []Tmpfs{{Path: Home, Size: 8 << 20, Inodes: 500}}, Limits: Limits{Time: 5 * time.Minute, Processes: 40}, Stdout: &out, Stderr: &errs})
	if err != nil {
		t.Fatalf("%s at %s: %v", name, d.Level(), err)
	}
	var got []string
	if err := json.Unmarshal(out.Bytes(), &got); err != nil && r.Ended == Exited {
		t.Fatalf("%s at %s: %+v: %q %q", name, d.Level(), r, out.String(), errs.String())
	}
	return append(got, spoilt(t, p, mount)...)
}

// within waits until a condition holds; false when it does not after much longer than that should take anywhere.
func within(holds func() bool) bool {
	for end := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// sleepers are processes that an attack left behind.
func sleepers() []string {
	var out []string
	names, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, n := range names {
		if data, err := os.ReadFile(n); err == nil && bytes.Contains(data, []byte(sleeperMark)) {
			out = append(out, n)
		}
	}
	return out
}

// gaps are what a best effort lets through, as the notes of the table say.
var gaps = map[string][]string{"processes": {"that it is there", "its group"}, "write": {"mode", "times"}, "inodes": {"5000 files"}, "fork": {"200 processes"}, "disk": {"64 MiB"}}

// The table is true: what it calls held no attack gets by, at every level this host offers, as this user.
func TestEveryHeldPropertyHolds(t *testing.T) {
	p, heard := field(t)
	for _, d := range docks(t, false) {
		for _, property := range Properties() {
			if attacks[property.Name] == nil {
				continue
			}
			before := heard.Load()
			got := attack(t, d, property.Name, p)
			if n := heard.Load(); n > before {
				got = append(got, "datagrams arrived")
			}
			for _, s := range sleepers() {
				got = append(got, "left "+s)
			}
			for _, g := range got {
				if property.By[d.Level()] == Held || !slices.Contains(gaps[property.Name], g) {
					t.Errorf("%s: %s is %s, and the hostile program got away with %s", d.Level(), property.Name, property.By[d.Level()], g)
				}
			}
		}
	}
}

// The attacks are real: where nothing is confined they succeed.
func TestAttacksSucceedWithoutIsolation(t *testing.T) {
	p, heard := field(t)
	d, err := At(t.Context(), None)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"home", "environment", "tcp", "udp", "unix", "fork", "signal", "processes", "ptrace", "write"} {
		got := attack(t, d, name, p)
		if name == "udp" && within(func() bool { return heard.Load() > 0 }) {
			got = []string{"datagrams arrived"}
		}
		if len(got) == 0 && (name != "fork" || os.Getuid() == 0) {
			t.Errorf("%s: nothing succeeds even at level none", name)
		}
		if name == "fork" || name == "write" {
			p, heard = field(t) // spoilt
		}
	}
}

func TestPropertiesAreWhole(t *testing.T) {
	var names []string
	for _, p := range Properties() {
		names = append(names, p.Name)
		for _, l := range Levels() {
			if !slices.Contains([]Strength{Held, BestEffort, NotHeld}, p.By[l]) {
				t.Errorf("%s at %s: %q", p.Name, l, p.By[l])
			}
			if p.By[l] == BestEffort && p.Note == "" {
				t.Errorf("%s: a gap without a note", p.Name)
			}
		}
		if _, ok := attacks[p.Name]; !ok && p.Name != "memory" { // its test is among the ends
			t.Errorf("%s: nobody tries it", p.Name)
		}
	}
	if len(names) != len(attacks)+1 {
		t.Errorf("%d properties, %d attacks", len(names), len(attacks))
	}
	doc, err := os.ReadFile("../../../docs/isolation.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(doc), Table()) {
		t.Errorf("docs/isolation.md does not show this table:\n%s", Table())
	}
}
