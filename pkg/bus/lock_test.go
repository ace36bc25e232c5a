package bus

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestLockOfTheGone: what a killed process was starting has its lock for a moment; that is nobody to tell of.
func TestLockOfTheGone(t *testing.T) {
	dir := t.TempDir()
	left, err := lockDir(dir, "http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockDir(dir, ""); !errors.As(err, new(*ErrLocked)) {
		t.Errorf("a lock whose process is there: %v", err)
	}
	const beyond = 1<<22 + 1 // Linux gives no process a higher number than 1<<22
	for _, who := range []string{fmt.Sprintf("%d http://127.0.0.1:1\n", beyond), ""} {
		if err := os.WriteFile(filepath.Join(dir, lockFile), []byte(who), 0o600); err != nil {
			t.Fatal(err)
		}
		held := left
		time.AfterFunc(20*time.Millisecond, func() { _ = held.fl.Close() }) // sooner or later: it is waited for
		next, err := lockDir(dir, "http://127.0.0.1:2")
		if err != nil {
			t.Fatalf("%q: %v", who, err)
		}
		left = next
	}
	if h, err := Holder(dir); err != nil || h == nil || h.PID != os.Getpid() || h.Address != "http://127.0.0.1:2" {
		t.Errorf("%+v, %v", h, err)
	}
	left.release()
	if h, err := Holder(dir); err != nil || h != nil {
		t.Errorf("%+v, %v", h, err)
	}
}
