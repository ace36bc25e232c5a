package dock

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/services/validator"
)

// A backup's verification is run again as soon as the policy no longer counts it, however long it counts for the
// application.
func TestBackupIsVerifiedAgain(t *testing.T) {
	w := newWorld(t, plain())
	runs := filepath.Join(w.dir, "runs")
	w.decl = fmt.Sprintf("    before_update:\n      backup: {command: [sh, -c, 'echo verified >> \"%s\"'], max_age: 7d}\n", runs)
	strict, err := policy.Parse("policy.yaml", []byte("classes:\n  emergency: {backup: {required: true, max_age: 1h}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	w.adjust = func(d *validator.Deps) { d.Policy = func() *policy.Policy { return strict } }
	c := w.proposed()
	w.idle()
	if b := w.validation(c.Validated.Validation).Backup; b == nil || b.Until.Sub(b.Verified) != time.Hour {
		t.Errorf("%+v", b)
	}
	for want, age := range []time.Duration{30 * time.Minute, 2 * time.Hour} {
		want++
		w.clock(age)
		w.repo.Push("main", "moves", map[string]string{"README": age.String()})
		at := w.here()
		w.update("again after " + age.String())
		w.change(at, "change.proposed")
		w.idle()
		if said, err := os.ReadFile(runs); err != nil || strings.Count(string(said), "verified") != want {
			t.Errorf("after %s it ran %d times: %v", age, strings.Count(string(said), "verified"), err)
		}
	}
}
