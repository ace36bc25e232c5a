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

// No document can hold a time after the year 9999, which the end of a cooldown that begins there would be: such a date
// is none, and neither is one whose year is that only in its own zone.
func TestDatesBeyondAllTimes(t *testing.T) {
	for uploaded, dated := range map[string]bool{
		"2023-01-01T00:00:00Z":      true,
		"9000-12-31T23:59:59-10:00": true,
		"9999-12-31T23:59:59Z":      false,
		"9999-12-31T23:59:59-01:00": false,
		"0000-01-01T00:00:00+01:00": false,
	} {
		data := fmt.Sprintf(`{"meta":{"api-version":"1.1"},"name":"demo","files":[{"filename":"demo-1.0-py3-none-any.whl","url":"x","upload-time":%q,"hashes":{}}]}`, uploaded)
		p, err := parsePage("demo", []byte(data), &url.URL{})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Releases[0].Files[0].Uploaded; (got != nil) != dated || (p.Releases[0].Released != nil) != dated {
			t.Errorf("uploaded %s is taken as %v", uploaded, got)
		}
	}
}
