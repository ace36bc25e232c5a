package proposal

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// md is Markdown that may stand in the text: our own words, or made of an outsider's by text, code or link. It
// never has a line break.
type md string

// text writes what an outsider wrote so that it shows as it is: no markup, link, mention or reference comes of it,
// and what it begins with starts no block.
func text(s string, most int) md { return escape(clean(s, most)) }

// code is text that people may want to copy: a path, a version, the name of a test.
func code(s string, most int) md {
	if s = clean(s, most); s == "" {
		return ""
	}
	return md("`" + strings.NewReplacer("`", "'", "|", "¦").Replace(s) + "`")
}

// clean makes s one line of printable characters that is not too long, and breaks up what forges act on even in
// the plain text of a commit's message.
func clean(s string, most int) string {
	if n := most * maxDross; len(s) > n {
		s = s[:n] + "…"
	}
	s = strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r
		}
		if unicode.IsSpace(r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
			return ' '
		}
		if !unicode.IsGraphic(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > most {
		s = strings.TrimSpace(string(r[:most-1])) + "…"
	}
	return defuse(s)
}

// What GitHub, GitLab and Gitea look for in any text: @team mentions, #1 !1 ~label %1.0 $1 &1 GH-1 refer, and with
// "fixes" before them close; an address becomes a link. &amp; is a character in Markdown. A space between breaks
// each, and stays readable.
var (
	sigils    = regexp.MustCompile(`[@#&~%][0-9A-Za-z_"-]|[!$][0-9]`)
	shorthand = regexp.MustCompile(`(?i)\b(gh-)([0-9])`)
	site      = regexp.MustCompile(`(?i)\b(www\.)([^ ])`)
	userinfo  = regexp.MustCompile(`://[^/?#\s]*@`)
)

func defuse(s string) string {
	s = userinfo.ReplaceAllString(s, "://")
	s = strings.ReplaceAll(s, "&#", "& #")
	s = sigils.ReplaceAllStringFunc(s, func(m string) string { return m[:1] + " " + m[1:] })
	s = shorthand.ReplaceAllString(s, "$1 $2")
	s = site.ReplaceAllString(s, "$1 $2")
	for strings.Contains(s, "//") {
		s = strings.ReplaceAll(s, "//", "/ /")
	}
	return s
}

// number is the start of a line that Markdown takes for the item of a list.
var number = regexp.MustCompile(`^[0-9]+[.)]( |$)`)

// escape writes s so that Markdown shows it as it is. It escapes no more than needed: people read it unrendered.
func escape(s string) md {
	var b strings.Builder
	r := []rune(s)
	start := len(strings.TrimRight(number.FindString(s), " ")) - 1 // the dot of "1. "
	at := func(i int) rune {
		if i < 0 || i >= len(r) {
			return ' '
		}
		return r[i]
	}
	for i, c := range r {
		switch {
		case strings.ContainsRune("\\`*[]|~$", c),
			c == '_' && !(word(at(i-1)) && word(at(i+1))),
			c == '<' && (unicode.IsLetter(at(i+1)) || strings.ContainsRune("/!?", at(i+1))),
			i == 0 && strings.ContainsRune("#+->=", c),
			i > 0 && i == start:
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return md(b.String())
}

func word(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// links are the addresses that a text refers to by name, as in [CVE-2024-3094]. They stand at its end, where they
// are in nobody's way.
type links struct {
	names []string
	to    map[string]string
}

// label is what names a link: nothing that Markdown or a forge could read otherwise.
var label = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]$`)

// link shows s, with a link if to is an address of the web. One name leads to one place, the first it was given.
func (l *links) link(s, to string) md {
	name := clean(s, maxName)
	if name != s || !label.MatchString(name) {
		return text(s, maxName)
	}
	key := strings.ToLower(name)
	if _, ok := l.to[key]; !ok {
		to = webAddress(to)
		if to == "" {
			return text(s, maxName)
		}
		if l.to == nil {
			l.to = map[string]string{}
		}
		l.to[key] = to
		l.names = append(l.names, name)
	}
	return md("[" + name + "]")
}

func (l *links) write(b *strings.Builder) {
	if len(l.names) == 0 {
		return
	}
	b.WriteString("\n")
	for _, n := range slices.Sorted(slices.Values(l.names)) {
		b.WriteString("[" + n + "]: " + l.to[strings.ToLower(n)] + "\n")
	}
}

// fragment is that of a section, not of an issue's number.
var fragment = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*$`)

// webAddress is s without credentials, in ASCII and fit for a link; "" for what is no address of the web. A long one is
// dropped, not cut: it would lead elsewhere.
func webAddress(s string) string {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Opaque != "" {
		return ""
	}
	u.User = nil
	if !fragment.MatchString(u.Fragment) {
		u.Fragment, u.RawFragment = "", ""
	}
	s = u.String()
	var b strings.Builder
	for _, c := range []byte(s) {
		if c <= ' ' || c >= utf8.RuneSelf || strings.IndexByte("\x7f<>\"'`\\^{}|@()[]*!$", c) >= 0 {
			b.WriteString("%" + strings.ToUpper(hexByte(c)))
			continue
		}
		b.WriteByte(c)
	}
	if b.Len() > maxAddress {
		return ""
	}
	return b.String()
}

func hexByte(c byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[c>>4], digits[c&15]})
}
