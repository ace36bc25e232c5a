package uv

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// server is the index that uv sees for one run: PEP 691 pages in which each offered release is one wheel for
// every target, whose metadata stands beside it (PEP 658) and which itself can't be had. It is also uv's proxy
// for everything else, which it refuses: what uv would ask of another host ends here and is told.
type server struct {
	offer  Offer
	ctx    context.Context // of the run
	cancel context.CancelFunc
	token  string
	http   *http.Server
	addr   string
	served sync.WaitGroup

	listener net.Listener

	mu       sync.Mutex
	closed   bool
	shelves  map[string]*shelf
	unusable map[string]string // "name version" to reason
	byURL    map[string]string // the word that stands for a requirement by URL, to its name
	failed   error             // of the Offer, the first
	strayed  string            // a host that uv tried to reach
}

// shelf is what one package offers.
type shelf struct {
	once    sync.Once
	offered []Offered
	names   []string       // canonical version of each
	place   map[string]int // of a canonical version
	err     error
}

// serve starts the server on a free port of the loopback interface. Its context ends when the Offer fails.
func serve(ctx context.Context, o Offer) (*server, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen on the loopback interface, where uv asks: %w", err)
	}
	s := &server{offer: o, token: rand.Text(), addr: ln.Addr().String(), listener: ln,
		shelves: map[string]*shelf{}, unusable: map[string]string{}, byURL: map[string]string{}}
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.http = &http.Server{Handler: s, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: headerTime}
	go func() { _ = s.http.Serve(ln) }() // ends with close
	return s, nil
}

// url is the root of the simple API.
func (s *server) url() string { return "http://" + s.addr + "/" + s.token + "/simple/" }

// close ends the server and waits for what it was asked last.
func (s *server) close() {
	s.cancel()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	_ = s.http.Close()
	_ = s.listener.Close() // which http does not know before it serves
	done := make(chan struct{})
	go func() { s.served.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(grace): // an Offer that does not heed its context must not hold the caller
	}
}

// fail ends the run with the Offer's error.
func (s *server) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil && s.ctx.Err() == nil {
		s.failed = err
		s.cancel()
	}
}

func (s *server) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// ServeHTTP answers TOKEN/simple/NAME/ and TOKEN/f/NAME/N.whl.metadata, and nothing else.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		return
	}
	defer s.served.Done()
	defer func() {
		if v := recover(); v != nil {
			s.fail(fmt.Errorf("%v", v))
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}()
	if s.refused(w, r) {
		return
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if r.Method != http.MethodGet && r.Method != http.MethodHead || len(parts) != 4 ||
		subtle.ConstantTimeCompare([]byte(parts[0]), []byte(s.token)) != 1 || !isName(parts[2]) {
		http.NotFound(w, r)
		return
	}
	var body []byte
	var err error
	kind := "application/vnd.pypi.simple.v1+json"
	switch parts[1] {
	case "simple":
		body, err = s.page(parts[2])
	case "f":
		kind = "application/octet-stream"
		body, err = s.metadata(parts[2], parts[3])
	default:
		err = ErrUnknown
	}
	respond(w, r, body, kind, err, s.fail)
}

// respond writes an answer of either server. What can't be answered ends the run through fail; uv is told no more
// than that.
func respond(w http.ResponseWriter, r *http.Request, body []byte, kind string, err error, fail func(error)) {
	switch {
	case errors.Is(err, ErrUnknown):
		http.NotFound(w, r)
	case err != nil:
		fail(err)
		http.Error(w, "this can't be answered", http.StatusServiceUnavailable)
	default:
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	}
}

// proxyUser is the name under which uv asks for other hosts.
const proxyUser = "uv"

// refused answers what is asked as of a proxy. Only uv knows the token: who else finds the port can't make it
// seem that uv strayed.
func (s *server) refused(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodConnect && (r.URL.Host == "" || r.URL.Host == s.addr) {
		return false
	}
	as := &http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
	if user, token, ok := as.BasicAuth(); ok && user == proxyUser && subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) == 1 {
		s.mu.Lock()
		s.strayed = clip(plain(r.Host))
		s.mu.Unlock()
	}
	http.Error(w, "there is nothing but the offered releases", http.StatusForbidden)
	return true
}

func (s *server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.served.Add(1)
	}
	return !s.closed
}

