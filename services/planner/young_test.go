package planner

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/report"
)

// A wheel that somebody adds to an old release is what a newer system installs before all others: the release is young.
func TestYoungWheelOfAnOldRelease(t *testing.T) {
	old, young := start.AddDate(-2, 0, 0), start.Add(-time.Hour)
	linux := pep508.Environment{Python: "3.11", Platform: "linux", Machine: "x86_64"}
	for added, want := range map[string]time.Time{
		"lib-1.1-cp311-cp311-manylinux2014_x86_64.whl":   young,
		"lib-1.1-cp311-cp311-manylinux_2_34_x86_64.whl":  young,
		"lib-1.1-cp311-cp311-musllinux_1_2_x86_64.whl":   young,
		"lib-1.1-1-py3-none-any.whl":                     young,
		"lib-1.1-cp311-cp311-win_amd64.whl":              old,
		"lib-1.1-cp312-cp312-manylinux_2_34_x86_64.whl":  old,
		"lib-1.1-cp311-cp311-manylinux_2_34_aarch64.whl": old,
		"lib-1.1.tar.gz": old,
	} {
		files := []index.File{{Name: "lib-1.1-py3-none-any.whl", Uploaded: &old}, {Name: added, Uploaded: &young}}
		if got := youngest(files, linux, false); got == nil || !got.Equal(want) {
			t.Errorf("with %s: %v, want %v", added, got, want)
		}
		if got := youngest(files, linux, true); got == nil || !got.Equal(young) {
			t.Errorf("with %s, named by its hash: %v", added, got)
		}
		files[1].Uploaded = nil
		if got := youngest(files, linux, false); (got == nil) != want.Equal(young) {
			t.Errorf("with %s, undated: %v", added, got)
		}
	}
	built := []index.File{{Name: "lib-1.1.tar.gz", Uploaded: &old}, {Name: "lib-1.1-cp311-cp311-musllinux_1_2_x86_64.whl", Uploaded: &young}}
	if got := youngest(built, linux, false); got == nil || !got.Equal(young) {
		t.Errorf("a source distribution, and a young wheel for another C library: %v", got)
	}
}

type onePage struct{ page *index.Project }

func (o onePage) Project(context.Context, string) (*index.Project, error) { return o.page, nil }
func (onePage) Metadata(context.Context, *index.Project, index.File) ([]byte, error) {
	return nil, index.ErrUnreadable
}

// What a lock may hold for other environments is as old as the youngest of its files, which it all names.
func TestMayAddNothingYoung(t *testing.T) {
	old, young := start.AddDate(-2, 0, 0), start.Add(-time.Hour)
	release := func(version string, uploads ...*time.Time) index.Release {
		r := index.Release{Version: version, Released: &old}
		for _, at := range uploads {
			r.Files = append(r.Files, index.File{Name: "lib-" + version + "-py3-none-any.whl", Uploaded: at})
		}
		return r
	}
	page := &index.Project{Name: "lib", Releases: []index.Release{release("1.0", &old), release("1.1", &old, &young), release("1.2", &old, nil), release("1.3+evil", &old), release("1.4rc1", &old)}}
	plan := &report.Plan{Inputs: report.Inputs{Now: start}}
	got, err := MayAdd(onePage{page}, advisories{}, plan, 24*time.Hour)(t.Context(), "lib")
	if err != nil || !slices.Equal(got, []string{"1.0"}) {
		t.Errorf("%v, %v", got, err)
	}
	plan.Inputs.ExcludeNewer, plan.Inputs.Now = &old, start.AddDate(1, 0, 0)
	page.Releases = append(page.Releases, release("1.5", &young))
	if got, err = MayAdd(onePage{page}, advisories{}, plan, 0)(t.Context(), "lib"); err != nil || !slices.Equal(got, []string{"1.0"}) {
		t.Errorf("%v, %v", got, err)
	}
	plan.Inputs.ExcludeNewer, plan.Inputs.Rejections = nil, []report.Rejection{{Package: "lib", Version: "1.1", Source: "elsewhere.txt"}, {Package: "other", Version: "1.0"}}
	if got, err = MayAdd(onePage{page}, advisories{}, plan, 0)(t.Context(), "lib"); err != nil || !slices.Equal(got, []string{"1.0"}) {
		t.Errorf("what is rejected may be added: %v, %v", got, err)
	}
}
