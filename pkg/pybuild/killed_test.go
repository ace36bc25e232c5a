//go:build linux

package pybuild

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A builder that is killed while it builds leaves nothing that runs; its folder is swept by whoever comes next.
func TestKilledWhileItBuilds(t *testing.T) {
	s := newShop(t)
	s.wheel("slow", "1.0", map[string]string{"slow.py": strings.Repeat("def f():\n    return [i for i in range(3) if i]\n", 200_000)})
	for _, d := range docks(t) {
		b := builder(t, s, d)
		mark := filepath.Join(b.Work, "mark-"+string(d.Level()))
		ask, err := json.Marshal(child{Level: d.Level(), Work: b.Work, UV: b.UV, House: filepath.Join(openDir(t), "house"), To: filepath.Join(openDir(t), "venv"), Mark: mark, Index: s.server.URL + "/simple/", Python: b.Interpreter})
		if err != nil {
			t.Fatal(err)
		}
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), exe, "-test.run", "^$")
		cmd.Env = append(os.Environ(), childVariable+"="+string(ask))
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "it builds\n" {
			t.Errorf("%s: %q %v", d.Level(), line, err)
		}
		deadline := time.Now().Add(10 * time.Minute)
		for len(marked(mark)) == 0 { // the box has begun
			if time.Now().After(deadline) {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
				t.Fatalf("%s: nothing of the box runs: %s", d.Level(), said.String())
			}
			time.Sleep(time.Millisecond)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
		for left := marked(mark); len(left) > 0; left = marked(mark) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: still running: %v", d.Level(), left)
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Logf("%s: nothing is left running; %s", d.Level(), said.String())
		if err := Sweep(b.Work, time.Now().Add(time.Hour)); err != nil {
			t.Error(err)
		}
		nothingLeft(t, b)
	}
}
