package scanner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pipCase is one file for testdata/likepip.py: where it lies and what was read of it.
type pipCase struct {
	Path     string         `json:"path"`
	Found    []pipPackage   `json:"found"`
	Includes []pipInclude   `json:"includes"`
	Told     []int          `json:"told"`    // lines with something that could not be determined
	Numbers  map[string]int `json:"numbers"` // pip's number of a line → ours: it counts every line break of Python
}

type pipPackage struct {
	Line      int      `json:"line"`
	Name      string   `json:"name"`
	Specifier string   `json:"specifier"`
	Marker    string   `json:"marker"`
	Hashes    []string `json:"hashes"`
	Extras    []string `json:"extras"`
	Reference string   `json:"reference"`
}

type pipInclude struct {
	Line  int    `json:"line"`
	Value string `json:"value"`
}

// fragments are what generated requirements files are made of.
var fragments = struct{ names, extras, specs, markers, tails, whole []string }{
	names:  []string{"flask", "Flask", "Flask_Login", "zope.interface", "a", "A.B-C__d", "ruamel.yaml.clib", "x1", "python-dateutil"},
	extras: []string{"", "", "", "[redis]", "[ a , B_c ]", "[]", " [x]", "[x,]", "[a b]"},
	specs: []string{"==2.2.2", " == 2.2.2", "==2.2.2 ", "==1.0.post1", "==1!2.0", "==1.12.0+cu117", "===2.0", "==2.*", ">=2,<3", ">= 2 , < 3", "~=2.2", "!=2.0,==2.1", "", "(>=2)", " (==2.0)",
		"==2,", ",==2", "=2", "==", "==v2.0", "==2.0-1", "==2.0a1", "== 2.0 , >= 1", "==2.0rc1", "<2", "==2.0.dev3", "==2.0 ==3", "==02.0", "==1.0+abc.1", ">1.0+abc", "~=1", "===weird!x"},
	markers: []string{"", "", "", "", ` ; python_version < "3.8"`, `;python_version<'3.8'`, ` ; (os_name == "nt" or sys_platform != 'linux') and python_full_version >= "3"`, ` ; "linux" in sys_platform`,
		` ; extra == "x"`, ` ; os.name == "posix"`, ` ; python_version not in "2.7 3.0"`, ` ; python_version < 3`, ` ;`, ` ; python_version < "3.8" ; x`, "; platform_machine == 'x' # why"},
	tails: []string{"", "", "", "", " # comment", "\t# comment", " #", "#fragment", " --hash=" + sha, " \\\n    --hash=" + sha, " \\\n    --hash=" + sha + " \\\n    --hash=sha512:" + strings.Repeat("0f", 64),
		" \\\n# inner\n", "\\\n", " --hash sha256:" + strings.Repeat("AB", 32), ` --config-settings="--a=b c"`, " --global-option=x", " --hash=md5:" + strings.Repeat("0", 32), " --pre", "  ", "\t", "\u00a0", "\f", "\u2028"},
	whole: []string{"", "# only a comment", "   # indented", "-r other.txt", "-rother.txt", "--requirement=other.txt", "-c con.txt", "-i https://u:p@index.test/simple", "--no-index", "--pre", "-e .", "-e git+https://x.test/a.git#egg=a",
		"https://x.test/a-1.0-py3-none-any.whl", "https://x.test/a-1.0.tar.gz#egg=a", "a @ https://x.test/a.zip", "a@https://x.test/a.zip ; os_name == 'x'", "./local", "../up.whl", "a/b.zip", "package.zip", "a-1.0-py3-none-any.whl",
		"git+ssh://git@x.test/a.git@v1#egg=a", "\\", "\\\\", "'quoted'==1", "\"x\"", "x == 1 -- y", "-", "--", "x==1 -r y.txt", "$VAR==1", "${VAR}==1", "x==${VER}", "-r ${DIR}/x.txt", "file:///a/b.whl", "--find-links ./w", "-f ./w x==1", "x==1;", "x[a]==1[b]", "x @", "import os"},
}

// requirementsText is one generated file.
func requirementsText(r *rand.Rand) string {
	pick := func(from []string) string { return from[r.IntN(len(from))] }
	breaks := []string{"\n", "\n", "\n", "\n", "\n", "\r\n", "\r"}
	newline := pick(breaks)
	var b strings.Builder
	if r.IntN(20) == 0 {
		b.WriteString("\ufeff")
	}
	for range 1 + r.IntN(12) {
		line := pick(fragments.whole)
		if r.IntN(4) > 0 {
			line = pick([]string{"", "", "", " ", "\t"}) + pick(fragments.names) + pick(fragments.extras) + pick(fragments.specs) + pick(fragments.markers) + pick(fragments.tails)
		}
		if line != "" && r.IntN(12) == 0 { // one character more, less or other
			runes, noise := []rune(line), []rune(" \\#;,=-'\"[]()@.\t*<>!~:/x1")
			at := r.IntN(len(runes))
			switch c := noise[r.IntN(len(noise))]; r.IntN(3) {
			case 0:
				runes = slices.Insert(runes, at, c)
			case 1:
				runes = slices.Delete(runes, at, at+1)
			default:
				runes[at] = c
			}
			line = string(runes)
		}
		b.WriteString(line + newline)
	}
	return b.String()
}

// pipCaseOf reads text as the reader does and keeps it as a file for pip.
func pipCaseOf(t *testing.T, file, text string) pipCase {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	m := parse(text)
	c := pipCase{Path: file, Found: []pipPackage{}, Includes: []pipInclude{}, Told: []int{}, Numbers: map[string]int{}}
	for _, p := range m.Packages {
		c.Found = append(c.Found, pipPackage{p.Line, p.Package, p.Specifier, p.Marker, append([]string{}, p.Hashes...), append([]string{}, p.Extras...), p.Reference})
	}
	for _, i := range m.Includes {
		c.Includes = append(c.Includes, pipInclude{i.Line, i.Path})
	}
	for _, i := range m.Incomplete {
		c.Told = append(c.Told, i.Line)
	}
	ours, theirs := 0, 0
	for l := range splitLines(strings.TrimPrefix(text, "\ufeff")) {
		theirs++
		ours += l.counts
		c.Numbers[fmt.Sprint(theirs)] = ours
	}
	return c
}

// Every line is taken for what pip takes it for, or said not to be understood: names, versions, markers,
// extras and hashes of generated files, read by pip's own parser.
func TestRequirementsLikePip(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 to ask what pip reads")
	}
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	var cases []pipCase
	for i := range 600 {
		cases = append(cases, pipCaseOf(t, filepath.Join(dir, fmt.Sprintf("requirements-%d.txt", i)), requirementsText(r)))
	}
	input, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-I", filepath.Join("testdata", "likepip.py"))
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &stderr
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 3 {
		t.Skip("this python3 has no pip to compare with")
	}
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	var got struct {
		Pip          string
		Lines, Alike int
		Differences  []string
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	t.Logf("pip %s: %d lines, %d requirements read alike", got.Pip, got.Lines, got.Alike)
	if got.Alike < 500 {
		t.Errorf("only %d of %d lines were read alike: nothing was compared", got.Alike, got.Lines)
	}
	for _, d := range got.Differences {
		if strings.HasPrefix(d, "lenient ") { // more is reported than one pip installs, and another does: a hash by md5, a comma at the end
			continue
		}
		t.Error(strings.ReplaceAll(d, dir+"/", ""))
	}
}
