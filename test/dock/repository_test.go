package dock

import (
	"os"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/forge"
	"github.com/drydock-dev/drydock/pkg/forge/gitforge"
	"github.com/drydock-dev/drydock/pkg/report"
)

// A repository that takes no branch: what was validated still counts, and is proposed once it does.
func TestRepositoryRefuses(t *testing.T) {
	w := newWorld(t, plain())
	w.repo.Hook("update", `case "$1" in refs/heads/emergency/*) echo "protected by the security team" >&2; exit 1;; esac`)
	w.begin()
	c := w.change(0, "change.parked")
	w.check(c, want{stage: events.StageParked, kind: events.ParkedAccess, step: "propose", reason: []string{"the repository refuses the push", "protected by the security team"}, do: "allow Drydock's branches"})
	if c.Parked.Retry.IsZero() {
		t.Error("it is not tried again by itself")
	}
	w.repo.Hook("update", "")
	w.repo.Push("emergency", "a branch in the way", nil) // refs/heads/emergency is a file now, where a folder must be
	at := w.here()
	w.update("second")
	c = w.change(at, "change.parked")
	w.check(c, want{stage: events.StageParked, kind: events.ParkedAccess, step: "propose", reason: []string{"'refs/heads/emergency' exists"}, do: "rename or remove it"})
	w.repo.Point("emergency", "")
	w.update("third")
	w.stage(events.StageProposed)
	if all := w.kinds(0); count(all, "change.validated") != 1 || count(all, "effect.refused") != 2 || count(all, "effect.done") != 1 {
		t.Errorf("%v", all)
	}
	w.settled()
}

// Who may read and not write.
func TestRepositoryReadOnly(t *testing.T) {
	w := newWorld(t, plain())
	w.served, w.authority = w.repo.Serve()
	w.begin()
	c := w.change(0, "change.parked")
	w.check(c, want{stage: events.StageParked, kind: events.ParkedAccess, step: "propose", reason: []string{"access is denied"}, do: "credential"})
	w.settled()
}

// Submodules, pointers of Git LFS and links that lead out: the rest is built, and what was left out is told.
func TestRepositoryLeavesOut(t *testing.T) {
	w := newWorld(t, plain())
	pointer := "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
	w.repo.Link("secret", "../../../etc/passwd")
	w.repo.Push("main", "all kinds", map[string]string{"model.bin": pointer, ".gitmodules": "[submodule \"x\"]\n\tpath = sub\n\turl = https://bank.example/x.git\n"})
	blob := func(name string) string { return "100644 blob " + w.repo.Git("rev-parse", "main:"+name) + "\t" + name }
	w.repo.Entries("a submodule", blob(".gitmodules"), blob("model.bin"), blob("pay.py"), blob("requirements.txt"),
		"120000 blob "+w.repo.Git("rev-parse", "main:secret")+"\tsecret", "160000 commit "+strings.Repeat("1", 40)+"\tsub")
	c := w.proposed()
	left := map[string]string{}
	for _, r := range w.validation(c.Validated.Validation).Left {
		left[r.Path] = r.Why
	}
	if len(left) != 3 || !strings.HasPrefix(left["secret"], forge.LinkOut) || left["sub"] != forge.Submodule || left["model.bin"] != forge.LFSPointer {
		t.Errorf("left out: %v", left)
	}
	text := string(w.evidence(c.Proposed.Text))
	for name := range left {
		if !strings.Contains(text, name) {
			t.Errorf("the text does not tell of %s", name)
		}
	}
	w.settled()
}

// A base that can't be checked out safely, or is too large, parks; the branch stays until that is mended.
func TestRepositoryCannotBeUsed(t *testing.T) {
	w := newWorld(t, plain())
	w.proposed()
	good := w.repo.Git("rev-parse", "main")

	w.repo.Entries("escapes", "100644 blob "+w.repo.Blob("lib==1.0\n")+"\trequirements.txt", "040000 tree "+w.repo.Git("rev-parse", "main^{tree}")+"\t..")
	w.check(w.looked(reports...), want{stage: events.StageParked, kind: events.ParkedSetup, step: report.StepCheckout, reason: []string{"can't be used safely", ".."}, pushed: true})
	w.nothingLeft()
	w.repo.Point("main", good)
	w.update("back")
	w.stage(events.StageProposed)

	w.mu.Lock()
	w.limits = gitforge.Limits{Bytes: 100 << 10, Files: 10}
	w.mu.Unlock()
	for name, c := range map[string]struct {
		files  map[string]string
		reason string
	}{"bytes": {map[string]string{"big": strings.Repeat("x", 200<<10)}, "102400 bytes"}} {
		w.repo.Push("main", name, c.files)
		w.check(w.looked(reports...), want{stage: events.StageParked, kind: events.ParkedSetup, step: report.StepCheckout, reason: []string{"larger than allowed", c.reason}, pushed: true})
	}
	w.settled()
}

// A repository that is not there any more.
func TestRepositoryGone(t *testing.T) {
	w := newWorld(t, plain())
	w.crossed = func(_, step string) {
		if step == report.StepBackup {
			if err := os.Rename(w.repo.Path, w.repo.Path+".moved"); err != nil {
				t.Error(err)
			}
		}
	}
	c := w.reported()
	t.Log(w.story(c))
	if c.Parked == nil || c.Parked.Step != report.StepCheckout {
		t.Errorf("%s", w.story(c))
	}
}
