package application

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// TestReferenceIsTrue parses the examples of docs/applications.md, and holds its tables to the keys there are.
func TestReferenceIsTrue(t *testing.T) {
	data, err := os.ReadFile("../../docs/applications.md")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("docs/applications.md is not beside this module")
	}
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	example := func(mark string) string {
		_, after, _ := strings.Cut(text, "<!-- "+mark+" -->\n```yaml\n")
		block, _, ok := strings.Cut(after, "```\n")
		if !ok {
			t.Fatalf("there is no example %s", mark)
		}
		return block
	}
	if five := example("five"); strings.Count(five, "\n") != 5 || len(parse(t, five).Warnings()) > 0 {
		t.Errorf("an application of five lines: %q", five)
	}
	full := parse(t, example("full"))
	server, _ := full.Get("payments")
	e, found := Compose(server, repo(t, example("repository")), nil)
	if len(found) > 0 || len(full.Warnings()) > 0 || e.Merge != MergePerson {
		t.Errorf("%v %v %s", found, full.Warnings(), e.Merge)
	}
	for _, v := range []any{Application{}, Environment{}, Approvals{}, BeforeUpdate{}, HealthCheck{}, BackupCheck{}, repositoryDocument{}, Checks{}, Check{}} {
		for i := range reflect.TypeOf(v).NumField() {
			key, _, _ := strings.Cut(reflect.TypeOf(v).Field(i).Tag.Get("yaml"), ",")
			if key != "" && key != "-" && key != "schema" && !regexp.MustCompile("[`.…]"+key+"[`.]").MatchString(text) {
				t.Errorf("the reference does not name %s of %T", key, v)
			}
		}
	}
}
