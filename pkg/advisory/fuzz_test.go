package advisory

import (
	"bytes"
	"context"
	"testing"
)

// FuzzRecord: whatever a record says, it is refused or indexed without a panic, and a snapshot gives back
// what was put in.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(pypi("PYSEC-1", "demo", ranged("introduced=0 fixed=1", "introduced=2004d limit=3")+`,"versions":["1","x"]`, aliases("CVE-1"), vector98)), "0.5")
	f.Add([]byte(`{"id":"A","affected":[{"package":{"ecosystem":"PyPI","name":"demo"},"ranges":[{"type":"SEMVER","events":[{},{"fixed":""}]}]}],"withdrawn":"x"}`), "")
	f.Add([]byte(`{"id":"A","aliases":["A",""],"severity":[{"type":"CVSS_V4","score":"CVSS:4.0/"}],"database_specific":[1]}`), "1")
	f.Add([]byte(`{"id":"\ud800","affected":null}`), "1")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		for _, ecosystem := range Ecosystems() {
			r, err := parseRecord(data, ecosystem)
			if err != nil {
				return
			}
			packages := groupRecords([]record{r, {id: "X-1", aliases: r.aliases, rating: r.rating, affected: r.affected}})
			encoded := encodeSnapshot(&summary{ecosystem: ecosystem, digest: "sha256:x"}, packages)
			s, err := openSnapshot(bytes.NewReader(encoded), int64(len(encoded)))
			if err != nil || s.len() != len(packages) {
				t.Fatal(err)
			}
			scheme := schemeOf(ecosystem)
			v, err := scheme.parse(text)
			q := query{scheme: scheme, text: text, version: &v, readable: err == nil}
			if public := v.public(); q.readable {
				q.public = &public
			}
			for i := range packages {
				if s.find(packages[i].name) != i {
					t.Fatalf("%q is not found", packages[i].name)
				}
				vs, err := s.read(i)
				if err != nil || len(vs) != len(packages[i].vulnerabilities) {
					t.Fatalf("%q: %v", packages[i].name, err)
				}
				for j := range vs {
					_, a := q.judge(&vs[j])
					_, b := q.judge(&packages[i].vulnerabilities[j])
					if a != b {
						t.Errorf("%s %s: the snapshot says %v", packages[i].name, text, a)
					}
				}
			}
		}
	})
}

// FuzzArchive: a zip from outside is refused or read, never a panic, never beyond its limits.
func FuzzArchive(f *testing.F) {
	f.Add(zipOf(f, recordOne, recordTwo))
	f.Add(zipOf(f, recordOne, "garbage", partialMarker+"\x00"))
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := openArchive(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		if _, err := a.detect(context.Background()); err != nil {
			return
		}
		encoded, err := compile(context.Background(), a, "PyPI", "sha256:x", nil)
		if err != nil {
			return
		}
		if _, err := openSnapshot(bytes.NewReader(encoded), int64(len(encoded))); err != nil {
			t.Error(err)
		}
	})
}

// FuzzSnapshot: a cache that anybody may have written to is damaged or read, never a panic.
func FuzzSnapshot(f *testing.F) {
	r, err := parseRecord([]byte(recordOne), "PyPI")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encodeSnapshot(&summary{ecosystem: "PyPI", digest: "sha256:x", reasons: []string{"a"}}, groupRecords([]record{r})))
	f.Fuzz(func(_ *testing.T, data []byte) {
		d := decoder{s: string(data)}
		d.vulnerabilities()
		s, err := openSnapshot(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		for i := range s.len() {
			s.find(s.name(i))
			_, _ = s.read(i)
		}
	})
}

// FuzzSemver: a total order.
func FuzzSemver(f *testing.F) {
	f.Add("1.0.0-rc.1", "1.0.0", "go1.21rc2")
	f.Add("1.0.0-1", "1.0.0-a", "1.0.0-a.1")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		x, ok := parseSemver(goRelease(a))
		y, ok2 := parseSemver(goRelease(b))
		z, ok3 := parseSemver(goRelease(c))
		if !ok || !ok2 || !ok3 {
			return
		}
		if x.compare(&x) != 0 || x.compare(&y) != -y.compare(&x) || x.compare(&y) <= 0 && y.compare(&z) <= 0 && x.compare(&z) > 0 {
			t.Errorf("%q %q %q: no order", a, b, c)
		}
	})
}

// FuzzLists: KEV and EPSS lists from outside.
func FuzzLists(f *testing.F) {
	f.Add([]byte(kevText))
	f.Add([]byte(epssText))
	f.Add(gzipped(f, epssText))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, kind := range []listKind{kevList, epssList} {
			encoded, err := kind.compile(data)
			if l := (&list{kind: kind}); err == nil && !l.load(encoded) {
				t.Error("what was encoded can't be loaded")
			}
		}
	})
}
