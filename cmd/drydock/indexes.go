package main

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"strings"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// IndexSource is one of several indexes.
type IndexSource struct {
	// Name is for people and for the environment: DRYDOCK_INDEX_<NAME>_USERNAME and _PASSWORD are its credentials.
	Name string `yaml:"name"`
	// URL is the root of its simple API. Credentials may stand in it; they are sent to that host alone.
	URL string `yaml:"url"`
}

var sourceName = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// Validate names the field of c that is wrong, by its YAML path. No error repeats an address: it may hold a password.
func (c IndexConfig) Validate() error {
	if c.URL != "" && len(c.Sources) > 0 {
		return errors.New("index.url, index.sources: both are given; keep index.sources, where the first has the highest priority")
	}
	var errs []error
	if err := index.CheckURL(c.URL); c.URL != "" && err != nil {
		errs = append(errs, fmt.Errorf("index.url: %w", err))
	}
	names, addresses := map[string]int{}, map[string]int{}
	for i, s := range c.Sources {
		where := fmt.Sprintf("index.sources[%d]", i)
		if !sourceName.MatchString(s.Name) {
			errs = append(errs, fmt.Errorf("%s.name: %q; want a name of lower-case letters, digits and single dashes, such as bank or team-a", where, s.Name))
		} else if j, twice := names[s.Name]; twice {
			errs = append(errs, fmt.Errorf("%s.name: %q is that of index.sources[%d] too", where, s.Name, j))
		}
		names[s.Name] = i
		if s.URL == "" {
			errs = append(errs, fmt.Errorf("%s.url: is missing; want https://host/path of a simple API", where))
			continue
		}
		if err := index.CheckURL(s.URL); err != nil {
			errs = append(errs, fmt.Errorf("%s.url: %w", where, err))
			continue
		}
		at := index.NewClient(index.Config{URL: s.URL, Netrc: "-"}).URL()
		if j, twice := addresses[at]; twice {
			errs = append(errs, fmt.Errorf("%s.url: is that of index.sources[%d] too", where, j))
		}
		addresses[at] = i
	}
	if len(c.Sources) > maxIndexes {
		errs = append(errs, fmt.Errorf("index.sources: %d indexes, at most %d", len(c.Sources), maxIndexes))
	}
	return errors.Join(errs...)
}

// maxIndexes bounds the addresses remembered; an organisation has a handful.
const maxIndexes = 32

// index gives the configured index for "" and its address, and else one client for each address, with a breaker
// around each. Credentials, of the environment and of netrc, are for what is configured only: whoever may use the API
// names addresses too, such as one of their own, or a trusted host's in the clear.
func (p *parts) index(address string) index.Fetcher {
	p.mu.Lock()
	defer p.mu.Unlock()
	if address == p.cfg.Index.URL {
		address = ""
	}
	if ix, ok := p.indexes[address]; ok {
		return ix
	}
	if len(p.indexes) >= maxIndexes { // what API users name is not kept for ever
		maps.DeleteFunc(p.indexes, func(known string, _ index.Fetcher) bool { return known != "" })
	}
	if p.indexes == nil {
		p.indexes = map[string]index.Fetcher{}
	}
	var ix index.Fetcher
	if address == "" {
		ix = p.configured()
	} else {
		ix = p.client(address, fmt.Sprintf("index-%d", len(p.indexes)+1), "-")
	}
	p.indexes[address] = ix
	return ix
}

func (p *parts) configured() index.Fetcher {
	c := p.cfg.Index
	if len(c.Sources) == 0 {
		return p.client(p.withCredentials(c.URL, "DRYDOCK_INDEX_"), "index", c.Netrc)
	}
	clients := make([]*index.Client, len(c.Sources))
	for i, s := range c.Sources {
		variable := "DRYDOCK_INDEX_" + strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_")) + "_"
		clients[i] = p.client(p.withCredentials(s.URL, variable), "index-"+s.Name, c.Netrc)
	}
	return index.NewChain(clients...)
}

// client reads one index. How long its pages count is a matter of the real clock, whatever time a plan is made for.
func (p *parts) client(address, breaker, netrc string) *index.Client {
	return index.NewClient(index.Config{URL: address, CacheDir: p.cache, Netrc: netrc, Guard: worker.NewBreaker(breaker, 0).Do})
}

// withCredentials puts those of the environment into an address: they are stronger than what stands there.
func (p *parts) withCredentials(address, variable string) string {
	if p.getenv == nil || address == "" { // the public index takes none
		return address
	}
	user, password := p.getenv(variable+"USERNAME"), p.getenv(variable+"PASSWORD")
	if user == "" && password == "" {
		return address
	}
	u, err := url.Parse(address)
	if err != nil {
		return address // every question to the index tells what is wrong with it
	}
	u.User = url.UserPassword(user, password)
	return u.String()
}
