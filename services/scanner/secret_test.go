package scanner

import (
	"strings"
	"testing"
)

// Whatever is wrong with an address, its password is not told.
func TestNoPasswordIsTold(t *testing.T) {
	for _, line := range []string{"https://user:s3cret@x.test/a.zip", "https://user:s3/cret@x.test/a.zip", "https://user:s3?s3cret@x.test/a.zip", "https://user:s3#s3cret@x.test/a.zip", "git+https://s3cret@x.test/a.git@v1#egg=a",
		"a @ https://user:s3cret@x.test/a b", "a@b = https://user:s3cret@x.test/simple", "--index-url:https://user:s3cret@x.test/simple", "-Xhttps://user:s3cret@x.test", "-i https://user:s3/cret@x.test/simple", "--extra-index-url=https://s3cret@x.test/",
		"-r https://user:s3?cret@x.test/r.txt", "-f https://user:s3cret@x.test/", "a --pre https://user:s3cret@x.test", "???https://" + strings.Repeat("s3cret", 30) + "@x.test", "a==1 ; os_name == https://user:s3cret@x.test", "-e https://user:s3cret@x.test/a b", "--hash https://u:s3cret@x.test"} {
		if got := describe(parse(line)); strings.Contains(got, "s3") || got == "" {
			t.Errorf("%s\n%s", line, got)
		}
	}
	if got := cleanReference("git+ssh://git@x.test:org/a.git@v1"); got != "git+ssh://x.test:org/a.git@v1" {
		t.Errorf("too much is gone: %s", got)
	}
}
