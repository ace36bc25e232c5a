package check

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// ofPytest is a report that pytest 8.3 wrote: a class, parameters, a teardown that failed, an expected failure, a
// module that can't be imported, properties and captured output.
const ofPytest = `<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" errors="2" failures="1" skipped="2" tests="7" time="0.041" timestamp="2026-01-01T10:00:00.000000+00:00" hostname="dock">` +
	`<testcase classname="" name="tests.test_broken" time="0.000"><error message="collection failure">ImportError while importing test module '/copy/src/tests/test_broken.py'.
E   ModuleNotFoundError: No module named 'gone'</error></testcase>` +
	`<testcase classname="tests.test_a.TestLogin" name="test_password[a&lt;b-&quot;x&quot;]" time="0.001"><properties><property name="k" value="v" /></properties></testcase>` +
	`<testcase classname="tests.test_a" name="test_wrong" time="0.002"><failure message="AssertionError: assert 2 == 3&#10; +  where 2 = add(1, 1)">def test_wrong():
&gt;       assert add(1, 1) == 3</failure><system-out>captured</system-out></testcase>` +
	`<testcase classname="tests.test_a" name="test_teardown" time="0.001" /><testcase classname="tests.test_a" name="test_teardown" time="0.001"><error message="failed on teardown with &quot;OSError: x&quot;">trace</error></testcase>` +
	`<testcase classname="tests.test_a" name="test_skipped" time="0.000"><skipped type="pytest.skip" message="not here">/copy/src/tests/test_a.py:9: not here</skipped></testcase>` +
	`<testcase classname="tests.test_a" name="test_expected" time="0.001"><skipped type="pytest.xfail" message="" /></testcase></testsuite></testsuites>`

func TestParseReport(t *testing.T) {
	want := []Test{
		{"tests.test_broken", TestError, "collection failure"},
		{`tests.test_a.TestLogin::test_password[a<b-"x"]`, TestPassed, ""},
		{"tests.test_a::test_wrong", TestFailed, "AssertionError: assert 2 == 3"},
		{"tests.test_a::test_teardown", TestError, `failed on teardown with "OSError: x"`},
		{"tests.test_a::test_skipped", TestSkipped, "not here"},
		{"tests.test_a::test_expected", TestSkipped, ""},
	}
	for _, r := range []io.Reader{strings.NewReader(ofPytest), iotest.OneByteReader(strings.NewReader(ofPytest))} {
		if got, err := parseReport(r, reportBytes); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v %v", got, err)
		}
	}
	got, err := parseReport(strings.NewReader(`<testsuite><testcase name="a"><failure>

  first
second</failure></testcase><testcase classname="c"/></testsuite>`), reportBytes)
	if err != nil || !reflect.DeepEqual(got, []Test{{"a", TestFailed, "first"}, {"c::", TestPassed, ""}}) {
		t.Errorf("%+v %v", got, err)
	}
	if got, err = parseReport(strings.NewReader(`<testsuites></testsuites>`), reportBytes); err != nil || len(got) != 0 {
		t.Errorf("%+v %v", got, err)
	}
}

