package uv

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// get asks the server as any process of this machine could.
func get(t *testing.T, method, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestServer(t *testing.T) {
	offer := flasks()
	offer.stock["dotted-name"] = map[string]string{"1!2.0rc1+local.1": "", "1!2.0.RC1+LOCAL-1": ""} // one release, twice
	s, err := serve(t.Context(), offer)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	root := "http://" + s.addr + "/"
	for _, path := range []string{
		"", "simple/flask/", "x/simple/flask/", strings.ToLower(s.token) + "/simple/flask/", s.token, s.token + "/", s.token + "/simple/", s.token + "/simple/flask", s.token + "/simple/flask/x/",
		s.token + "/simple/Flask/", s.token + "/simple/gone/", s.token + "/simple/..%2f..%2fetc/", s.token + "/simple/-x/", s.token + "/other/flask/", s.token + "/f/markupsafe/0.whl.metadata",
	} {
		if status, _ := get(t, http.MethodGet, root+path); status != http.StatusNotFound {
			t.Errorf("%q: %d", path, status)
		}
	}
	status, page := get(t, http.MethodGet, s.url()+"flask/")
	if status != http.StatusOK || strings.Count(page, "py3-none-any.whl") != 3 || !strings.Contains(page, `"core-metadata":true`) {
		t.Errorf("%d %s", status, page)
	}
	for _, path := range []string{"f/flask/0.whl", "f/flask/3.whl.metadata", "f/flask/-1.whl.metadata", "f/flask/x.whl.metadata", "f/flask/0.metadata", "f/gone/0.whl.metadata"} {
		if status, _ := get(t, http.MethodGet, root+s.token+"/"+path); status != http.StatusNotFound {
			t.Errorf("%q: %d", path, status)
		}
	}
	if status, body := get(t, http.MethodGet, root+s.token+"/f/flask/0.whl.metadata"); status != http.StatusOK || !strings.Contains(body, "\nName: flask\n") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := get(t, http.MethodHead, s.url()+"flask/"); status != http.StatusOK || body != "" {
		t.Errorf("HEAD: %d %s", status, body)
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		if status, _ := get(t, method, s.url()+"flask/"); status != http.StatusNotFound {
			t.Errorf("%s: %d", method, status)
		}
	}
	if _, page := get(t, http.MethodGet, s.url()+"dotted-name/"); strings.Count(page, `"dotted_name-1!2.0rc1+local.1-py3-none-any.whl"`) != 1 || strings.Count(page, "filename") != 1 {
		t.Errorf("%s", page)
	}
	if s.failure() != nil || s.stray() != "" {
		t.Errorf("%v, %s", s.failure(), s.stray())
	}
	for _, line := range []string{"CONNECT index.example:443 HTTP/1.1\r\nHost: index.example:443", "GET http://index.example/" + s.token + "/simple/flask/ HTTP/1.1\r\nHost: index.example"} {
		if answer := raw(t, s.addr, line); !strings.Contains(answer, " 403 ") || s.stray() != "" {
			t.Errorf("%s, of somebody else: %s, %s", line, answer, s.stray())
		}
		line += "\r\nProxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(proxyUser+":"+s.token))
		if answer := raw(t, s.addr, line); !strings.Contains(answer, " 403 ") || !strings.Contains(s.stray(), "index.example") {
			t.Errorf("%s: %s, %s", line, answer, s.stray())
		}
		s.strayed = ""
	}
	if host, _, _ := net.SplitHostPort(s.addr); host != "127.0.0.1" {
		t.Errorf("it listens on %s", s.addr)
	}
}

// listens asks a server of ours whether it is there. Somebody else who has its port by now does not know its address.
func listens(address string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // of somebody who says nothing
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"flask/", nil)
	if err != nil {
		return false
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK || res.StatusCode == http.StatusServiceUnavailable
}

func raw(t *testing.T, addr, head string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := fmt.Fprintf(c, "%s\r\nConnection: close\r\n\r\n", head); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(c).ReadString('\n')
	return line
}

// TestServerAsksOnce: however often and at once uv asks, the Offer is asked once for each package.
func TestServerAsksOnce(t *testing.T) {
	offer := flasks()
	s, err := serve(t.Context(), offer)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if status, _ := get(t, http.MethodGet, s.url()+"flask/"); status != http.StatusOK {
				t.Error(status)
			}
		})
	}
	wg.Wait()
	if len(offer.asked) != 1 {
		t.Errorf("asked %v", offer.asked)
	}
}

func TestServerFails(t *testing.T) {
	offer := flasks()
	down := errors.New("the index is down")
	offer.fail = func(string) error { return down }
	s, err := serve(t.Context(), offer)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	status, body := get(t, http.MethodGet, s.url()+"flask/")
	if status != http.StatusServiceUnavailable || strings.Contains(body, "down") || !errors.Is(s.failure(), down) || s.ctx.Err() == nil {
		t.Errorf("%d %s, %v", status, body, s.failure())
	}
	s.fail(errors.New("later"))
	if !errors.Is(s.failure(), down) {
		t.Error("a later failure hides the first")
	}
	s.close()
	if listens(s.url()) {
		t.Error("it still listens")
	}
}

func TestTooManyVersions(t *testing.T) {
	if sh := stack(make([]Offered, maxVersions+1), nil); sh.err == nil {
		t.Error("no limit")
	}
}
