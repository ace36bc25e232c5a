package waiver

import (
	"maps"
	"slices"
	"strings"
	"unicode"
)

// samePerson says whether two texts name one person, whatever their case and spaces: as a whole, or by the
// name or the address of "Ana Berg <ana@bank.example>".
func samePerson(a, b string) bool {
	known := called(a)
	for name := range called(b) {
		if known[name] {
			return true
		}
	}
	return false
}

func called(text string) map[string]bool {
	folded := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return seen(fold(r))
	}, text)
	out := map[string]bool{folded: true}
	if name, rest, ok := strings.Cut(folded, "<"); ok {
		out[name], out[strings.TrimSuffix(rest, ">")] = true, true
	}
	for _, name := range slices.Collect(maps.Keys(out)) {
		if box, host, ok := strings.Cut(name, "@"); ok { // ana+x@ and ana@ are one mailbox (RFC 5233)
			box, _, _ = strings.Cut(box, "+")
			out[box+"@"+host] = true
		}
	}
	maps.DeleteFunc(out, func(name string, _ bool) bool { return name == "" })
	return out
}

// fold is one rune for all that differ in case only: ſ and S, K (kelvin) and k.
func fold(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return least
}

// blank are signs that count as printed and show nothing: fillers, the empty Braille cell, joiners and selectors.
var blank = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x034F, Hi: 0x034F, Stride: 1}, {Lo: 0x115F, Hi: 0x1160, Stride: 1}, {Lo: 0x17B4, Hi: 0x17B5, Stride: 1}, {Lo: 0x180B, Hi: 0x180F, Stride: 1},
		{Lo: 0x2800, Hi: 0x2800, Stride: 1}, {Lo: 0x3164, Hi: 0x3164, Stride: 1}, {Lo: 0xFE00, Hi: 0xFE0F, Stride: 1}, {Lo: 0xFFA0, Hi: 0xFFA0, Stride: 1}},
	R32: []unicode.Range32{{Lo: 0xE0100, Hi: 0xE01EF, Stride: 1}},
}

// accentApart says whether an accent follows a letter of an alphabet that has its accented letters as one sign.
func accentApart(text string) bool {
	var before rune
	for _, r := range text {
		if unicode.Is(unicode.Mn, r) && unicode.In(before, unicode.Latin, unicode.Greek, unicode.Cyrillic) {
			return true
		}
		before = r
	}
	return false
}

// twins are letters of other alphabets that look as Latin ones do (Unicode TS 39), each before its twin, all as
// fold leaves them.
var twins = func() map[rune]rune {
	out := map[rune]rune{}
	pairs := []rune("аaвbсcԁdеeѐèёëһhнhіiїïјjкkмmоoрpԛqѕsтtуyхxԝw" + "αaβbεeηhιiκkμmνvοoρpτtυyχxζz" + "օoհhսuոnցgզq" + "ıiɡgɑa")
	for i := 0; i < len(pairs); i += 2 {
		out[fold(pairs[i])] = fold(pairs[i+1])
	}
	return out
}()

// seen is the letter a reader takes a folded one for.
func seen(r rune) rune {
	if r >= 0xFF01 && r <= 0xFF5E { // full width
		r = fold(r - 0xFEE0)
	}
	if twin, ok := twins[r]; ok {
		return twin
	}
	return r
}
