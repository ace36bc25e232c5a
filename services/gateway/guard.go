package gateway

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/telemetry"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// guard refuses what a web page in someone's browser could send: a foreign Host header (DNS rebinding)
// and a foreign Origin. There is no CORS answer at all.
func (s *Service) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.allowedHost(r.Host) {
			refuse(w, "Host header %q is not one this server answers to", r.Host)
			return
		}
		if o := r.Header.Get("Origin"); o != "" {
			u, err := url.Parse(o)
			if err != nil || u.Host != r.Host {
				refuse(w, "Origin %q may not use this API", o)
				return
			}
		}
		if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
			refuse(w, "Sec-Fetch-Site %q may not use this API", site)
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r.WithContext(telemetry.WithTraceparent(r.Context(), r.Header.Get("Traceparent"))))
	})
}

func (s *Service) allowedHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	listen, _, _ := net.SplitHostPort(s.cfg.Listen) // Validate has seen that it splits
	return isLoopback(host) || host != "" && (host == listen || slices.Contains(s.cfg.AllowedHosts, host))
}

func refuse(w http.ResponseWriter, format, value string) {
	say(w, api.NewProblem(api.HostRefused, "use the server's own address, or add the name to gateway.allowed_hosts", format, value))
}

func say(w http.ResponseWriter, p *api.Problem) {
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the connection is the only one to tell
}
