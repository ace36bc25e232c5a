package planner

import (
	"errors"
	"fmt"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// truth is what is known of a marker: a value not known never counts as false.
type truth int8

const (
	untrue  truth = -1
	unknown truth = 0
	certain truth = 1
)

// target is the environment a plan is made for.
type target struct {
	Python   string // "3.11" or "3.11.7"; empty: not known
	Platform string // linux | darwin | win32
}

// platforms gives the marker variables of each sys.platform (PEP 508).
var platforms = map[string]map[string]string{
	"linux":  {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux"},
	"darwin": {"sys_platform": "darwin", "os_name": "posix", "platform_system": "Darwin"},
	"win32":  {"sys_platform": "win32", "os_name": "nt", "platform_system": "Windows"},
}

// lookup gives the value of a marker variable on the target; ok is false where it is not known. CPython is
// taken for granted: no other implementation is planned for.
func (t target) lookup(name string) (value string, ok bool) {
	name = strings.ReplaceAll(name, ".", "_") // os.name and the like, of before PEP 508
	if v, ok := platforms[t.Platform][name]; ok {
		return v, true
	}
	switch name {
	case "implementation_name":
		return "cpython", true
	case "platform_python_implementation", "python_implementation":
		return "CPython", true
	case "python_version":
		parts := strings.SplitN(t.Python, ".", 3)
		if len(parts) < 2 {
			return "", false
		}
		return parts[0] + "." + parts[1], true
	case "python_full_version":
		return t.Python, strings.Count(t.Python, ".") >= 2
	}
	return "", false
}

// evaluate judges a marker (PEP 508 §"Environment Markers") on the target. An empty marker is true. An
// error means that it can't be read; it then counts as unknown.
func (t target) evaluate(marker string) (truth, error) {
	if strings.TrimSpace(marker) == "" {
		return certain, nil
	}
	if len(marker) > maxMarker {
		return unknown, fmt.Errorf("marker of %d characters, at most %d", len(marker), maxMarker)
	}
	tokens, err := markerTokens(marker)
	if err != nil {
		return unknown, err
	}
	p := &markerParser{target: t, tokens: tokens}
	v, err := p.or(0)
	if err == nil && p.at < len(p.tokens) {
		err = fmt.Errorf("marker goes on with %q", p.tokens[p.at].text)
	}
	if err != nil {
		return unknown, err
	}
	return v, nil
}

type markerToken struct {
	text   string
	quoted bool
}

func markerTokens(s string) ([]markerToken, error) {
	var out []markerToken
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\\':
			i++
		case c == '(' || c == ')':
			out = append(out, markerToken{text: string(c)})
			i++
		case c == '\'' || c == '"':
			end := strings.IndexByte(s[i+1:], c)
			if end < 0 {
				return nil, errors.New("marker has a quote that does not end")
			}
			out = append(out, markerToken{text: s[i+1 : i+1+end], quoted: true})
			i += end + 2
		case strings.IndexByte("<>=!~", c) >= 0:
			n := len(s[i:]) - len(strings.TrimLeft(s[i:], "<>=!~"))
			out = append(out, markerToken{text: s[i : i+n]})
			i += n
		case isWordByte(c):
			n := 1
			for i+n < len(s) && isWordByte(s[i+n]) {
				n++
			}
			out = append(out, markerToken{text: s[i : i+n]})
			i += n
		default:
			return nil, fmt.Errorf("marker has a %q that does not belong there", string(c))
		}
	}
	return out, nil
}

