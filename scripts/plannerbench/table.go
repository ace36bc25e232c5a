package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// row is one situation with both verdicts.
type row struct {
	situation *situation
	before    []finding
	verdicts  []*verdict
}

func situationTable(rows []row) string {
	var b strings.Builder
	b.WriteString("| situation | findings | planner | installs | pip check | clean | pins changed | rest as it was | hashes | explained | what the machine noted |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|\n")
	good := map[string]int{}
	asked := map[string]int{}
	for _, r := range rows {
		title := r.situation.Title
		if r.situation.Ours != "" {
			title += " *(ours: " + r.situation.Ours + ")*"
		}
		found := fmt.Sprint(len(r.before))
		for _, v := range r.verdicts {
			asked[v.planner]++
			if v.good {
				good[v.planner]++
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", title, found, v.planner, v.installs, v.coherent, v.clean,
				pinsChanged(v.change), v.rest, v.hashes, v.explained, cell(v.remarks))
			title, found = "", ""
		}
		if r.situation.Alone != "" {
			fmt.Fprintf(&b, "| | | pip-audit | – | – | – | – | – | – | – | %s |\n", r.situation.Alone)
		}
	}
	b.WriteString("\nInstalls, coherent, hashes complete, nothing left without a word, every finding explained: ")
	for i, name := range slices.Sorted(maps.Keys(asked)) {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %d of %d", name, good[name], asked[name])
	}
	b.WriteString(".")
	if installed, written := phaseTotals(rows); written > 0 {
		fmt.Fprintf(&b, " Of the requirements files Drydock wrote for its phases, %d of %d install by themselves.", installed, written)
	}
	b.WriteString("\n")
	return b.String()
}

func phaseTotals(rows []row) (installed, written int) {
	for _, r := range rows {
		for _, v := range r.verdicts {
			var good, all int
			if _, err := fmt.Sscanf(v.phases, "%d/%d", &good, &all); err == nil {
				installed, written = installed+good, written+all
			}
		}
	}
	return installed, written
}

func pinsChanged(d difference) string {
	s := fmt.Sprint(len(d.changed))
	if n := len(d.added); n > 0 {
		s += fmt.Sprintf(" + %d new", n)
	}
	if n := len(d.removed); n > 0 {
		s += fmt.Sprintf(", %d gone", n)
	}
	return s
}

// cell makes remarks fit into a table.
func cell(remarks []string) string {
	s := strings.Join(remarks, "; ")
	s = strings.NewReplacer("|", "\\|", "\n", " ", "<", "&lt;", "`", "'").Replace(s)
	if loopback := strings.Index(s, "http://127.0.0.1"); loopback >= 0 {
		end := strings.IndexAny(s[loopback:], " ;)")
		if end < 0 {
			end = len(s) - loopback
		}
		s = s[:loopback] + "the index" + s[loopback+end:]
	}
	return s
}

// publish prints a table and puts it between its markers in the document.
func (b *bench) publish(name, text string) error {
	fmt.Println(text)
	if b.doc == "" || len(b.only) > 0 {
		return nil
	}
	data, err := os.ReadFile(b.doc)
	if err != nil {
		return fmt.Errorf("renew the tables: %w", err)
	}
	begin, end := []byte("<!-- begin "+name+" -->\n"), []byte("<!-- end "+name+" -->")
	i := bytes.Index(data, begin)
	j := bytes.Index(data, end)
	if i < 0 || j < i {
		return fmt.Errorf("renew the tables: %s has no markers for %s", b.doc, name)
	}
	renewed := slices.Concat(data[:i+len(begin)], []byte("\n"+text+"\n"), data[j:])
	return os.WriteFile(b.doc, renewed, 0o644)
}
