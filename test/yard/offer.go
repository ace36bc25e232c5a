package yard

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/wheel/wheeltest"
)

// Withdraw takes a release off the index.
func (x *Index) Withdraw(name, version string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.pages[name] = slices.DeleteFunc(x.pages[name], func(f map[string]any) bool {
		return strings.Contains(f["filename"].(string), "-"+version+"-")
	})
}

// Says has the index state metadata of a release (PEP 658) that need not be what its wheel says.
func (x *Index) Says(name, version string, requires ...string) {
	x.t.Helper()
	w := wheeltest.Wheel{Name: name, Version: version, Requires: requires}
	text, file := w.Metadata(), w.File()
	sum := sha256.Sum256([]byte(text))
	x.mu.Lock()
	defer x.mu.Unlock()
	x.files[file+".metadata"] = []byte(text)
	for _, f := range x.pages[name] {
		if f["filename"] == file {
			f["core-metadata"] = map[string]string{"sha256": hex.EncodeToString(sum[:])}
		}
	}
}
