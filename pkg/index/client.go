package index

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// DefaultURL is the simple API of the Python Package Index, asked where no other index is configured.
const DefaultURL = "https://pypi.org/simple/"

// publicPages is where that index describes a package for people.
var publicPages = strings.TrimSuffix(DefaultURL, "simple/") + "project/"

// Config is what an index client needs. The zero value reads the public index without a cache on disk.
type Config struct {
	// URL is the root of the simple API; empty means DefaultURL. Credentials may stand in it as
	// https://user:password@host/…; they are sent to that host only and appear nowhere else. Whoever sets it
	// decides which versions exist, when they were published and which hashes count as theirs.
	URL string
	// CacheDir keeps what was read, by index and package; empty keeps it in memory only. Whoever can write
	// there can say what the index says. It may be deleted at any time.
	CacheDir string
	// MaxAge is how long a page counts without asking again; 0 means 10 minutes, negative means always ask.
	MaxAge time.Duration
	// Timeout bounds one try; 0 means 15 s.
	Timeout time.Duration
	// Tries is how often a page is asked for before giving up; 0 means 3.
	Tries int
	// Netrc is a netrc file with credentials by host, for the index and for other hosts that its files lie on or
	// that it leads to; empty means $NETRC, else ~/.netrc; "-" means none.
	Netrc string
	// Guard runs each request, for a circuit breaker; nil runs it as it is. A package the index does not
	// know is not a failure of the index and is not passed to it as one.
	Guard func(ctx context.Context, do func(context.Context) error) error
	// Transport is for tests; nil means the web.
	Transport http.RoundTripper
	// Now is the clock of the cache; nil means time.Now.
	Now func() time.Time
}

// Client reads an index of the simple API in JSON (PEP 691). It is safe for concurrent use; several
// questions for one package at a time make one request.
type Client struct {
	cfg  Config
	root *url.URL // without credentials
	auth *url.Userinfo
	http *http.Client
	disk disk
	// facts is what files hold, by digest.
	facts *facts
	// whole are the hosts that don't take range requests.
	whole sync.Map

	mu     sync.Mutex
	kept   map[string]*entry
	size   int // of the pages kept
	flying map[string]*flight
	broken error // the configuration can't be used; every question is answered with it
}

// A flight is a question for a page that is on its way.
type flight struct {
	done chan struct{}
	p    *Project
	err  error
}

var _ Fetcher = (*Client)(nil)

// NewClient makes a client. A URL that can't be used is told by every question, so that an index nobody
// asks never stops anything.
func NewClient(cfg Config) *Client {
	if cfg.URL == "" {
		cfg.URL = DefaultURL
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.MaxAge == 0 {
		cfg.MaxAge = defaultMaxAge
	}
	if cfg.Tries <= 0 {
		cfg.Tries = defaultTries
	}
	if cfg.Guard == nil {
		cfg.Guard = func(ctx context.Context, do func(context.Context) error) error { return do(ctx) }
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Transport == nil {
		cfg.Transport = web()
	}
	c := &Client{cfg: cfg, kept: map[string]*entry{}, flying: map[string]*flight{}}
	c.root, c.auth, c.broken = parseURL(cfg.URL)
	if c.broken == nil {
		if c.auth == nil {
			c.auth = fromNetrc(netrcPath(cfg.Netrc), c.root.Hostname(), true)
		}
		c.disk = newDisk(cfg.CacheDir, c.root.String(), c.auth != nil)
	}
	c.facts = newFacts(c.disk.dir)
	c.http = &http.Client{Transport: cfg.Transport, CheckRedirect: c.redirect}
	return c
}

// URL is the index's address without credentials.
func (c *Client) URL() string {
	if c.root == nil {
		return ""
	}
	return c.root.String()
}

// web is the transport of all clients: it keeps as many connections to a host as Prefetch uses at once, where the
// default keeps two and would greet an index of HTTP/1.1 anew for nearly every page.
var web = sync.OnceValue(func() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t = t.Clone()
	t.MaxIdleConnsPerHost = 2 * defaultParallel
	return t
})

// introduce says where a project was found.
func (c *Client) introduce(p *Project) {
	p.Index = c.URL()
	p.Page = p.Index + p.Name + "/"
	if p.Index == DefaultURL {
		p.Page = publicPages + p.Name + "/"
	}
}

// CheckURL says what is wrong with the address of an index, without repeating credentials in it.
func CheckURL(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return errors.New("it can't be read as an address; want https://host/path of a simple API")
	case u.Scheme != "https" && u.Scheme != "http": // which is not told: of TOKEN:x@host/ it is the token
		return errors.New("it does not begin with https:// or http://; want https://host/path of a simple API")
	case u.Host == "":
		return errors.New("it has no host; want https://host/path of a simple API")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("it has a query or fragment, which the simple API does not know")
	}
	return nil
}

func parseURL(raw string) (*url.URL, *url.Userinfo, error) {
	u, err := url.Parse(raw)
	if err != nil {
		var ue *url.Error // its text repeats the URL, which may hold credentials
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, nil, fmt.Errorf("index URL can't be read: %s: %w", clip(withoutUserinfo(err.Error())), ErrUnreachable)
	}
	if u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, nil, fmt.Errorf("index URL: want https://host/path or http://host/path, found another scheme or no host: %w", ErrUnreachable)
	}
	auth := u.User
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	if !strings.HasSuffix(u.Path, "/") {
		u = u.JoinPath("/")
	}
	return u, auth, nil
}

