package pep440

import "strings"

// parser walks the grammar of PEP 440, appendix B, without regexp: it runs for every event of every range.
type parser struct{ rest string }

func (p *parser) version() (v Version, ok bool) {
	p.literal("v")
	start := p.rest
	number := p.digits()
	if number == "" {
		return v, false
	}
	if p.literal("!") {
		v.epoch, start = number, p.rest
		if p.digits() == "" {
			return v, false
		}
	}
	v.release = start[:len(start)-len(p.release())]
	p.preRelease(&v)
	p.postRelease(&v)
	if p.word("dev") {
		v.hasDev, v.dev = true, p.digits()
	}
	if p.literal("+") {
		if v.local = p.rest; !isLocal(v.local) {
			return v, false
		}
		p.rest = ""
	}
	return v, true
}

// release consumes the further ".digits" of a release and returns what is left.
func (p *parser) release() string {
	for len(p.rest) > 1 && p.rest[0] == '.' && isDigit(p.rest[1]) {
		p.rest = p.rest[1:]
		p.digits()
	}
	return p.rest
}

func (p *parser) preRelease(v *Version) {
	// Longer words first: "alpha" before "a". The first letter rules most out.
	for _, w := range [...]struct {
		word string
		kind preKind
	}{{"alpha", preAlpha}, {"a", preAlpha}, {"beta", preBeta}, {"b", preBeta}, {"preview", preRC}, {"pre", preRC}, {"rc", preRC}, {"c", preRC}} {
		if p.word(w.word) {
			v.kind, v.pre = w.kind, p.digits()
			return
		}
	}
}

func (p *parser) postRelease(v *Version) {
	if len(p.rest) > 1 && p.rest[0] == '-' && isDigit(p.rest[1]) {
		p.rest = p.rest[1:]
		v.hasPost, v.post = true, p.digits()
		return
	}
	for _, w := range [...]string{"post", "rev", "r"} {
		if p.word(w) {
			v.hasPost, v.post = true, p.digits()
			return
		}
	}
}

// word consumes an optional separator, the word, and another optional separator.
func (p *parser) word(w string) bool {
	rest := p.rest
	if rest != "" && isSeparator(rest[0]) {
		rest = rest[1:]
	}
	rest, ok := strings.CutPrefix(rest, w)
	if !ok {
		return false
	}
	if rest != "" && isSeparator(rest[0]) {
		rest = rest[1:]
	}
	p.rest = rest
	return true
}

func (p *parser) literal(s string) bool {
	rest, ok := strings.CutPrefix(p.rest, s)
	if ok {
		p.rest = rest
	}
	return ok
}

func (p *parser) digits() string {
	n := 0
	for n < len(p.rest) && isDigit(p.rest[n]) {
		n++
	}
	d := p.rest[:n]
	p.rest = p.rest[n:]
	return d
}

// isLocal checks [a-z0-9]+([-_.][a-z0-9]+)*.
func isLocal(s string) bool {
	separated := true
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case isDigit(c) || 'a' <= c && c <= 'z':
			separated = false
		case isSeparator(c) && !separated:
			separated = true
		default:
			return false
		}
	}
	return !separated
}

func isDigit(c byte) bool     { return '0' <= c && c <= '9' }
func isSeparator(c byte) bool { return c == '-' || c == '_' || c == '.' }

// lower is strings.ToLower for ASCII only: 'K' (Kelvin) must not become 'k'.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// clip keeps error messages short.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
