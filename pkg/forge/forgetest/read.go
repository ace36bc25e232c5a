package forgetest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/drydock-dev/drydock/pkg/forge"
)

var readCases = []testCase{
	{"Base", testBase},
	{"Checkout", testCheckout},
	{"CheckoutRefused", testCheckoutRefused},
	{"Features", testFeatures},
}

func testBase(t *testing.T, w World) {
	b, err := w.Forge.Base(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "base", b, forge.Base{Branch: "main", Commit: w.Person.Show(t, "main").Commit})
	next := w.Person.Commit(t, "main", map[string]string{"a.txt": "a"})
	same(t, "base after a push", base(t, w), next)
}

func testCheckout(t *testing.T, w World) {
	first := base(t, w)
	w.Person.Commit(t, "main", map[string]string{"README.md": "later\n"})
	dir := filepath.Join(t.TempDir(), "new")
	tree, err := w.Forge.Checkout(t.Context(), first, dir)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	size := 0
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		data, err := os.ReadFile(p)
		got[filepath.ToSlash(rel)] = string(data)
		size += len(data)
		info, _ := d.Info()
		want := fs.FileMode(0o644)
		if rel == "bin/run" {
			want = 0o755
		}
		same(t, "mode of "+rel, info.Mode(), want)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "files", got, First)
	same(t, "tree", *tree, forge.Tree{Commit: first, Files: len(First), Bytes: int64(size)})
}

func testCheckoutRefused(t *testing.T, w World) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := w.Forge.Checkout(t.Context(), base(t, w), full)
	refused(t, err, forge.ErrInput)
	if data, err := os.ReadFile(filepath.Join(full, "mine")); err != nil || string(data) != "x" {
		t.Errorf("what was there is %q, %v", data, err)
	}
	dir := filepath.Join(t.TempDir(), "new")
	_, err = w.Forge.Checkout(t.Context(), "main", dir)
	refused(t, err, forge.ErrInput)
	_, err = w.Forge.Checkout(t.Context(), "0123456789012345678901234567890123456789", dir)
	refused(t, err, forge.ErrNoCommit)
	if _, err := os.Lstat(dir); err == nil {
		t.Error("a checkout that failed left its folder")
	}
}

func testFeatures(t *testing.T, w World) {
	p := propose(t, w.Forge, proposal(t, w, "2.2.5"), forge.Created)
	has := w.Forge.Features()
	for name, c := range map[string]struct {
		has bool
		err error
	}{
		"comment": {has.Comments, w.Forge.Comment(t.Context(), branch, "Tests passed.")},
		"check":   {has.Checks, w.Forge.Check(t.Context(), p.Commit, forge.Check{Name: "drydock", State: "success", Summary: "Tests passed."})},
	} {
		if c.has && c.err != nil {
			t.Errorf("%s: %v", name, c.err)
		}
		if !c.has {
			refused(t, c.err, forge.ErrNotOffered)
		}
	}
}