func isWordByte(c byte) bool {
	return c == '_' || c == '.' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

type markerParser struct {
	target target
	tokens []markerToken
	at     int
}

func (p *markerParser) accept(word string) bool {
	if p.at < len(p.tokens) && !p.tokens[p.at].quoted && p.tokens[p.at].text == word {
		p.at++
		return true
	}
	return false
}

func (p *markerParser) or(depth int) (truth, error) {
	v, err := p.and(depth)
	for err == nil && p.accept("or") {
		var w truth
		w, err = p.and(depth)
		v = max(v, w)
	}
	return v, err
}

func (p *markerParser) and(depth int) (truth, error) {
	v, err := p.term(depth)
	for err == nil && p.accept("and") {
		var w truth
		w, err = p.term(depth)
		v = min(v, w)
	}
	return v, err
}

func (p *markerParser) term(depth int) (truth, error) {
	if depth > maxDepth {
		return unknown, errors.New("marker is nested too deeply")
	}
	if p.accept("(") {
		v, err := p.or(depth + 1)
		if err == nil && !p.accept(")") {
			err = errors.New("marker has a parenthesis that does not close")
		}
		return v, err
	}
	left, err := p.operand()
	if err != nil {
		return unknown, err
	}
	op, err := p.operator()
	if err != nil {
		return unknown, err
	}
	right, err := p.operand()
	if err != nil {
		return unknown, err
	}
	return p.target.compare(left, op, right)
}

func (p *markerParser) operand() (markerToken, error) {
	if p.at >= len(p.tokens) {
		return markerToken{}, errors.New("marker ends where a value should stand")
	}
	t := p.tokens[p.at]
	if !t.quoted && (!isWordByte(t.text[0]) || t.text == "and" || t.text == "or") {
		return t, fmt.Errorf("marker has %q where a value should stand", t.text)
	}
	p.at++
	return t, nil
}

func (p *markerParser) operator() (string, error) {
	for _, op := range []string{"==", "===", "!=", "<", "<=", ">", ">=", "~=", "in"} {
		if p.accept(op) {
			return op, nil
		}
	}
	if p.accept("not") {
		if p.accept("in") {
			return "not in", nil
		}
		return "", errors.New(`marker has "not" without "in"`)
	}
	return "", errors.New("marker has no comparison where one should stand")
}

// compare follows PEP 508: as versions where both sides are, else as text.
func (t target) compare(left markerToken, op string, right markerToken) (truth, error) {
	l, lok := t.value(left)
	r, rok := t.value(right)
	if !lok || !rok {
		return unknown, nil
	}
	var holds bool
	switch op {
	case "in":
		holds = strings.Contains(r, l)
	case "not in":
		holds = !strings.Contains(r, l)
	default:
		var err error
		if holds, err = compareValues(l, op, r); err != nil {
			return unknown, err
		}
	}
	if holds {
		return certain, nil
	}
	return untrue, nil
}

func (t target) value(tok markerToken) (string, bool) {
	if tok.quoted {
		return tok.text, true
	}
	return t.lookup(tok.text)
}

func compareValues(l, op, r string) (bool, error) {
	v, verr := pep440.Parse(l)
	spec, serr := pep440.ParseSpecifiers(op + r)
	if verr == nil && serr == nil {
		return spec.Contains(v, true), nil
	}
	switch op {
	case "==", "===":
		return l == r, nil
	case "!=":
		return l != r, nil
	case "<":
		return l < r, nil
	case "<=":
		return l <= r, nil
	case ">":
		return l > r, nil
	case ">=":
		return l >= r, nil
	}
	return false, fmt.Errorf("marker compares %q %s %q, which are not versions", l, op, r)
}

// fits reports whether a requires-python allows the target. Where the target is not known everything fits.
// A target of two parts stands for its first patch release: what needs a later one is not promised.
func (t target) fits(requires string) (bool, error) {
	if t.Python == "" || strings.TrimSpace(requires) == "" {
		return true, nil
	}
	v, err := pep440.Parse(t.Python)
	if err != nil {
		return false, fmt.Errorf("target Python: %w", err)
	}
	spec, err := pep440.ParseSpecifiers(requires)
	if err != nil {
		// ">=3.6.*" was common before PEP 440 was enforced; installers read it as ">=3.6".
		spec, err = pep440.ParseSpecifiers(withoutStars(requires))
	}
	if err != nil {
		return false, err
	}
	return spec.Contains(v, true), nil
}

func withoutStars(s string) string {
	clauses := strings.Split(s, ",")
	for i, c := range clauses {
		c = strings.TrimSpace(c)
		if strings.HasPrefix(c, ">") || strings.HasPrefix(c, "<") {
			c = strings.TrimSuffix(c, ".*")
		}
		clauses[i] = c
	}
	return strings.Join(clauses, ",")
}
