package attest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/drydock-dev/drydock/pkg/artifact"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/wheel/wheeltest"
)

var (
	here = pep508.Environment{Python: "3.11.7", Platform: "linux", Machine: "x86_64"}
	site = filepath.Join("venv", "lib", "python3.11", "site-packages")
)

// wheel reads "name[ version]: requirement | requirement"; the version is 1 where it says none.
func wheel(line string) wheeltest.Wheel {
	head, requires, _ := strings.Cut(line, ":")
	name, version, ok := strings.Cut(head, " ")
	if !ok {
		version = "1"
	}
	w := wheeltest.Wheel{Name: name, Version: version}
	for r := range strings.SplitSeq(requires, "|") {
		if r = strings.TrimSpace(r); r != "" {
			w.Requires = append(w.Requires, r)
		}
	}
	return w
}

// sealed lays wheels out as an installer does, seals that and reads what they say. spoil may change the folder before.
func sealed(t *testing.T, wheels []wheeltest.Wheel, spoil func(site string)) (files string, m *artifact.Manifest, inv *inventory.Inventory) {
	t.Helper()
	files, inv = t.TempDir(), &inventory.Inventory{}
	at := filepath.Join(files, site)
	for _, w := range wheels {
		data := w.Pack(t)
		z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(at, filepath.FromSlash(f.Name)), string(text))
		}
		name := pep440.Normalize(w.Name)
		inv.Packages = append(inv.Packages, inventory.Package{Package: name, Version: w.Version, PURL: "pkg:pypi/" + name + "@" + w.Version, Pin: inventory.Exact, Source: "lib/python3.11/site-packages"})
	}
	if spoil != nil {
		spoil(at)
	}
	entries, err := artifact.Scan(t.Context(), files, nil)
	if err != nil {
		t.Fatal(err)
	}
	return files, &artifact.Manifest{Schema: artifact.Schema, Entries: entries}, inv
}

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// asked reads "flask celery[redis,auth]".
func asked(direct string) map[string][]string {
	out := map[string][]string{}
	for _, one := range strings.Fields(direct) {
		name, extras, _ := strings.Cut(strings.TrimSuffix(one, "]"), "[")
		out[name] = strings.FieldsFunc(extras, func(c rune) bool { return c == ',' })
	}
	return out
}

func decoded(t testing.TB, bill []byte) *cdx.BOM {
	t.Helper()
	bom := &cdx.BOM{}
	if err := cdx.NewBOMDecoder(bytes.NewReader(bill), cdx.BOMFileFormatJSON).Decode(bom); err != nil {
		t.Fatal(err)
	}
	return bom
}

// told writes the rows of a bill as "a > b c", and what is not complete as "unknown a: why"; sorted.
func told(bom *cdx.BOM) []string {
	short := func(ref string) string { return strings.TrimSuffix(strings.TrimPrefix(ref, "pkg:pypi/"), "@1") }
	var out []string
	for _, d := range *bom.Dependencies {
		line := short(d.Ref) + " >"
		for _, on := range *d.Dependencies {
			line += " " + short(on)
		}
		out = append(out, line)
	}
	why := map[string]string{}
	for _, c := range append([]cdx.Component{*bom.Metadata.Component}, *bom.Components...) {
		if c.Properties != nil {
			for _, p := range *c.Properties {
				why[c.BOMRef] += " " + p.Value + ";"
			}
		}
	}
	for _, c := range (*bom.Compositions)[1:] {
		for _, ref := range *c.Dependencies {
			if c.Aggregate != cdx.CompositionAggregateComplete || why[string(ref)] != "" {
				out = append(out, fmt.Sprintf("%s %s:%s", c.Aggregate, short(string(ref)), strings.TrimSuffix(why[string(ref)], ";")))
			}
		}
	}
	slices.Sort(out)
	return out
}

const metadataOf = ".dist-info/METADATA"