func withoutUserinfo(s string) string {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		return "…" + s[i:]
	}
	return s
}

// Project returns what the index says of a package, from the cache while that is fresh.
func (c *Client) Project(ctx context.Context, name string) (*Project, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	name = pep440.Normalize(name)
	if !validName(name) {
		return nil, fmt.Errorf("look up %q in the index: not a package name: %w", clip(name), ErrUnknownProject)
	}
	c.mu.Lock()
	if e := c.kept[name]; e != nil && c.fresh(e.fetched) {
		c.mu.Unlock()
		return c.said(name, e)
	}
	f := c.flying[name]
	if f == nil {
		f = &flight{done: make(chan struct{})}
		c.flying[name] = f
		// The request belongs to all who wait for it: one who gives up must not end it for the others.
		go c.fly(context.WithoutCancel(ctx), name, f)
	}
	c.mu.Unlock()
	select {
	case <-f.done:
		return f.p, f.err
	case <-ctx.Done():
		return nil, fmt.Errorf("look up %s in the index: %w", name, ctx.Err())
	}
}

// said is what a kept answer of the index comes to.
func (c *Client) said(name string, e *entry) (*Project, error) {
	if e.project == nil {
		return nil, &failure{what: lookUp(name, c.root), kind: ErrUnknownProject}
	}
	return e.project, nil
}

func (c *Client) fly(ctx context.Context, name string, f *flight) {
	e, err := c.refresh(ctx, name)
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.err = err; err == nil {
		f.p, f.err = c.said(name, e)
		c.keep(name, e)
	}
	delete(c.flying, name)
	close(f.done)
}

// keep keeps an answer in memory, and forgets others, whichever they are, where that is too much: they are cheap to
// have again from disk.
func (c *Client) keep(name string, e *entry) {
	if old := c.kept[name]; old != nil {
		c.size -= old.size
	}
	c.kept[name] = e
	c.size += e.size
	for other, o := range c.kept {
		if c.size <= maxKept {
			return
		}
		if other != name {
			c.size -= o.size
			delete(c.kept, other)
		}
	}
}

func (c *Client) fresh(fetched time.Time) bool {
	age := c.cfg.Now().Sub(fetched)
	return c.cfg.MaxAge > 0 && age >= 0 && age < c.cfg.MaxAge
}

// refresh takes the page from disk while fresh, else asks the index, which may say that it did not change. That the
// index does not know a package is kept as long as a page is.
func (c *Client) refresh(ctx context.Context, name string) (*entry, error) {
	c.mu.Lock()
	old := c.kept[name]
	c.mu.Unlock()
	if old == nil {
		if old = c.disk.read(name); old != nil && old.project != nil {
			c.introduce(old.project)
		}
	}
	if old != nil && c.fresh(old.fetched) {
		return old.light(), nil
	}
	if old != nil && old.project == nil {
		old = nil
	}
	e, err := c.fetch(ctx, name, old)
	if errors.Is(err, ErrUnknownProject) {
		e, err = &entry{fetched: c.cfg.Now().UTC()}, nil
	}
	if err != nil {
		return nil, err
	}
	c.disk.write(name, e)
	return e.light(), nil
}

// light is an entry as it stays in memory.
func (e *entry) light() *entry {
	e.size, e.body = max(e.size, len(e.body), usualFile), nil
	return e
}

// Digest is that of the package's page where the index was asked so lately that [Client.Project] would not ask it
// again. It does not read the page: an unchanged world is recognised in a fraction of a millisecond a package.
func (c *Client) Digest(_ context.Context, name string) (string, bool) {
	digest, known := c.glance(pep440.Normalize(name))
	return digest, known && digest != ""
}

// glance says what is known of a package without asking or reading: its digest, or "" where the index does not know it.
func (c *Client) glance(name string) (digest string, known bool) {
	if c.broken != nil || !validName(name) {
		return "", false
	}
	c.mu.Lock()
	e := c.kept[name]
	c.mu.Unlock()
	if e != nil && c.fresh(e.fetched) {
		if e.project == nil {
			return "", true
		}
		return e.project.Digest, true
	}
	h, ok := c.disk.glance(name)
	if !ok || !c.fresh(h.Fetched) || h.Unknown != (h.Digest == "") {
		return "", false
	}
	return h.Digest, true
}

func validName(name string) bool {
	if name == "" || len(name) > 200 {
		return false
	}
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return name[0] != '-' && name[len(name)-1] != '-'
}

// Answer is what Prefetch learnt of one package.
type Answer struct {
	Project *Project
	Err     error
}

// Prefetch asks ix for several packages, `parallel` at a time (0: a sensible number), and returns the
// answers by name as given. It does not stop at an error.
func Prefetch(ctx context.Context, ix Index, names []string, parallel int) map[string]Answer {
	if parallel <= 0 {
		parallel = defaultParallel
	}
	out := make(map[string]Answer, len(names))
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for _, name := range names {
		slots <- struct{}{}
		wg.Add(1)
		go func() {
			defer func() { <-slots; wg.Done() }()
			p, err := ix.Project(ctx, name)
			mu.Lock()
			defer mu.Unlock()
			out[name] = Answer{Project: p, Err: err}
		}()
	}
	wg.Wait()
	return out
}
