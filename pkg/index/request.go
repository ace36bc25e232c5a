package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// request makes a GET request that carries the credentials of the host it goes to, if there are any for it.
func (c *Client) request(ctx context.Context, u *url.URL) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "drydock")
	c.authorize(req)
	return req, nil
}

// authorize gives a request what its host, and no other, may see: the index's own credentials for the index's own
// scheme, host and port; for another host those that the netrc file names for it, and not in the clear where the
// index itself is read over https.
func (c *Client) authorize(req *http.Request) {
	req.Header.Del("Authorization")
	req.Header.Del("Referer")
	auth := c.auth
	if !c.own(req.URL) {
		auth = nil
		if req.URL.Scheme == "https" || c.root.Scheme == "http" {
			auth = c.netrc(req.URL.Hostname())
		}
	}
	if auth != nil {
		password, _ := auth.Password()
		req.SetBasicAuth(auth.Username(), password)
	}
}

func (c *Client) own(u *url.URL) bool { return origin(u) == origin(c.root) }

// origin is scheme, host and port, in one spelling (RFC 6454).
func origin(u *url.URL) string {
	port := cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// netrc finds the credentials of a host that is not the index's own; a "default" entry is not for those.
func (c *Client) netrc(host string) *url.Userinfo {
	if strings.EqualFold(host, c.root.Hostname()) {
		return nil // another port or scheme of the same host is another server
	}
	return fromNetrc(netrcPath(c.cfg.Netrc), host, false)
}

var errRedirect = errors.New("redirect refused")

// redirect follows within the host, and to another host only over https: otherwise whoever sits on the way
// could answer in the index's name. What the next host may see is decided anew: net/http alone would send the
// credentials on to subdomains and other ports.
func (c *Client) redirect(req *http.Request, via []*http.Request) error {
	from := via[len(via)-1].URL
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("%w: more than %d in a row", errRedirect, maxRedirects)
	case req.URL.Scheme == "https":
	case req.URL.Scheme != "http" || from.Scheme == "https":
		return fmt.Errorf("%w: from %s to %s", errRedirect, from.Scheme, clip(req.URL.Scheme))
	case origin(req.URL) != origin(via[0].URL):
		return fmt.Errorf("%w: to another host (%s) without https", errRedirect, clip(req.URL.Host))
	}
	c.authorize(req)
	return nil
}

// plain strips the URL that net/http puts before an error: after a redirect it may hold what it should not.
func (c *Client) plain(err error) error {
	var ue *url.Error
	if !errors.As(err, &ue) {
		return err
	}
	if ue.Timeout() {
		return fmt.Errorf("no answer within %s", c.cfg.Timeout)
	}
	if text := ue.Err.Error(); c.auth != nil {
		secret, _ := c.auth.Password()
		secret = cmp.Or(secret, c.auth.Username()) // a token may stand alone
		if secret != "" && strings.Contains(text, secret) {
			return errors.New("the request can't be made")
		}
	}
	return ue.Err
}
