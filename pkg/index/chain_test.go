package index

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// faults are what an index can do when it is asked for a package; those with a status are a plain one.
var faults = map[string]http.HandlerFunc{
	"401": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) },
	"403": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) },
	"500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
	"302": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://elsewhere.invalid/")
		w.WriteHeader(302)
	},
	"HTML only": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
	"no JSON":   func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, "{") },
	"down": func(w http.ResponseWriter, _ *http.Request) {
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			c.Close()
		}
	},
}

// The first index that knows a name answers for it alone; one that fails stops the search; only "not found" goes on.
func TestChain(t *testing.T) {
	s := openShop(t)
	doing := []string{"404", "knows"}
	for name := range faults {
		doing = append(doing, name)
	}
	var run int
	rapid.Check(t, func(t *rapid.T) {
		run++
		table := rapid.SliceOfN(rapid.SampledFrom(doing), 1, 4).Draw(t, "what each index does")
		name := rapid.SampledFrom([]string{"demo", "Demo.X", "acme-core"}).Draw(t, "name")
		normal := strings.ReplaceAll(strings.ToLower(name), ".", "-")
		var clients []*Client
		want := -1 // the index that decides
		for i, does := range table {
			path := fmt.Sprintf("/%d/%d/", run, i)
			file := fmt.Sprintf("%s-1.%d-py3-none-any.whl", strings.ReplaceAll(normal, "-", "_"), i)
			s.mu.Lock()
			if does == "knows" {
				s.page[path+normal+"/"] = pageOf(normal, offered{Filename: file, URL: file, Hashes: hashed(nil)})
				s.file[path+normal+"/"+file] = []byte{}
			} else if faults[does] != nil {
				s.own[path+normal+"/"] = faults[does]
			}
			s.mu.Unlock()
			if want < 0 && does != "404" {
				want = i
			}
			url := strings.Replace(s.root, "http://", "http://ana:s3cret@", 1) + path
			clients = append(clients, NewClient(Config{URL: url, Netrc: "-", Tries: 1, Timeout: time.Hour}))
		}
		chain := NewChain(clients...)
		before := len(s.asked())
		p, err := chain.Project(t.Context(), name)
		asked := s.asked()[before:]
		decides := want
		if want < 0 {
			decides = len(table) - 1
		}
		if n := len(asked); n != decides+1 && table[decides] != "down" { // net/http asks once more when a connection breaks
			t.Fatalf("asked %v", asked)
		}
		for _, a := range asked {
			for i := decides + 1; i < len(table); i++ {
				if strings.Contains(a, fmt.Sprintf("/%d/%d/", run, i)) {
					t.Fatalf("asked %v, index %d decides", asked, decides)
				}
			}
		}
		digest, known := chain.Digest(t.Context(), name)
		switch {
		case want < 0:
			if !errors.Is(err, ErrUnknownProject) || !strings.Contains(err.Error(), clients[0].URL()) || known {
				t.Fatalf("none knows it: %v, digest %q", err, digest)
			}
		case table[want] == "knows":
			if err != nil || p.Index != clients[want].URL() || p.Releases[0].Version != fmt.Sprintf("1.%d", want) || !known || digest != p.Digest || p.Page != p.Index+normal+"/" {
				t.Fatalf("%+v %v, digest %q", p, err, digest)
			}
			var b bytes.Buffer
			if err := chain.Fetch(t.Context(), p, p.Releases[0].Files[0], &b); err != nil {
				t.Fatal(err)
			}
		default:
			if !errors.Is(err, ErrUnreachable) || errors.Is(err, ErrUnknownProject) || !strings.Contains(err.Error(), clients[want].URL()) || known {
				t.Fatalf("%s: %v, digest %q", table[want], err, digest)
			}
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Fatal(err)
		}
	})
}

// An index that does not answer in time may know the name.
func TestChainWaits(t *testing.T) {
	s := openShop(t)
	s.own["/private/demo/"] = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	s.page["/public/demo/"] = pageOf("demo", offered{Filename: wheelName, URL: "x"})
	chain := NewChain(NewClient(Config{URL: s.root + "/private/", Netrc: "-", Tries: 1, Timeout: 20 * time.Millisecond}), client(s.root+"/public/"))
	if p, err := chain.Project(t.Context(), "demo"); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "/private/") {
		t.Errorf("%+v %v", p, err)
	}
}