func TestHostileReports(t *testing.T) {
	suite := func(inner string) string { return "<testsuite>" + inner + "</testsuite>" }
	for name, c := range map[string]struct{ text, says string }{
		"empty":              {"", "it is empty"},
		"text":               {"no report", "it is empty"},
		"HTML":               {"<html></html>", "html is none that a report begins with"},
		"two roots":          {"<testsuite/><testsuite/>", "none that a report begins with"},
		"cut off":            {ofPytest[:900], "unexpected EOF"},
		"entities":           {`<!DOCTYPE x [<!ENTITY a "b">]><testsuite/>`, "a comment, CDATA or a document type"},
		"an outer entity":    {`<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/passwd"><testsuite/>`, "document type"},
		"unknown entity":     {suite(`<testcase name="&nbsp;"/>`), "invalid character entity"},
		"CDATA":              {suite(`<testcase name="a"><failure><![CDATA[x]]></failure></testcase>`), "CDATA"},
		"a comment":          {suite("<!-- x -->"), "a comment"},
		"deep":               {strings.Repeat("<testsuite>", 100_000), "elements in more than 16 others"},
		"nested tests":       {suite(`<testcase name="a"><x><testcase name="b"/></x></testcase>`), "a testcase in another"},
		"many tests":         {suite(tests100k()), "more than 50000 tests"},
		"many attributes":    {suite("<testcase " + strings.Repeat(`a="" `, 1000) + "/>"), "more than 64 attributes"},
		"hidden attributes":  {"<?x > <a \"?>" + suite("<testcase "+strings.Repeat(`a='>' `, 1000)+"/>"), "more than 64 attributes"},
		"another encoding":   {`<?xml version="1.0" encoding="utf-16"?><testsuite/>`, "utf-16"},
		"not UTF-8":          {suite("<testcase name=\"\xff\"/>"), "invalid UTF-8"},
		"a zero byte":        {suite("<testcase name=\"\x00\"/>"), "illegal character"},
		"unbalanced":         {"<testsuite><testcase></testsuite>", "closed by"},
		"larger than may be": {"<testsuite>" + strings.Repeat(" ", 4<<20), "more than 4194304 bytes"},
	} {
		got, err := parseReport(strings.NewReader(c.text), 4<<20)
		if err == nil || !strings.Contains(err.Error(), c.says) || got != nil {
			t.Errorf("%s: %d tests, %v", name, len(got), err)
		}
	}
}

func tests100k() string {
	var b strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&b, `<testcase name="%d"/>`, i)
	}
	return b.String()
}

// Names and messages are one line each, bounded, and long names stay apart.
func TestNamesAreCleaned(t *testing.T) {
	long := strings.Repeat("x", 2000)
	got, err := parseReport(strings.NewReader(`<testsuite><testcase classname="a&#9;b&#10;c" name="d&#x202e;e&#x9b;31m  f"><failure message="`+long+`"/></testcase><testcase name="`+long+`1"/><testcase name="`+long+`2"/><testcase/></testsuite>`), reportBytes)
	if err != nil || len(got) != 4 {
		t.Fatalf("%+v %v", got, err)
	}
	if got[0].Name != "a b c::d?e?31m f" || len(got[0].Message) > maxMessage || !strings.HasSuffix(got[0].Message, "…") {
		t.Errorf("%q", got[0])
	}
	if got[1].Name == got[2].Name || len(got[1].Name) > maxName || got[3].Name != "(without a name)" {
		t.Errorf("%q", got[1:])
	}
}

func FuzzReport(f *testing.F) {
	f.Add(ofPytest)
	f.Add(`<testsuite><testcase name="a"><failure>x</failure></testcase></testsuite>`)
	f.Add("<?x > <a \"?><testsuite><testcase a='>'/></testsuite>")
	f.Add(`<testsuites><x:testsuite xmlns:x="y"><testcase name='&#x1b;[2J'/></x:testsuite></testsuites>`)
	f.Fuzz(func(t *testing.T, text string) {
		tests, err := parseReport(strings.NewReader(text), reportBytes)
		if err != nil {
			if tests != nil {
				t.Fatal("tests beside an error")
			}
			return
		}
		seen := map[string]bool{}
		for _, c := range tests {
			if c.Name == "" || len(c.Name) > maxName || len(c.Message) > maxMessage || seen[c.Name] || rank(c.Outcome) < 0 {
				t.Fatalf("%+v", c)
			}
			seen[c.Name] = true
			for _, s := range []string{c.Name, c.Message} {
				if !utf8.ValidString(s) || strings.ContainsFunc(s, mischievous) {
					t.Fatalf("%q", s)
				}
			}
		}
	})
}
