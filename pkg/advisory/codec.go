package advisory

import (
	"encoding/binary"
	"math"
)

// encoder writes a block: varints and strings with their length. The same advisories give the same bytes.
type encoder struct{ b []byte }

func (e *encoder) uint(n uint64) { e.b = binary.AppendUvarint(e.b, n) }
func (e *encoder) int(n int64)   { e.b = binary.AppendVarint(e.b, n) }
func (e *encoder) string(s string) {
	e.uint(uint64(len(s)))
	e.b = append(e.b, s...)
}

func (e *encoder) strings(all []string) {
	e.uint(uint64(len(all)))
	for _, s := range all {
		e.string(s)
	}
}

func (e *encoder) rating(r rating) {
	e.string(r.vector)
	if r.known() {
		e.uint(math.Float64bits(r.score))
		e.uint(uint64(rank(r.level)))
	}
}

func (e *encoder) vulnerability(v *vulnerability) {
	e.string(v.id)
	e.strings(v.ids)
	e.uint(uint64(order(v.malicious)))
	e.string(v.title)
	e.string(v.url)
	e.int(v.published)
	e.int(v.modified)
	e.rating(v.rating)
	e.string(v.from)
	e.string(v.level)
	e.string(v.levelFrom)
	e.uint(uint64(len(v.entries)))
	for i := range v.entries {
		en := &v.entries[i]
		e.string(en.id)
		e.rating(en.rating)
		e.string(en.level)
		e.strings(en.versions)
		e.uint(uint64(len(en.ranges)))
		for j := range en.ranges {
			e.events(en.ranges[j].events)
			e.events(en.ranges[j].limits)
		}
	}
}

func (e *encoder) events(all []event) {
	e.uint(uint64(len(all)))
	for i := range all {
		ev := &all[i]
		e.uint(uint64(ev.kind)<<1 | uint64(order(ev.first)))
		e.b = binary.LittleEndian.AppendUint64(e.b, ev.key)
		e.string(ev.text)
	}
}

// decoder reads what encoder wrote. Strings are parts of the block. Damage sets bad and ends in zero values.
type decoder struct {
	s   string
	bad bool
}

func (d *decoder) uint() uint64 {
	var n uint64
	for i, shift := 0, 0; i < len(d.s) && shift < 64; i, shift = i+1, shift+7 {
		c := d.s[i]
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			d.s = d.s[i+1:]
			return n
		}
	}
	d.bad, d.s = true, ""
	return 0
}

func (d *decoder) int() int64 {
	n := d.uint()
	return int64(n>>1) ^ -int64(n&1)
}

func (d *decoder) string() string {
	n := d.uint()
	if n > uint64(len(d.s)) {
		d.bad, d.s = true, ""
		return ""
	}
	s := d.s[:n]
	d.s = d.s[n:]
	return s
}

// count reads a length; each thing counted takes a byte at least, so no damage asks for more memory than that.
func (d *decoder) count() int {
	n := d.uint()
	if n > uint64(len(d.s)) {
		d.bad, d.s = true, ""
		return 0
	}
	return int(n)
}

func (d *decoder) strings() []string {
	n := d.count()
	if n == 0 {
		return nil
	}
	all := make([]string, n)
	for i := range all {
		all[i] = d.string()
	}
	return all
}

func (d *decoder) rating() (r rating) {
	if r.vector = d.string(); r.vector == "" {
		return r
	}
	r.score = math.Float64frombits(d.uint())
	if n := d.uint(); n < uint64(len(levels)) {
		r.level = levels[n]
	} else {
		d.bad = true
	}
	return r
}

func (d *decoder) vulnerabilities() []vulnerability {
	all := make([]vulnerability, d.count())
	for i := range all {
		d.vulnerability(&all[i])
	}
	if d.s != "" {
		d.bad = true
	}
	return all
}

func (d *decoder) vulnerability(v *vulnerability) {
	v.id = d.string()
	v.ids = d.strings()
	v.malicious = d.uint() == 1
	v.title, v.url = d.string(), d.string()
	v.published, v.modified = d.int(), d.int()
	v.rating, v.from = d.rating(), d.string()
	v.level, v.levelFrom = d.string(), d.string()
	v.entries = make([]entry, d.count())
	for i := range v.entries {
		en := &v.entries[i]
		en.id = d.string()
		en.rating, en.level = d.rating(), d.string()
		en.versions = d.strings()
		en.ranges = make([]versionRange, d.count())
		for j := range en.ranges {
			en.ranges[j].events = d.events()
			en.ranges[j].limits = d.events()
		}
	}
}

func (d *decoder) events() []event {
	n := d.count()
	if n == 0 {
		return nil
	}
	all := make([]event, n)
	for i := range all {
		flags := d.uint()
		all[i] = event{kind: eventKind(flags >> 1), first: flags&1 != 0, key: d.fixed(), text: d.string()}
	}
	return all
}

// fixed reads eight bytes.
func (d *decoder) fixed() (n uint64) {
	if len(d.s) < 8 {
		d.bad, d.s = true, ""
		return 0
	}
	for i := range 8 {
		n |= uint64(d.s[i]) << (8 * i)
	}
	d.s = d.s[8:]
	return n
}
