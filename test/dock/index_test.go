package dock

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
)

// An index that has no longer, or not as it was, what the plan chose. Once it is as it was, the change goes on.
func TestIndexChanges(t *testing.T) {
	w := newWorld(t, plain())
	var after atomic.Pointer[func()] // what happens to the index between plan and fetch
	w.crossed = func(_, step string) {
		if do := after.Load(); do != nil && step == report.StepManifests {
			(*do)()
		}
	}
	w.start(bus.NewMemory())
	for i, c := range []struct {
		name string
		do   func()
		want want
	}{
		{"the file is gone", func() { w.index.Break("lib", "1.1", "gone") },
			want{stage: events.StageParked, kind: events.ParkedStale, step: report.StepFetch, reason: []string{"lib-1.1-py3-none-any.whl"}, do: "drydock update"}},
		{"the file is another", func() { w.index.Break("lib", "1.1", "changed") },
			want{stage: events.StageParked, kind: events.ParkedSetup, step: report.StepFetch, reason: []string{"lib-1.1-py3-none-any.whl", "sha256"}, do: "find out who changed the file"}},
		{"the release is gone", func() { w.index.Break("lib", "1.1", ""); w.index.Withdraw("lib", "1.1") },
			want{stage: events.StageParked, kind: events.ParkedStale, step: report.StepFetch, reason: []string{"what was planned can't be had any more: the index has no lib 1.1 any more"}, do: "drydock update plans anew"}},
	} {
		after.Store(&c.do)
		got := w.again(fmt.Sprint("update ", i))
		t.Log(c.name)
		w.check(got, c.want)
		w.nothingLeft()
	}
	after.Store(nil)
	w.index.Library("lib", "1.1", "")
	w.update("as it was")
	w.stage(events.StageProposed)
	w.settled()
}

// What the manifests say that can't be built from hashes: it parks, and says in which line.
func TestManifestsCannotBeBuilt(t *testing.T) {
	w := newWorld(t, plain())
	w.index.Source("old", "1.0", map[string]string{})
	w.start(bus.NewMemory())
	zeros := strings.Repeat("0", 64)
	for i, c := range []struct {
		name, requirements string
		reason             []string
		do                 string
	}{
		{"no version", "lib==1.0\nother\n", []string{"requirements.txt:2", "other has no version"}, "write its exact version"},
		{"a range", "lib==1.0\nother>=1.0\n", []string{"requirements.txt:2", "other>=1.0 has no exact version"}, "write its exact version"},
		{"only a source distribution", "lib==1.0\nold==1.0\n", []string{"requirements.txt:2", "old 1.0 has no wheel", "only a source distribution"}, "pin a version with a wheel"},
		{"a wrong hash", "lib==1.0 --hash=sha256:" + w.index.Hash("lib", "1.0") + "\nother==1.0 --hash=sha256:" + zeros + "\n", []string{"requirements.txt:2", "the hash that the manifest has for other 1.0 is not of a distribution that fits here"}, "do not install it"},
		{"an address", "lib==1.0\nother @ https://git.bank.example/other-1.0-py3-none-any.whl\n", []string{"requirements.txt:2", "other"}, ""},
		{"unknown to the index", "lib==1.0\nnobody==1.0\n", []string{"requirements.txt:2", "the index does not know nobody"}, "correct its name"},
		{"two versions", "lib==1.0\nother==1.0\nother==1.1\n", []string{"requirements.txt:", "other"}, ""},
	} {
		w.repo.Push("main", c.name, map[string]string{"requirements.txt": c.requirements})
		got := w.anew(fmt.Sprint("update ", i))
		t.Log(c.name)
		w.check(got, want{stage: events.StageParked, kind: events.ParkedSetup, step: report.StepFetch, reason: c.reason, do: c.do})
		w.nothingLeft()
	}
	w.settled()
}

// Hashes are written anew; what its marker leaves out here is not installed; what starts with Python is told.
func TestManifestsOfAllKinds(t *testing.T) {
	w := newWorld(t, plain())
	w.index.Wheel("hooked", "1.0", map[string]string{"hooked.pth": "import sys\n", "hooked.py": ""})
	line := func(name, version, marker string) string {
		return fmt.Sprintf("%s==%s%s --hash=sha256:%s\n", name, version, marker, w.index.Hash(name, version))
	}
	w.repo.Push("main", "hashes", map[string]string{"requirements.txt": line("lib", "1.0", "") + line("hooked", "1.0", "") + line("other", "1.0", " ; sys_platform == 'win32'")})
	c := w.proposed()
	v := w.validation(c.Validated.Validation)
	if notes := strings.Join(v.Notes, "\n"); !strings.Contains(notes, "runs whenever Python starts: hooked.pth") && !strings.Contains(notes, "hooked.pth") {
		t.Errorf("notes: %s", notes)
	}
	if v.Rescan.Packages != 2 {
		t.Errorf("%d packages are installed, want lib and hooked", v.Rescan.Packages)
	}
	if got := w.repo.Git("show", c.Branch+":requirements.txt"); !strings.Contains(got, w.index.Hash("lib", "1.1")) || strings.Contains(got, w.index.Hash("lib", "1.0")) {
		t.Errorf("requirements.txt is %q", got)
	}
	w.settled()
}

// A manifest that is a link within the repository: what it leads to is written, never through it.
func TestManifestIsALink(t *testing.T) {
	w := newWorld(t, map[string]string{"deps/base.txt": "lib==1.0\nother==1.0\n"})
	w.repo.Link("requirements.txt", "deps/base.txt")
	w.repo.Push("main", "a link", nil)
	c := w.proposed()
	if got := w.repo.Git("diff", "--name-only", "main", c.Branch); got != "deps/base.txt" {
		t.Errorf("the branch changes %q", got)
	}
	w.settled()
}
