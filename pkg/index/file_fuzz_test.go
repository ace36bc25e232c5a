package index

import (
	"bytes"
	"errors"
	"testing"
)

// Whatever a wheel or source distribution holds: metadata within its bound, or an error of its kind.
func FuzzWheel(f *testing.F) {
	f.Add(wheelOf(f, "demo.py", "", info, facts10))
	f.Add(wheelOf(f, info, facts10, "demo.bin", noise(300)))
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := wheelMetadata("read it", "demo", bytes.NewReader(data), int64(len(data)))
		judgeFuzz(t, got, err)
		got, err = zipInfo("read it", bytes.NewReader(data), int64(len(data)))
		judgeFuzz(t, got, err)
	})
}

func FuzzSdist(f *testing.F) {
	f.Add(sdistOf(f, "demo-1.0/setup.py", "", "demo-1.0/PKG-INFO", facts10))
	f.Add(sdistOf(f, "demo-1.0/PKG-INFO", "->x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range []string{"demo-1.0.tar.gz", "demo-1.0.tar.bz2", "demo-1.0.tar.xz"} {
			got, err := sdistInfo("read it", name, bytes.NewReader(data), int64(len(data)))
			judgeFuzz(t, got, err)
		}
	})
}

func judgeFuzz(t *testing.T, got []byte, err error) {
	t.Helper()
	if len(got) > maxMetadata || err == nil && looksRight("", got) != nil || err != nil && (!errors.Is(err, ErrNoMetadata) || got != nil) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

func FuzzContentRange(f *testing.F) {
	f.Add("bytes 0-9/10")
	f.Add("bytes */10")
	f.Fuzz(func(t *testing.T, s string) {
		if first, total, ok := contentRange(s); ok && (first < 0 || first >= total) {
			t.Fatalf("%q: %d of %d", s, first, total)
		}
	})
}
