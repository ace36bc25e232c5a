package resolution

import (
	"fmt"
	"strings"
	"testing"
)

func show(s Solution) string {
	var b strings.Builder
	for _, m := range s.Moves {
		fmt.Fprintf(&b, "%s %s>%s", m.Package, m.From, m.To)
		if m.Because != "" {
			fmt.Fprintf(&b, " (%s)", m.Because)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestFirst(t *testing.T) {
	w := newWorld(t, `
		flask 2.2.0 | werkzeug>=2.2,<3 | jinja2>=3.0
		flask 2.2.5 | werkzeug>=2.2.2 | jinja2>=3.0
		flask 3.0.0 | werkzeug>=3.0.0 | jinja2>=3.1.2
		werkzeug 2.2.0
		werkzeug 2.2.3 !is hit by CVE-2023-1
		werkzeug 3.0.0
		werkzeug 3.0.3
		jinja2 3.0.1
		jinja2 3.1.4
	`)
	for name, e := range map[string]Engine{"fake": &fake{}, "uv": realUV(t)} {
		t.Run(name, func(t *testing.T) {
			p := Problem{Pins: w.pin("flask==2.2.0 werkzeug==2.2.0 jinja2==3.0.1"), Wants: []string{"werkzeug"}, Complete: true, Env: linux}
			s, err := Solve(t.Context(), p, w, e)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%+v", s)
			t.Log(show(s))
		})
	}
}