// What an index said is forgotten with time: a name that it comes to know is its own from then on.
func TestChainNotices(t *testing.T) {
	s, dir := openShop(t), t.TempDir()
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	open := func(credentials string) *Chain {
		private := strings.Replace(s.root, "http://", "http://"+credentials, 1) + "/private/"
		clock := func() time.Time { return now }
		return NewChain(NewClient(Config{URL: private, Netrc: "-", Tries: 1, Timeout: time.Hour, CacheDir: dir, Now: clock}), NewClient(Config{URL: s.root + "/public/", Netrc: "-", Tries: 1, CacheDir: dir, Now: clock}))
	}
	s.page["/public/demo/"] = pageOf("demo", offered{Filename: wheelName, URL: "x"})
	from := func(c *Chain) string {
		t.Helper()
		p, err := c.Project(t.Context(), "demo")
		if err != nil {
			t.Fatal(err)
		}
		if digest, known := c.Digest(t.Context(), "demo"); !known || digest != p.Digest {
			t.Errorf("digest %q %v, want %s", digest, known, p.Digest)
		}
		return strings.TrimPrefix(p.Index, s.root)
	}
	if got := from(open("")); got != "/public/" {
		t.Errorf("from %s", got)
	}
	if got, n := from(open("")), len(s.asked()); got != "/public/" || n != 2 {
		t.Errorf("from %s again, asked %v", got, s.asked())
	}
	s.page["/private/demo/"] = pageOf("demo", offered{Filename: wheelName, URL: "y"})
	if got := from(open("ana:s3cret@")); got != "/private/" {
		t.Errorf("with credentials, which may see more, from %s", got)
	}
	delete(s.page, "/private/demo/")
	now = now.Add(time.Hour)
	if got := from(open("")); got != "/public/" {
		t.Errorf("withdrawn, from %s", got)
	}
	s.page["/private/demo/"] = pageOf("demo", offered{Filename: wheelName, URL: "z"})
	now = now.Add(time.Hour)
	if got := from(open("")); got != "/private/" {
		t.Errorf("later from %s", got)
	}
}

func TestChainKnowsItsOwn(t *testing.T) {
	chain := NewChain(client("http://127.0.0.1:9/simple/"))
	p := &Project{Name: "demo", Index: "http://other.example/simple/"}
	_, err := chain.Metadata(t.Context(), p, File{Name: wheelName})
	if !errors.Is(err, ErrUnreadable) || !strings.Contains(err.Error(), "none of the configured indexes") {
		t.Error(err)
	}
	if err := chain.Fetch(t.Context(), p, File{Name: wheelName}, nil); !errors.Is(err, ErrUnreadable) {
		t.Error(err)
	}
	if _, known := chain.Digest(t.Context(), "../etc"); known {
		t.Error("knows a path")
	}
}

func TestRetryAfter(t *testing.T) {
	for header, want := range map[string][2]time.Duration{
		"": {0, 0}, "-1": {0, 0}, "2": {2 * time.Second, 2 * time.Second}, "999999999999": {maxRetryAfter, maxRetryAfter}, "soon": {0, 0},
		time.Now().Add(time.Hour).UTC().Format(http.TimeFormat):  {maxRetryAfter, maxRetryAfter},
		time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat): {0, 0},
	} {
		if got := retryAfter(&http.Response{Header: http.Header{"Retry-After": {header}}}); got < want[0] || got > want[1] {
			t.Errorf("%q: %s", header, got)
		}
	}
}

// What is kept in memory is bounded, and the page just read stays.
func TestKeepIsBounded(t *testing.T) {
	c := client("http://127.0.0.1:9/")
	for i := range 100 {
		c.keep(fmt.Sprint(i%60), &entry{size: maxKept / 10})
		total := 0
		for _, e := range c.kept {
			total += e.size
		}
		if total > maxKept || total != c.size || c.kept[fmt.Sprint(i%60)] == nil {
			t.Fatalf("%d bytes, %d counted", total, c.size)
		}
	}
	c.keep("huge", &entry{size: 2 * maxKept})
	if len(c.kept) != 1 || c.size != 2*maxKept {
		t.Errorf("%d kept", len(c.kept))
	}
}