// ask returns the shelf of a package, asking the Offer once.
func (s *server) ask(name string) *shelf {
	s.mu.Lock()
	sh := s.shelves[name]
	if sh == nil {
		sh = &shelf{err: ErrUnknown} // for whoever finds it after a panic of the Offer
		s.shelves[name] = sh
	}
	standsFor := s.byURL[name]
	s.mu.Unlock()
	sh.once.Do(func() {
		if standsFor != "" {
			return
		}
		offered, err := s.offer.Versions(s.ctx, name)
		full := stack(offered, err)
		if full.err != nil && !errors.Is(full.err, ErrUnknown) {
			full.err = fmt.Errorf("releases of %s: %w", name, full.err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		sh.offered, sh.names, sh.place, sh.err = full.offered, full.names, full.place, full.err
	})
	return sh
}

func stack(offered []Offered, err error) *shelf {
	sh := &shelf{offered: offered, place: make(map[string]int, len(offered)), err: err}
	if err == nil && len(offered) > maxVersions {
		sh.err = fmt.Errorf("%d of them, at most %d", len(offered), maxVersions)
	}
	if sh.err != nil {
		return sh
	}
	for i, o := range offered {
		v, err := pep440.Parse(o.Version)
		if err != nil {
			return &shelf{err: err}
		}
		sh.names = append(sh.names, v.String())
		if _, twice := sh.place[v.String()]; !twice {
			sh.place[v.String()] = i
		}
	}
	return sh
}

type page struct {
	Meta  map[string]string `json:"meta"`
	Name  string            `json:"name"`
	Files []file            `json:"files"`
}

type file struct {
	Filename       string            `json:"filename"`
	URL            string            `json:"url"`
	Hashes         map[string]string `json:"hashes"`
	RequiresPython string            `json:"requires-python,omitempty"`
	CoreMetadata   bool              `json:"core-metadata"`
}

func (s *server) page(name string) ([]byte, error) {
	sh := s.ask(name)
	if sh.err != nil {
		return nil, sh.err
	}
	p := page{Meta: map[string]string{"api-version": "1.1"}, Name: name, Files: make([]file, 0, len(sh.offered))}
	for i, o := range sh.offered {
		if sh.place[sh.names[i]] != i {
			continue
		}
		f := file{
			Filename:     strings.ReplaceAll(name, "-", "_") + "-" + sh.names[i] + "-py3-none-any.whl",
			URL:          "../../f/" + name + "/" + strconv.Itoa(i) + ".whl", // any name would do, this one needs no escaping
			Hashes:       map[string]string{},
			CoreMetadata: true,
		}
		if _, err := pep440.ParseSpecifiers(o.RequiresPython); err == nil {
			f.RequiresPython = o.RequiresPython // uv would drop the file for one it can't read, pip takes it
		}
		p.Files = append(p.Files, f)
	}
	return json.Marshal(p)
}

func (s *server) metadata(name, file string) ([]byte, error) {
	number, ok := strings.CutSuffix(file, ".whl.metadata")
	i, err := strconv.Atoi(number)
	s.mu.Lock()
	listed := s.shelves[name] != nil
	s.mu.Unlock()
	if !ok || err != nil || !listed {
		return nil, ErrUnknown
	}
	sh := s.ask(name)
	if i < 0 || i >= len(sh.names) {
		return nil, ErrUnknown
	}
	data, err := s.offer.Metadata(s.ctx, name, sh.offered[i].Version)
	if err != nil {
		// Not ErrUnknown: what was offered must have metadata.
		return nil, fmt.Errorf("metadata of %s %s: %w", name, sh.offered[i].Version, opaque{err})
	}
	body, byURL, err := minimal(data, name, sh.names[i], true)
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.byURL, byURL)
	if err != nil {
		s.unusable[name+" "+sh.offered[i].Version] = err.Error()
		// Without a name uv counts the release as one that can't be picked and goes on with the others.
		return []byte("Metadata-Version: 2.1\n\n"), nil
	}
	return body, nil
}

// opaque hides that an error is ErrUnknown, and nothing else of it.
type opaque struct{ error }

func (o opaque) Is(target error) bool { return target != ErrUnknown && errors.Is(o.error, target) }
func (o opaque) As(target any) bool   { return errors.As(o.error, target) }

// offeredAs returns the release as the Offer wrote it.
func (s *server) offeredAs(name, version string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shelves[name]
	if sh == nil {
		return "", false
	}
	i, ok := sh.place[version]
	if !ok {
		return "", false
	}
	return sh.offered[i].Version, true
}

// missing are the packages that were asked for and that nobody offers.
func (s *server) missing() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for name, sh := range s.shelves {
		if errors.Is(sh.err, ErrUnknown) && s.byURL[name] == "" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
