package planner

import (
	"context"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/inventory"
)

// saying is an index whose files require what they are told to.
type saying string

func (saying) Project(context.Context, string) (*index.Project, error) {
	return nil, index.ErrUnknownProject
}
func (s saying) Metadata(context.Context, *index.Project, index.File) ([]byte, error) {
	return []byte(s), nil
}

// A tape is evidence: the passwords that people write into the requirements of private packages are not on it, and what
// is planned from it is what was planned from the index.
func TestNoCredentialsOnATape(t *testing.T) {
	const text = "Metadata-Version: 2.1\nName: lib\nVersion: 1.0\nRequires-Dist: a @ https://ana:s3cret@git.example/a.tar.gz\nRequires-Dist: b @ git+ssh://git:p@ss@git.example/b@main\nAuthor-email: ana@bank.example\n"
	r := record(live{index: saying(text)})
	got, err := r.Metadata(t.Context(), &index.Project{Name: "lib"}, index.File{Name: "lib-1.0-py3-none-any.whl"})
	if err != nil {
		t.Fatal(err)
	}
	said := r.said()
	kept := said.Metadata["lib/lib-1.0-py3-none-any.whl"].Text
	if kept != string(got) || strings.Contains(kept, "s3cret") || strings.Contains(kept, "p@ss") || strings.Contains(kept, "ss@") {
		t.Errorf("%s", kept)
	}
	for _, want := range []string{"a @ https://git.example/a.tar.gz", "b @ git+ssh://git.example/b@main", "ana@bank.example"} {
		if !strings.Contains(kept, want) {
			t.Errorf("%q is missing in\n%s", want, kept)
		}
	}
}

// The text of a lock that holds a secret is not kept: that is said, and nothing of its form.
func TestLockWithASecret(t *testing.T) {
	inv := &inventory.Inventory{Sources: []inventory.Source{{Path: "uv.lock", Kind: "uv-lock", Ecosystem: pypi}}}
	got, err := unwritable(t.Context(), inv, &store{})
	if err != nil || !strings.Contains(got["uv.lock"], "holds a secret") {
		t.Errorf("%v, %v", got, err)
	}
}
