package wheel

import (
	"errors"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/pep508"
)

func TestParse(t *testing.T) {
	for filename, want := range map[string]string{
		"flask-3.0.0-py3-none-any.whl":                                    "flask 3.0.0 | py3 | none | any",
		"six-1.16.0-py2.py3-none-any.whl":                                 "six 1.16.0 | py2 py3 | none | any",
		"Zope.Interface-5.0-1_build-cp38-cp38-win_amd64.whl":              "zope-interface 5.0 1_build | cp38 | cp38 | win_amd64",
		"a__B.c-1.0RC1-CP311-ABI3-manylinux_2_17_x86_64.linux_x86_64.whl": "a-b-c 1.0rc1 | cp311 | abi3 | manylinux_2_17_x86_64 linux_x86_64",
		"torch-1.12.0+cu117-cp39-cp39-linux_x86_64.whl":                   "torch 1.12.0+cu117 | cp39 | cp39 | linux_x86_64",
		"foo-1.0_1-py3-none-any.whl":                                      "foo 1.0.post1 | py3 | none | any",
		"foo-1.0_rc1-py3-none-any.whl":                                    "foo 1.0rc1 | py3 | none | any",
		"foo-1!2.0-0-py3-none-any.whl":                                    "foo 1!2.0 0 | py3 | none | any",
		"cryptography-42.0.0-cp39-abi3-macosx_10_12_universal2.whl":       "cryptography 42.0.0 | cp39 | abi3 | macosx_10_12_universal2",
	} {
		n, err := Parse(filename)
		got := strings.TrimSpace(n.Distribution+" "+n.Version+" "+n.Build) + " | " + strings.Join(n.Pythons, " ") + " | " + strings.Join(n.ABIs, " ") + " | " + strings.Join(n.Platforms, " ")
		if err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", filename, got, err, want)
		}
	}
}

func TestNamesRefused(t *testing.T) {
	for bad, want := range map[string]string{
		"": "does not end in .whl", "foo-1.0.tar.gz": "does not end in .whl", "foo-1.0-py3-none-any.WHL": "does not end", "foo-1.0-py3-none.whl": "4 parts", "foo-1.0-1-2-py3-none-any.whl": "7 parts",
		"foo-1.0-build-py3-none-any.whl": "build tag", "foo-1.0--py3-none-any.whl": "build tag", "-1.0-py3-none-any.whl": "the name is empty", "..-1.0-py3-none-any.whl": "the name is empty",
		"../foo-1.0-py3-none-any.whl": "the name is empty or holds", "f\x1boo-1.0-py3-none-any.whl": "holds other than letters", "foo-x-py3-none-any.whl": "not a PEP 440 version", "foo--py3-none-any.whl": "not a PEP 440",
		"foo-1_x-py3-none-any.whl": "not a PEP 440", "foo-1.0-py3.-none-any.whl": "a tag that is empty", "foo-1.0-py3-none-.whl": "a tag that is empty", "foo-1.0-py3-no/ne-any.whl": "a tag",
		strings.Repeat("a", maxFilename) + "-1.0-py3-none-any.whl": "1045 bytes long",
	} {
		n, err := Parse(bad)
		if !errors.Is(err, ErrName) || !strings.Contains(err.Error(), want) || n.Distribution != "" || Supports(pep508.Environment{}, bad) {
			t.Errorf("%.80q: %+v, %v; want ErrName with %s", bad, n, err, want)
		}
	}
}

