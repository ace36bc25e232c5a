package planner

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/evidence"
)

// The output directory may lie in a hostile repository: a link in it leads nothing out.
func TestNothingIsWrittenThroughALink(t *testing.T) {
	w := paymentsWorld(t, Config{})
	w.plan(w.scan(map[string]string{"requirements.txt": "flask==2.2.2\n"}))
	victim, dir := t.TempDir(), t.TempDir()
	kept := filepath.Join(victim, "f")
	if err := os.WriteFile(kept, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	ledger, err := json.Marshal(map[string]evidence.Digest{"updated/f": evidence.Of([]byte("mine"))})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ledgerName), ledger, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(dir, updatedDir)); err != nil {
		t.Fatal(err)
	}
	files, err := WriteFiles(t.Context(), dir, w.document(), w.inventory(), w.store)
	if err == nil || !strings.Contains(err.Error(), "path escapes") {
		t.Errorf("wrote %v, %v", files, err)
	}
	left, err := os.ReadDir(victim)
	if err != nil || len(left) != 1 || text(t, kept) != "mine" {
		t.Errorf("behind the link: %v %v", left, err)
	}
	if here, _ := os.ReadDir(dir); len(here) != 2 {
		t.Errorf("half written: %v", here)
	}
}
