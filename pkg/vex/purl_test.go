package vex

import (
	"fmt"
	"testing"
)

func TestParsePURL(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"pkg:pypi/Jinja2@3.1.4", "pypi jinja2 3.1.4 map[] "},
		{"PKG:PyPI/zope.interface", "pypi zope-interface  map[] "},
		{"pkg://pypi/jinja2", "pypi jinja2  map[] "},
		{"pkg:npm/%40angular/core@1.0", "npm @angular/core 1.0 map[] "},
		{"pkg:npm/@angular/core", "npm @angular/core  map[] "},
		{"pkg:golang/golang.org/x/net@v0.1.0#html", "golang golang.org/x/net v0.1.0 map[] html"},
		{"pkg:apk/wolfi/git@2.39.0-r1?arch=armv7&empty=", "apk wolfi/git 2.39.0-r1 map[arch:armv7] "},
		{"pkg:oci/payments@sha256%3A00?repository_url=bank.example%2Fpayments", "oci payments sha256:00 map[repository_url:bank.example/payments] "},
	} {
		p, err := parsePURL(tc.text)
		if got := fmt.Sprintf("%s %s %s %v %s", p.kind, p.name, p.version, p.qualifiers, p.subpath); err != nil || got != tc.want {
			t.Errorf("%s: %q, %v", tc.text, got, err)
		}
	}
	for _, bad := range []string{"", "jinja2", "pkg:", "pkg:jinja2", "pkg:/jinja2", "pkg:pypi/", "pkg:pypi/@1.0", "pkg:pypi/jinja2@", "pkg:pypi/jinja2@%zz", "pkg:pypi/jin%ja2", "pkg:pypi/*", "pkg:py pi/x", "pkg:pypi/x?y", "pkg:pypi/x?a=%z"} {
		if p, err := parsePURL(bad); err == nil {
			t.Errorf("%q: %+v", bad, p)
		}
	}
}
