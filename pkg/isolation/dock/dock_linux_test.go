package dock

import (
	"bytes"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == ChildArg {
		os.Exit(ChildMain())
	}
	os.Exit(m.Run())
}

func TestSmoke(t *testing.T) {
	for _, o := range Offers(t.Context()) {
		t.Logf("%+v", o)
		if !o.Available {
			continue
		}
		d, _ := at(t.Context(), o.Level)
		var out, errs bytes.Buffer
		r, err := d.Run(t.Context(), Command{Path: "sh", Args: []string{"-c", "id; ls -la / /dev; cat /proc/self/status | grep -E 'Cap|NoNew|Seccomp'; env; df -i $HOME; pwd; ls /proc"}, Stdout: &out, Stderr: &errs})
		t.Logf("%+v %v\n%s\n%s", r, err, out.String(), errs.String())
	}
}
