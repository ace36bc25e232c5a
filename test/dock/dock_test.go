package dock

import (
	"strings"
	"testing"
)

// TestChange goes the whole way: from a scan of the repository to a branch that shows what was sealed.
func TestChange(t *testing.T) {
	w := newWorld(t, files())
	c := w.proposed()
	v := w.validation(c.Validated.Validation)
	for _, st := range v.Steps {
		t.Logf("%-10s %-8s %6.3fs %s", st.Name, st.Status, st.Seconds, st.Detail)
	}
	if got := w.repo.Git("show", c.Proposed.Commit+":requirements.txt"); got != "lib==1.1\nother==1.0" {
		t.Errorf("requirements.txt is %q", got)
	}
	if got := w.repo.Git("rev-parse", c.Branch); got != c.Proposed.Commit {
		t.Errorf("the branch shows %s, want %s", got, c.Proposed.Commit)
	}
	t.Log(w.repo.Git("log", "-1", "--format=%B", c.Branch))
	if !strings.Contains(string(w.evidence(c.Proposed.Text)), "lib") {
		t.Error("the text does not say what moves")
	}
}
