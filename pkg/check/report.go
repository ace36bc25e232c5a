package check

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// errNoReport: the command wrote none, which is no fault of it.
var errNoReport = errors.New("no report")

// open opens a file that came out of the box. It is a file, or it is refused: a link would be the program's choice
// of a file of this host.
func open(dir, name string) (*os.File, error) {
	p := filepath.Join(dir, name)
	info, err := os.Lstat(p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errNoReport
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no file but a link or a folder")
	}
	return os.Open(p)
}

// told is what the step says of itself. The program that comes after may have written it too, and so says nothing
// that matters to anybody but itself.
type told struct {
	Kind   string            `json:"kind"`
	Text   string            `json:"text"`
	Places map[string]string `json:"places"` // where an inside path was found
}

func readTold(dir string) told {
	var t told
	f, err := open(dir, "told.json")
	if err != nil {
		return t
	}
	defer func() { _ = f.Close() }()
	if json.NewDecoder(io.LimitReader(f, chunk)).Decode(&t) != nil {
		return told{}
	}
	return t
}

// inside names places as they are called inside, where the level has none of its own: a log is the same at each
// level, and says nothing of the host.
func (t told) inside(text []byte) []byte {
	var names []string
	for _, name := range []string{insideApp, insideOverlay, insideCopy, insideReport, "/tmp", dock0} {
		if at := t.Places[name]; at != name && filepath.IsAbs(at) && strings.Count(at, "/") > 1 && filepath.Clean(at) == at {
			names = append(names, at, name)
		}
	}
	if len(names) == 0 {
		return text
	}
	return []byte(strings.NewReplacer(names...).Replace(string(text)))
}

// dock0 is the home inside.
const dock0 = "/dock"

func readReport(dir string) ([]Test, error) {
	f, err := open(dir, "junit.xml")
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return parseReport(f, reportBytes)
}

// parseReport reads a JUnit report as pytest 8 writes it (junit_family xunit2 and xunit1). It takes nothing else of
// XML: no document type, no entities of its own, no comments, no CDATA; and no more than limit bytes.
func parseReport(r io.Reader, limit int64) ([]Test, error) {
	d := xml.NewDecoder(&guard{r: r, limit: limit, left: limit})
	p := reportParser{seen: map[string]int{}}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch e := token.(type) {
		case xml.StartElement:
			err = p.start(e)
		case xml.EndElement:
			err = p.end(e.Name.Local)
		case xml.CharData:
			p.text(e)
		case xml.Directive, xml.Comment:
			err = errors.New("a document type or a comment, which no report has")
		}
		if err != nil {
			return nil, err
		}
	}
	if !p.any {
		return nil, errors.New("it is empty")
	}
	return p.tests, nil
}

type reportParser struct {
	tests []Test
	seen  map[string]int // by name
	any   bool
	depth int
	test  *Test // in whose element the parser is
	in    string
	said  strings.Builder
}

// outcomeOf are the elements that say how a test ended; without one it passed.
var outcomeOf = map[string]string{"failure": TestFailed, "error": TestError, "skipped": TestSkipped}

func (p *reportParser) start(e xml.StartElement) error {
	name := e.Name.Local
	if p.depth == 0 && (p.any || name != "testsuites" && name != "testsuite") {
		return fmt.Errorf("the element %s is none that a report begins with", word(name, 40))
	}
	p.any = true
	if p.depth++; p.depth > maxDepth {
		return fmt.Errorf("elements in more than %d others", maxDepth)
	}
	switch outcome := outcomeOf[name]; {
	case name == "testcase" && p.test != nil:
		return errors.New("a testcase in another")
	case name == "testcase":
		p.test = &Test{Name: testName(attribute(e, "classname"), attribute(e, "name"))}
	case p.test != nil && outcome != "" && rank(outcome) > rank(p.test.Outcome):
		p.test.Outcome, p.test.Message, p.in = outcome, firstLine(attribute(e, "message")), name
		p.said.Reset()
	}
	return nil
}

func (p *reportParser) text(data xml.CharData) {
	if p.in != "" && p.said.Len() < 4*maxMessage {
		p.said.Write(data[:min(len(data), 4*maxMessage)])
	}
}

func (p *reportParser) end(name string) error {
	p.depth--
	if p.test == nil {
		return nil
	}
	if name == p.in {
		if p.test.Message == "" {
			p.test.Message = firstLine(p.said.String())
		}
		p.in = ""
	}
	if name != "testcase" {
		return nil
	}
	if p.test.Outcome == "" {
		p.test.Outcome = TestPassed
	}
	// A test that failed and whose teardown failed is there twice.
	if at, ok := p.seen[p.test.Name]; !ok {
		if len(p.tests) == maxTests {
			return fmt.Errorf("more than %d tests", maxTests)
		}
		p.seen[p.test.Name] = len(p.tests)
		p.tests = append(p.tests, *p.test)
	} else if rank(p.test.Outcome) > rank(p.tests[at].Outcome) {
		p.tests[at] = *p.test
	}
	p.test = nil
	return nil
}

// rank orders outcomes: of two of one test the worse counts.
func rank(outcome string) int {
	return slices.Index([]string{TestSkipped, TestPassed, TestFailed, TestError}, outcome)
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return word(s, maxMessage)
}

// testName names a test. One that is too long keeps what tells it from others: a digest.
func testName(class, name string) string {
	full := name
	if class != "" {
		full = class + "::" + name
	}
	short := word(full, maxName)
	if short == "" {
		return "(without a name)"
	}
	if strings.HasSuffix(short, "…") && !strings.HasSuffix(full, "…") {
		sum := sha256.Sum256([]byte(full))
		short = word(full, maxName-9) + " " + hex.EncodeToString(sum[:4])
	}
	return short
}
