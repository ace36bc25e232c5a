package evidence

import (
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	const empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	if got := Of(nil); got != empty {
		t.Errorf("digest of nothing is %s", got)
	}
	if d, err := Parse(string(Of([]byte("x")))); err != nil || d != Of([]byte("x")) {
		t.Errorf("%s, %v", d, err)
	}
}

func TestParseRefuses(t *testing.T) {
	good := string(Of(nil))
	for _, bad := range []string{"", "sha256:", good[:len(good)-1], good + "0", strings.ToUpper(good), "sha512:" + good[7:], good[7:], good + "\n", " " + good, "sha256:../" + good[10:]} {
		if _, err := Parse(bad); err == nil || !strings.Contains(err.Error(), "want sha256: and 64 hex digits") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