// bills are what is installed and named directly, and what the bill of it says.
var bills = map[string]struct {
	wheels []string
	direct string
	spoil  func(t *testing.T, site string)
	want   []string
}{
	"a chain": {[]string{"Flask: Werkzeug>=2 | click", "werkzeug: markupsafe", "click", "MarkupSafe"}, "flask", nil,
		[]string{"artifact > flask", "click >", "flask > click werkzeug", "markupsafe >", "werkzeug > markupsafe"}},
	"nothing is installed": {nil, "", nil, []string{"artifact >"}},
	"a cycle":              {[]string{"a: b", "b: a"}, "a", nil, []string{"a > b", "artifact > a", "b > a"}},
	"an extra that is asked for": {[]string{"celery: kombu | redis ; extra == 'redis'", "kombu", "redis"}, "celery[redis]", nil,
		[]string{"artifact > celery", "celery > kombu redis", "kombu >", "redis >"}},
	"an extra that nobody asks for": {[]string{"celery: redis ; extra == 'redis'", "redis"}, "celery redis", nil,
		[]string{"artifact > celery redis", "celery >", "redis >"}},
	"an extra that a package asks for": {[]string{"a: celery[redis]", "celery: redis ; extra == 'redis'", "redis"}, "a", nil,
		[]string{"a > celery", "artifact > a", "celery > redis", "redis >"}},
	"an extra in another spelling": {[]string{"a: b[Some_Thing]", "b: c ; extra == 'some.thing'", "c"}, "a", nil,
		[]string{"a > b", "artifact > a", "b > c", "c >"}},
	"extras that ask for one another": {[]string{"a: b[x] ; extra == 'x'", "b: a[y] ; extra == 'x'", "c: a", "d"}, "a[x] c d", nil,
		[]string{"a > b", "artifact > a c d", "b > a", "c > a", "d >"}},
	"its own extras": {[]string{"pkg: pkg[x,y] ; extra == 'all' | a ; extra == 'x' | b ; extra == 'y' | c ; extra == 'z'", "a", "b"}, "pkg[all]", nil,
		[]string{"a >", "artifact > pkg", "b >", "pkg > a b"}},
	"an extra that nothing provides": {[]string{"a: b ; extra == 'x'"}, "a[nothing]", nil, []string{"a >", "artifact > a"}},
	"a marker that is false": {[]string{"a: b ; sys_platform == 'win32' | c ; python_version < '3' | d ; sys_platform == 'linux'", "d"}, "a", nil,
		[]string{"a > d", "artifact > a", "d >"}},
	"a marker that is false for an extra": {[]string{"a: b ; extra == 'x' and python_version < '3'"}, "a[x]", nil, []string{"a >", "artifact > a"}},
	"a marker that can't be judged": {[]string{"a: b ; platform_release >= '6'", "b"}, "a", nil,
		[]string{"a > b", "artifact > a", "b >", `unknown a: whether it requires b here can't be told from platform_release >= "6"`}},
	"and what it requires is not installed": {[]string{"a: b ; platform_release >= '6'"}, "a", nil,
		[]string{"a >", "artifact > a", `unknown a: whether it requires b here can't be told from platform_release >= "6"`}},
	"what is required is not installed": {[]string{"a: b>=2 | c @ https://user:password@host.test/c.zip | d", "d"}, "a", nil,
		[]string{"a > d", "artifact > a", "d >", "incomplete a: it requires b>=2, which is not listed here; it requires c, which is not listed here"}},
	"a requirement that can't be read": {[]string{"a: b | <<token=hunter2>>", "b"}, "a", nil, []string{"a > b", "artifact > a", "b >", "unknown a: 1 of its requirements can't be read"}},
	"what the manifests name is not installed": {[]string{"a"}, "a b", nil,
		[]string{"a >", "artifact > a", "incomplete artifact: the manifests name b, which is not listed here"}},
	"nothing leads to it": {[]string{"a", "b: c", "c"}, "a", nil,
		[]string{"a >", "artifact > a", "b > c", "c >", "unknown artifact: why b is installed is not known: neither do the manifests name it, nor is it required by what they name; " +
			"why c is installed is not known: neither do the manifests name it, nor is it required by what they name"}},
	"no metadata": {[]string{"a: b", "b: c"}, "a", func(t *testing.T, site string) {
		if err := os.Remove(filepath.Join(site, "b-1"+metadataOf)); err != nil {
			t.Fatal(err)
		}
	}, []string{"a > b", "artifact > a", "unknown b: it has no METADATA"}},
	"no folder of metadata": {[]string{"a: b", "b: c"}, "a", func(t *testing.T, site string) {
		if err := os.RemoveAll(filepath.Join(site, "b-1.dist-info")); err != nil {
			t.Fatal(err)
		}
	}, []string{"a > b", "artifact > a", "unknown b: it has no metadata"}},
	"broken metadata": {[]string{"a: b", "b: c"}, "a", func(t *testing.T, site string) {
		put(t, filepath.Join(site, "b-1"+metadataOf), "Metadata-Version: 9.0\nName: b\nVersion: 1\n")
	}, []string{"a > b", "artifact > a", `unknown b: its METADATA can't be read: not core metadata: its Metadata-Version "9.0" is not known; 1.0 to 2.x are`}},
	"metadata of another version": {[]string{"a"}, "a", func(t *testing.T, site string) {
		put(t, filepath.Join(site, "a-1"+metadataOf), "Metadata-Version: 2.1\nName: a\nVersion: 2\n")
	}, []string{"artifact > a", "unknown a: its metadata is that of another version"}},
	"too large": {[]string{"a"}, "a", func(t *testing.T, site string) {
		put(t, filepath.Join(site, "a-1"+metadataOf), wheel("a").Metadata()+"\n"+strings.Repeat("x", maxMetadata))
	}, []string{"artifact > a", "unknown a: its METADATA has 16777258 bytes, more than the 16777216 that are read"}},
	"installed twice": {[]string{"a: b", "b"}, "a", func(t *testing.T, site string) {
		put(t, filepath.Join(site, "A-1"+metadataOf), wheel("a").Metadata())
	}, []string{"artifact > a", "b >", "unknown a: it is installed twice: which metadata counts is not known",
		"unknown artifact: why b is installed is not known: neither do the manifests name it, nor is it required by what they name"}},
	"two versions": {[]string{"a 1", "a 2", "b: a"}, "b", nil,
		[]string{"artifact > b", "b > a a@2", "unknown a: 2 versions of a are installed: which of them counts is not known", "unknown a@2: 2 versions of a are installed: which of them counts is not known"}},
}

func TestRequires(t *testing.T) {
	for name, c := range bills {
		t.Run(name, func(t *testing.T) {
			var wheels []wheeltest.Wheel
			for _, line := range c.wheels {
				wheels = append(wheels, wheel(line))
			}
			var spoil func(string)
			if c.spoil != nil {
				spoil = func(site string) { c.spoil(t, site) }
			}
			files, m, inv := sealed(t, wheels, spoil)
			said, err := Installed(files, m, []string{filepath.ToSlash(site)})
			if err != nil {
				t.Fatal(err)
			}
			s := Subject{Application: "payments", Digest: digest, Environment: here, Direct: asked(c.direct), Installed: said}
			bill, err := Bill(s, inv)
			if err != nil {
				t.Fatal(err)
			}
			if got := told(decoded(t, bill)); !slices.Equal(got, slices.Sorted(slices.Values(c.want))) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			slices.Reverse(inv.Packages)
			if again, err := Bill(s, inv); err != nil || !bytes.Equal(bill, again) {
				t.Error("made of the same in another order it differs", err)
			}
			if strings.Contains(string(bill), "password") || strings.Contains(string(bill), "hunter2") {
				t.Errorf("a secret: %s", bill)
			}
		})
	}
}
