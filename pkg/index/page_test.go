package index

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// A hash is written into files that pip reads: one that is not hex digits, or not as many as there must be, is no hash.
func TestHashesAreHexDigits(t *testing.T) {
	good := strings.Repeat("0aF", 21) + "1"
	for hash, want := range map[string]string{
		good:                          strings.ToLower(good),
		"zz\\nevil":                   "",
		good + "\\n--extra-index-url": "",
		good[:62]:                     "",
		"":                            "",
	} {
		data := fmt.Sprintf(`{"meta":{"api-version":"1.1"},"name":"demo","files":[{"filename":"demo-1.0-py3-none-any.whl","url":"x","hashes":{"sha256":"%s"}}]}`, hash)
		p, err := parsePage("demo", []byte(data), &url.URL{})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Releases[0].Files[0].Hashes["sha256"]; got != want {
			t.Errorf("hash %q is taken as %q, want %q", hash, got, want)
		}
	}
}