func TestSupports(t *testing.T) {
	linux := pep508.Environment{Python: "3.11.7", Platform: "linux", Machine: "x86_64"}
	anyLinux := pep508.Environment{Python: "3.11", Platform: "linux"}
	arm := pep508.Environment{Python: "3.11", Platform: "linux", Machine: "arm64"}
	mac := pep508.Environment{Python: "3.11", Platform: "darwin", Machine: "arm64"}
	intel := pep508.Environment{Python: "3.11", Platform: "darwin", Machine: "x86_64"}
	windows := pep508.Environment{Python: "3.11", Platform: "win32", Machine: "AMD64"}
	for _, tc := range []struct {
		env     pep508.Environment
		yes, no string
	}{
		{linux, "py3-none-any py2.py3-none-any py310-none-any py311-none-any py30-none-any cp311-none-any cp311-none-linux_x86_64 cp311-cp311-linux_x86_64 py3-none-manylinux1_x86_64 cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
			"py2-none-any py312-none-any cp310-none-any cp310-none-linux_x86_64 cp310-cp310-linux_x86_64 cp312-cp312-linux_x86_64 cp311-cp311-any py3-abi3-any py3-cp311-linux_x86_64 py4-none-any cp27-none-any cp3-none-any"},
		{linux, "cp36-abi3-manylinux2010_x86_64 cp311-abi3-manylinux_2_28_x86_64 cp32-abi3-manylinux_2_5_x86_64 cp310.cp311.cp312-cp310.cp311.cp312-manylinux2014_x86_64 cp39-abi3.none-linux_x86_64",
			"cp312-abi3-linux_x86_64 cp31-abi3-linux_x86_64 cp39-abi3-any cp311-cp311-manylinux_2_29_x86_64 cp311-cp311-manylinux_2_4_x86_64 cp311-cp311-manylinux_3_17_x86_64 cp311-cp311-manylinux_2_017_x86_64 cp311-cp311d-linux_x86_64 cp311-cp311m-linux_x86_64"},
		{linux, "", "cp311-cp311-musllinux_1_1_x86_64 cp311-cp311-manylinux2014_aarch64 cp311-cp311-linux_i686 cp311-cp311-win_amd64 cp311-cp311-macosx_11_0_arm64 pp311-pypy311_pp73-linux_x86_64 cp311-cp311-manylinux_2 cp311-cp311-manylinux2014 cp311-cp311-manylinux_x86_64 cp311-cp311-linux_"},
		{anyLinux, "cp311-cp311-manylinux2014_x86_64 cp311-cp311-manylinux2014_aarch64 cp311-cp311-manylinux_2_17_s390x cp311-cp311-linux_armv7l", "cp311-cp311-musllinux_1_2_aarch64 cp311-cp311-win_amd64 cp311-cp311-manylinux2014_vax"},
		{arm, "cp311-cp311-manylinux2014_aarch64 cp311-cp311-manylinux_2_17_aarch64 cp311-cp311-linux_aarch64", "cp311-cp311-manylinux1_aarch64 cp311-cp311-manylinux2010_aarch64 cp311-cp311-manylinux_2_12_aarch64 cp311-cp311-manylinux2014_x86_64"},
		{mac, "cp311-cp311-macosx_11_0_arm64 cp311-cp311-macosx_15_0_universal2 cp311-cp311-macosx_10_9_universal2 py3-none-any cp39-abi3-macosx_14_0_arm64",
			"cp311-cp311-macosx_10_9_x86_64 cp311-cp311-macosx_16_0_arm64 cp311-cp311-macosx_12_3_arm64 cp311-cp311-macosx_10_9_arm64 cp311-cp311-macosx_11_0_x86_64 cp311-cp311-linux_aarch64 cp311-cp311-macosx_11_arm64 cp311-cp311-macosx_11_0_"},
		{intel, "cp311-cp311-macosx_10_9_x86_64 cp311-cp311-macosx_11_0_universal2 cp311-cp311-macosx_10_6_intel cp311-cp311-macosx_12_0_x86_64", "cp311-cp311-macosx_11_0_arm64 cp311-cp311-macosx_10_3_x86_64 cp311-cp311-macosx_10_17_x86_64 cp311-cp311-macosx_10_9_i386"},
		{pep508.Environment{Python: "3.11", Platform: "darwin"}, "cp311-cp311-macosx_10_9_x86_64 cp311-cp311-macosx_11_0_arm64", "cp311-cp311-macosx_10_9_arm64"},
		{pep508.Environment{Python: "3.11", Platform: "darwin", Machine: "ppc"}, "py3-none-any", "cp311-cp311-macosx_10_9_x86_64"},
		{windows, "cp311-cp311-win_amd64 py3-none-win_amd64 cp38-abi3-win_amd64", "cp311-cp311-win32 cp311-cp311-win_arm64 cp311-cp311-linux_x86_64"},
		{pep508.Environment{Python: "3.11", Platform: "win32"}, "cp311-cp311-win_amd64 cp311-cp311-win32 cp311-cp311-win_arm64", "cp311-cp311-win_ia64"},
		{pep508.Environment{Python: "3.11", Platform: "win32", Machine: "ARM64"}, "cp311-cp311-win_arm64", "cp311-cp311-win_amd64"},
		{pep508.Environment{Python: "3.11", Platform: "win32", Machine: "x86"}, "cp311-cp311-win32", "cp311-cp311-win_amd64"},
		{pep508.Environment{Python: "3.11", Platform: "win32", Machine: "vax"}, "py3-none-any", "cp311-cp311-win_amd64"},
		{pep508.Environment{Python: "3.13", Platform: "linux"}, "cp313-cp313-linux_x86_64 cp313.cp313t-cp313-linux_x86_64", "cp313-cp313t-linux_x86_64 cp313t-cp313t-linux_x86_64 cp313-abi3t-linux_x86_64"},
		{pep508.Environment{Python: "3.7", Platform: "linux"}, "cp37-cp37m-manylinux1_x86_64 cp36-abi3-manylinux1_x86_64", "cp37-cp37-manylinux1_x86_64 cp36-cp36m-manylinux1_x86_64"},
		{pep508.Environment{Python: "3.14.0rc2", Platform: "linux"}, "cp314-cp314-manylinux_2_28_x86_64", "cp315-cp315-manylinux_2_28_x86_64"},
		{pep508.Environment{Python: "3.14rc2", Platform: "linux"}, "cp314-cp314-manylinux_2_28_x86_64", "cp315-cp315-manylinux_2_28_x86_64"},
		{pep508.Environment{Platform: "linux"}, "cp38-cp38-linux_x86_64 cp315-cp315-linux_x86_64 py312-none-any cp312-none-any cp312-abi3-linux_x86_64 cp37-cp37m-linux_x86_64", "py2-none-any cp27-cp27mu-linux_x86_64 cp313-cp313t-linux_x86_64 cp38-cp38-win_amd64"},
		{pep508.Environment{Python: "3"}, "cp38-cp38-linux_x86_64 cp38-cp38-win_amd64 cp38-cp38-macosx_11_0_arm64", "cp38-cp38-musllinux_1_1_x86_64"},
		{pep508.Environment{Python: "2.7", Platform: "linux"}, "", "py2.py3-none-any cp27-cp27mu-manylinux1_x86_64 cp311-none-any"},
		{pep508.Environment{Python: "3.x", Platform: "linux"}, "", "py3-none-any"},
		{pep508.Environment{Python: "3.11", Platform: "sunos5"}, "py3-none-any", "cp311-cp311-linux_x86_64"},
	} {
		for want, tags := range map[bool]string{true: tc.yes, false: tc.no} {
			for _, tag := range strings.Fields(tags) {
				if got := Supports(tc.env, "foo-1.0-"+tag+".whl"); got != want {
					t.Errorf("%s on %+v: %v", tag, tc.env, got)
				}
			}
		}
	}
}

