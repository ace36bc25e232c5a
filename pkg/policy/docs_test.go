package policy

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// TestReferenceIsTrue runs the example cases of docs/policy.md against its example policy, and holds its
// tables to the keys there are.
func TestReferenceIsTrue(t *testing.T) {
	text, err := os.ReadFile("../../docs/policy.md")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("docs/policy.md is not beside this module")
	}
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]string{}
	for _, m := range regexp.MustCompile("(?s)```yaml\n# (\\w+\\.yaml): (.*?)```").FindAllStringSubmatch(string(text), -1) {
		blocks[m[1]] = "# " + m[2]
	}
	policy, err := Parse("policy.yaml", []byte(blocks["policy.yaml"]))
	if err != nil {
		t.Fatal(err)
	}
	cases, err := ReadCases("cases.yaml", []byte(blocks["cases.yaml"]))
	if err != nil {
		t.Fatal(err)
	}
	results, err := cases.Run(policy, find)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if !r.Passed {
			t.Errorf("%s: %+v", r.Name, r.Differences)
		}
	}
	for _, v := range []any{document{}, Class{}, Limits{}, Soak{}, Approvals{}, Rule{}, Window{}, Cases{}, Case{}, Expect{}} {
		for i := range reflect.TypeOf(v).NumField() {
			key, _, _ := strings.Cut(reflect.TypeOf(v).Field(i).Tag.Get("yaml"), ",")
			if key != "" && !regexp.MustCompile(`[\x60.…]`+key+`[\x60.]`).Match(text) {
				t.Errorf("the reference does not name %s of %T", key, v)
			}
		}
	}
}
