package manifest

import (
	"context"
	"testing"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/uvlock"
)

type onePage struct{ page *index.Project }

func (o onePage) Project(context.Context, string) (*index.Project, error) { return o.page, nil }
func (onePage) Metadata(context.Context, *index.Project, index.File) ([]byte, error) {
	return nil, index.ErrUnreadable
}

// One file of a release that was taken back is not locked with the others.
func TestYankedFileIsNotLocked(t *testing.T) {
	page := &index.Project{Name: "lib", Releases: []index.Release{{Version: "1.1", Files: []index.File{
		{Name: "lib-1.1-cp311-cp311-win_amd64.whl", Yanked: true}, {Name: "lib-1.1-py3-none-any.whl"}}}}}
	o := newLockOffer(UVLock{Index: onePage{page}}, &locked{Lock: &uvlock.Lock{}}, moves{"lib": {"": "1.1"}})
	got, err := o.Project(t.Context(), "lib")
	if err != nil || len(got.Releases) != 1 || len(got.Releases[0].Files) != 1 || got.Releases[0].Files[0].Name != "lib-1.1-py3-none-any.whl" {
		t.Errorf("%+v, %v", got, err)
	}
	if len(page.Releases[0].Files) != 2 {
		t.Error("the page itself was changed")
	}
}