// FuzzParse: never a panic; what is accepted is read alike when written again.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "foo-1.0_1-1x-py2.py3-none-any.whl", "a-1-cp311-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "a-1-cp3-none-macosx_11_0_universal2.whl", "-----.whl"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := Parse(s)
		if err != nil {
			if !errors.Is(err, ErrName) {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		build := ""
		if n.Build != "" {
			build = "-" + n.Build
		}
		tags := strings.Join(n.Pythons, ".") + "-" + strings.Join(n.ABIs, ".") + "-" + strings.Join(n.Platforms, ".")
		again, err := Parse(strings.ReplaceAll(n.Distribution, "-", "_") + "-" + n.Version + build + "-" + tags + ".whl")
		if err != nil && len(s)+20 < maxFilename || err == nil && (again.Distribution != n.Distribution || again.Version != n.Version) {
			t.Fatalf("%q became %+v, then %+v, %v", s, n, again, err)
		}
		// Knowing less never refuses what knowing more takes.
		env := pep508.Environment{Python: "3.11", Platform: "linux", Machine: "x86_64"}
		for _, less := range []pep508.Environment{{Platform: "linux", Machine: "x86_64"}, {Python: "3.11", Machine: "x86_64"}, {Python: "3.11", Platform: "linux"}, {}} {
			if n.Supports(env) && !n.Supports(less) {
				t.Fatalf("%q: usable on %+v, not on %+v", s, env, less)
			}
		}
	})
}

func BenchmarkSupports(b *testing.B) {
	env := pep508.Environment{Python: "3.11.7", Platform: "linux", Machine: "x86_64"}
	b.ReportAllocs()
	for b.Loop() {
		if Supports(env, "numpy-2.1.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl") {
			b.Fatal("supported")
		}
	}
}

func TestReaches(t *testing.T) {
	linux, mac := pep508.Environment{Python: "3.11", Platform: "linux", Machine: "x86_64"}, pep508.Environment{Python: "3.11", Platform: "darwin", Machine: "arm64"}
	for _, tc := range []struct {
		env             pep508.Environment
		tag             string
		supports, reach bool
	}{
		{linux, "py3-none-any", true, true},
		{linux, "cp311-cp311-manylinux_2_28_x86_64", true, true},
		{linux, "cp311-cp311-manylinux_2_34_x86_64", false, true},
		{linux, "cp311-cp311-manylinux_2_99_aarch64.manylinux_2_99_x86_64", false, true},
		{linux, "cp311-abi3-musllinux_1_2_x86_64", false, true},
		{linux, "cp311-cp311-musllinux_1_2_aarch64", false, false},
		{linux, "cp312-cp312-manylinux_2_34_x86_64", false, false},
		{linux, "cp311-cp311-macosx_11_0_arm64", false, false},
		{linux, "cp311-cp311-manylinux_2_34", false, false},
		{pep508.Environment{Python: "3.11", Platform: "linux"}, "cp311-cp311-musllinux_1_2_aarch64", false, true},
		{mac, "cp311-cp311-macosx_26_0_arm64", false, true},
		{mac, "cp311-cp311-macosx_26_0_x86_64", false, false},
	} {
		file := "foo-1.0-" + tc.tag + ".whl"
		if got := Supports(tc.env, file); got != tc.supports {
			t.Errorf("Supports(%+v, %s) = %v", tc.env, file, got)
		}
		if got := Reaches(tc.env, file); got != tc.reach {
			t.Errorf("Reaches(%+v, %s) = %v", tc.env, file, got)
		}
	}
	if Reaches(linux, "foo-1.0.tar.gz") {
		t.Error("a source distribution is no wheel")
	}
}
