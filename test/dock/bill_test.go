package dock

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// The bill of materials says what requires what of what is installed: the application what its manifests name, with the
// extras they ask for, and each package what its metadata asks for here.
func TestBillSaysWhatRequiresWhat(t *testing.T) {
	w := newWorld(t, map[string]string{
		"requirements.in": "broker[queue]\nlib\n",
		"requirements.txt": "broker==1.0\n    # via -r requirements.in\nhelper==1.0\n    # via broker\nlib==1.0\n    # via -r requirements.in\n" +
			"queue-driver==1.0\n    # via broker\n",
		"pay.py": "",
	})
	for _, v := range []string{"1.0", "1.1"} {
		w.index.Library("broker", v, "", "Helper>=1", "queue_driver[all]; extra == 'queue'", "winonly; sys_platform == 'win32'", "other; extra == 'more'")
	}
	w.index.Library("helper", "1.0", "")
	w.index.Library("queue-driver", "1.0", "", "queue-driver[fast]; extra == 'all'", "lib; extra == 'fast'", "broker")
	w.advise("broker", "1.1", "")
	c := w.proposed()
	bill := w.evidence(c.Sealed.Bill)
	var bom struct {
		Dependencies []struct {
			Ref       string    `json:"ref"`
			DependsOn *[]string `json:"dependsOn"`
		} `json:"dependencies"`
		Compositions []struct {
			Aggregate    string   `json:"aggregate"`
			Assemblies   []string `json:"assemblies"`
			Dependencies []string `json:"dependencies"`
		} `json:"compositions"`
	}
	if err := json.Unmarshal(bill, &bom); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range bom.Dependencies {
		if d.DependsOn == nil {
			t.Fatalf("no row of %s: %s", d.Ref, bill)
		}
		got = append(got, strings.ReplaceAll(d.Ref+" > "+strings.Join(*d.DependsOn, " "), "pkg:pypi/", ""))
	}
	want := []string{"artifact > broker@1.1 lib@1.0", "broker@1.1 > helper@1.0 queue-driver@1.0", "helper@1.0 > ", "lib@1.0 > ", "queue-driver@1.0 > broker@1.1 lib@1.0"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), bill)
	}
	if len(bom.Compositions) != 2 || bom.Compositions[0].Aggregate != "complete" || bom.Compositions[1].Aggregate != "complete" || len(bom.Compositions[1].Dependencies) != 5 {
		t.Errorf("compositions: %s", bill)
	}
}
