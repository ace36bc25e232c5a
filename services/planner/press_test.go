package planner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/index"
	"pgregory.net/rapid"
)

// drawTape draws what an index could say, a few packages in a few states each.
func drawTape(rt *rapid.T) (tape, map[string]string) {
	t, pins := newTape(), map[string]string{}
	for _, name := range []string{"a", "b", `c"é</script>`} {
		switch state := rapid.IntRange(0, 4).Draw(rt, "page"); state {
		case 0:
		case 1:
			t.Pages[name] = page{Error: "no such package", Kind: kindUnknown}
		default:
			p := &index.Project{Name: name, Digest: fmt.Sprintf("sha256:%d", state), Index: rapid.SampledFrom([]string{"one", "two"}).Draw(rt, "index")}
			if state == 4 {
				p.Digest = ""
			}
			for v := range state {
				p.Releases = append(p.Releases, index.Release{Version: fmt.Sprintf("1.%d", v), Files: []index.File{{Name: name + ".whl", Hashes: map[string]string{"sha256": "ab"}}}})
			}
			if state == 4 && rapid.Bool().Draw(rt, "other") {
				p.Releases = p.Releases[:1]
			}
			t.Pages[name] = page{Project: p}
		}
		if rapid.Bool().Draw(rt, "pinned") {
			pins[name] = rapid.SampledFrom([]string{"1.0", "1.1"}).Draw(rt, "pin")
		}
		if rapid.Bool().Draw(rt, "metadata") {
			t.Metadata[name+"/f.whl"] = rapid.SampledFrom([]spoken{{Text: "Name: x\n"}, {Text: "Name: y\n"}, {Error: "away", Kind: kindUnreachable}}).Draw(rt, "text")
		}
		if rapid.Bool().Draw(rt, "asked") {
			t.Hits["PyPI/"+name+"@1.0"] = []advisory.Hit{}
			t.Misses["PyPI/"+name+"@2"] = missVersion
		}
	}
	return t, pins
}

// TestPressed: a tape reads as what it was written from, whatever was written before it, and comes out with the same bytes.
func TestPressed(t *testing.T) {
	used := pressing(2000) // some pieces, not all
	rapid.Check(t, func(rt *rapid.T) {
		said, pins := drawTape(rt)
		form := tapeForm{map[string]tapedPage{}, said.Metadata, said.Hits, said.Misses}
		for name, p := range said.Pages {
			form.Pages[name] = p.taped(pins[name])
		}
		want, err := json.Marshal(form)
		if err != nil {
			rt.Fatal(err)
		}
		fresh, err := said.pack(pins, newPress())
		if err != nil {
			rt.Fatal(err)
		}
		again, err := said.pack(pins, used)
		if err != nil || !bytes.Equal(fresh, again) {
			rt.Fatalf("other bytes with pieces that were kept (%v)", err)
		}
		back, err := unpackTape(again)
		if err != nil {
			rt.Fatal(err)
		}
		form = tapeForm{map[string]tapedPage{}, back.Metadata, back.Hits, back.Misses}
		for name, p := range back.Pages {
			form.Pages[name] = p.taped("")
		}
		if got, err := json.Marshal(form); err != nil || string(got) != string(want) {
			rt.Fatalf("%s (%v), want\n%s", got, err, want)
		}
		size := 0
		for e := used.order.Front(); e != nil; e = e.Next() {
			size += len(e.Value.(*piece).data)
		}
		if size != used.size || size > used.most || len(used.kept) != used.order.Len() {
			rt.Fatalf("%d bytes in %d pieces, %d noted, of %d", size, len(used.kept), used.size, used.most)
		}
	})
}

// TestPressedOnce: a page that was on a tape before is not written anew, whatever else is on the tape.
func TestPressedOnce(t *testing.T) {
	p, made := newPress(), 0
	write := func(name, digest string) {
		var out bytes.Buffer
		if err := p.member(&out, ",", name, func() any { made++; return strings.Repeat("x", 100) }, digest); err != nil {
			t.Fatal(err)
		}
	}
	write("a", "1")
	write("a", "1")
	if made != 1 {
		t.Errorf("made %d times", made)
	}
	write("a", "2")
	write("b", "1")
	if made != 3 {
		t.Errorf("others are the same: made %d times", made)
	}
}

// TestPressedAtOnce: several plans write at once.
func TestPressedAtOnce(t *testing.T) {
	p := pressing(3000)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			said := newTape()
			for n := range 50 {
				said.Metadata[fmt.Sprint("m", (n+i)%60)] = spoken{Text: fmt.Sprint("text ", (n+i)%60)}
			}
			data, err := said.pack(nil, p)
			if err != nil {
				t.Error(err)
				return
			}
			if back, err := unpackTape(data); err != nil || len(back.Metadata) != 50 {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
