package manifest

import (
	"regexp"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/report"
)

// style is how a file writes its requirements. What a file shows no example of is written as pip-compile and uv
// write it.
type style struct {
	end    string // of a line
	hashed bool
	first  string // what stands before the first hash
	next   string // and before the others
	join   string // "--hash=" or "--hash "
	indent string // of a comment below a requirement
	inline bool   // the comment stands on the line of the requirement
	commas bool   // all names on one line

	sorted bool // alphabetical
	last   int  // the number of lines that added pins may follow: those after are set apart
}

// unsafe begins the part in which pip-compile puts pip and setuptools.
var unsafe = regexp.MustCompile(`considered to be unsafe in a requirements file`)

func styleOf(lines []line) style {
	s := style{end: lineEnd(lines), join: "--hash=", indent: "    ", last: len(lines)}
	s.first = " \\" + s.end + "    "
	s.next = s.first
	seenHash, seenVia := false, false
	for i, l := range lines {
		if l.alone && unsafe.MatchString(l.comment) && s.last == len(lines) {
			s.last = i
		}
		if len(l.hashes) > 0 && !seenHash {
			seenHash, s.hashed = true, true
			s.first, s.join = l.hashes[0].gap, l.hashes[0].join
			s.next = l.hashes[min(1, len(l.hashes)-1)].gap
		}
		names, via := strings.CutPrefix(l.comment, "# via")
		if !via {
			continue
		}
		s.commas = s.commas || strings.Contains(names, ",")
		if !seenVia {
			seenVia, s.inline = true, !l.alone
			if l.alone {
				s.indent = string(l.raw[:strings.IndexByte(string(l.raw), '#')])
			} else {
				s.commas = true
			}
		}
	}
	s.sorted = alphabetical(lines[:s.last], pep440.Normalize) || alphabetical(lines[:s.last], strings.ToLower)
	return s
}

// lineEnd is the one most lines have.
func lineEnd(lines []line) string {
	count := map[string]int{}
	for _, l := range lines {
		for _, end := range []string{"\r\n", "\n", "\r"} {
			if strings.HasSuffix(string(l.raw), end) {
				count[end]++
				break
			}
		}
	}
	best := "\n"
	for _, end := range []string{"\r\n", "\r"} {
		if count[end] > count[best] {
			best = end
		}
	}
	return best
}

func alphabetical(lines []line, key func(string) string) bool {
	var names []string
	for _, l := range lines {
		if l.name != "" {
			written := nameForm.FindStringSubmatch(l.args)
			names = append(names, key(written[1]))
		}
	}
	return slices.IsSorted(names)
}

// place is the number of the line before which a pin belongs.
func (s style) place(lines []line, name string) int {
	name = pep440.Normalize(name)
	before, first := -1, -1
	for i, l := range lines[:s.last] {
		switch {
		case l.name == "":
		case s.sorted && l.name > name:
			if first < 0 {
				first = i
			}
		default:
			before = i
		}
	}
	switch {
	case before >= 0:
		return s.after(lines, before)
	case first >= 0:
		return s.above(lines, first)
	}
	return s.last // it requires nothing by name
}

// after is where what belongs to a requirement ends: the indented comments below it.
func (s style) after(lines []line, i int) int {
	for i++; i < s.last && lines[i].alone && lines[i].comment != ""; i++ {
		indented := strings.IndexByte(" \t", lines[i].raw[0]) >= 0
		if !indented && !strings.HasPrefix(lines[i].comment, "# via") && !strings.HasPrefix(lines[i].comment, "#   ") {
			break
		}
	}
	return i
}

// above is where a requirement begins: its own comment stands above it, unless that is the header of the file.
func (s style) above(lines []line, i int) int {
	top := i
	for top > 0 && lines[top-1].alone && lines[top-1].comment != "" {
		top--
	}
	if top == 0 {
		return i
	}
	return top
}

// block is a pin as the file would have it.
func (s style) block(u report.Update) string {
	var b strings.Builder
	b.WriteString(pep440.Normalize(u.Package) + "==" + u.To)
	if s.hashed {
		gap := s.first
		for _, h := range u.Hashes {
			b.WriteString(gap + s.join + h)
			gap = s.next
		}
	}
	through := slices.Sorted(slices.Values(u.Through))
	switch {
	case len(through) == 0:
	case s.inline && !s.hashed:
		b.WriteString("  # via " + list(through))
	case s.commas || len(through) == 1:
		b.WriteString(s.end + s.indent + "# via " + list(through))
	default:
		b.WriteString(s.end + s.indent + "# via")
		for _, name := range through {
			b.WriteString(s.end + s.indent + "#   " + name)
		}
	}
	b.WriteString(s.end)
	return b.String()
}
