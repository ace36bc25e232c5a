package gitforge

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/drydock-dev/drydock/pkg/forge"
)

// large makes a repository of 5,000 files in 100 MB, and as much again in its history.
func large(b *testing.B) *person {
	b.Helper()
	p := newPerson(b, "sha1")
	random := rand.NewChaCha8([32]byte{})
	noise := make([]byte, 10_000)
	for round := range 2 {
		files := map[string]string{"requirements.txt": fmt.Sprintf("flask==2.2.%d\n", round)}
		for i := range 5000 {
			_, _ = random.Read(noise)
			files[fmt.Sprintf("src/%d/%d/data.bin", i%50, i)] = string(noise) + string(noise[:5000]) + string(noise[:5000])
		}
		writeFiles(b, p.clone, files)
		p.save(b)
	}
	git(b, p.clone, "push", "-q", "origin", "main")
	git(b, p.bare, "config", "uploadpack.allowFilter", "true")
	return p
}

func size(b *testing.B, dir string) (bytes float64) {
	b.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			info, _ := d.Info()
			bytes += float64(info.Size())
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return bytes
}

func BenchmarkCheckout(b *testing.B) {
	p := large(b)
	for _, warm := range []bool{false, true} {
		b.Run(fmt.Sprintf("warm=%v", warm), func(b *testing.B) {
			f := open(b, "file://"+p.bare)
			base, err := f.Base(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			dir := filepath.Join(b.TempDir(), "tree")
			if warm {
				if _, err := f.Prepare(b.Context(), fix(b, f)); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				if !warm {
					_ = os.RemoveAll(f.objects.dir)
				}
				_ = os.RemoveAll(dir)
				if _, err := f.Checkout(b.Context(), base.Commit, dir); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(size(b, p.bare)/1e6, "MB-remote")
			b.ReportMetric(size(b, f.objects.dir)/1e6, "MB-cache")
			b.ReportMetric(size(b, dir)/1e6, "MB-files")
		})
	}
}

func BenchmarkPropose(b *testing.B) {
	p := newPerson(b, "sha1")
	p.begin(b)
	f := open(b, "file://"+p.bare)
	prop := fix(b, f)
	first, err := f.Propose(b.Context(), prop)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("unchanged", func(b *testing.B) {
		for b.Loop() {
			if got, err := f.Propose(b.Context(), prop); err != nil || got.Outcome != forge.Unchanged {
				b.Fatal(got, err)
			}
		}
	})
	b.Run("updated", func(b *testing.B) {
		prop.Lease = seen(first)
		for i := 0; b.Loop(); i++ {
			prop.Files[0].Data = fmt.Appendf(nil, "flask==2.2.%d\n", i)
			got, err := f.Propose(b.Context(), prop)
			if err != nil {
				b.Fatal(err)
			}
			prop.Lease = seen(got)
		}
	})
	b.Run("find", func(b *testing.B) {
		for b.Loop() {
			if _, err := f.Find(b.Context(), "fix", prop.Lease); err != nil {
				b.Fatal(err)
			}
		}
	})
}
