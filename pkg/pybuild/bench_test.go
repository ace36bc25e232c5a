package pybuild

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/isolation/dock"
)

// BenchmarkBuildWarm is a second build of 30 packages whose distributions are all kept: what a validation waits for.
func BenchmarkBuildWarm(bench *testing.B) {
	s := newShop(bench)
	var names []string
	for i := range 30 {
		name := fmt.Sprintf("package%02d", i)
		files := map[string]string{"+entry_points.txt": fmt.Sprintf("[console_scripts]\n%s = %s:f\n", name, name), name + "/__init__.py": ""}
		for j := range 20 {
			files[fmt.Sprintf("%s/module%02d.py", name, j)] = strings.Repeat(fmt.Sprintf("def f%d(a, b=%d):\n    return [x for x in a if x > b]\n", j, i), 20)
		}
		s.wheel(name, "1.0", files)
		names = append(names, name)
	}
	d, err := dock.Open(bench.Context(), "")
	if err != nil {
		bench.Skip(err)
	}
	b := builder(bench, s, d)
	want := s.want(names...)
	dir := openDir(bench)
	build := func(i int) Built {
		built, err := b.Build(bench.Context(), want, filepath.Join(dir, fmt.Sprint("venv", i)))
		if err != nil {
			bench.Fatal(err)
		}
		return built
	}
	build(-1)
	b.Index = nobody{b.Index} // nothing is fetched again
	for i := 0; bench.Loop(); i++ {
		built := build(i)
		bench.ReportMetric(float64(built.Steps["compile"].Milliseconds()), "ms-compile")
		bench.ReportMetric(float64(built.Steps["install"].Milliseconds()), "ms-install")
		bench.ReportMetric(built.Run.Wall.Seconds()*1000, "ms-box")
		bench.StopTimer()
		if err := os.RemoveAll(filepath.Join(dir, fmt.Sprint("venv", i))); err != nil {
			bench.Fatal(err)
		}
		bench.StartTimer()
	}
}
