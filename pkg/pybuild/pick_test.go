package pybuild

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/index"
)

func TestPick(t *testing.T) {
	s := newShop(t)
	for _, file := range []string{"many-1.0-cp311-cp311-manylinux_2_17_x86_64.whl", "many-1.0-cp311-cp311-manylinux_2_28_x86_64.whl", "many-1.0-py3-none-any.whl", "many-1.0-cp312-cp312-linux_x86_64.whl", "many-1.0.tar.gz"} {
		s.offer("many", file, []byte(file))
	}
	s.offer("source", "source-1.0.tar.gz", []byte("s"))
	s.offer("mac", "mac-1.0-cp311-cp311-macosx_11_0_arm64.whl", []byte("m"))
	s.offer("new", "new-2.0-py3-none-any.whl", []byte("n"), "requires-python", ">=3.12")
	s.offer("gone", "gone-1.0-py3-none-any.whl", []byte("g"))
	s.offer("yanked", "yanked-1.0-py3-none-any.whl", []byte("y"), "yanked", "broken\x1b[31m")
	s.offer("local", "local-1.0+cpu-py3-none-any.whl", []byte("l"))
	s.offer("local", "local-1.0+abc-py3-none-any.whl", []byte("l2"))
	s.offer("bare", "bare-1.0-py3-none-any.whl", []byte("b"), "hashes", map[string]string{"md5": "00"})
	sum := func(file string) []string {
		for _, list := range s.pages {
			for _, e := range list {
				if e["filename"] == file {
					return []string{"sha256:" + strings.ToUpper(e["hashes"].(map[string]string)["sha256"])}
				}
			}
		}
		t.Fatal(file)
		return nil
	}
	for _, c := range []struct {
		name    string
		pin     Pin
		sources bool
		file    string
		problem string
	}{
		{"best first", Pin{Package: "many", Version: "1.0"}, false, "many-1.0-cp311-cp311-manylinux_2_28_x86_64.whl", ""},
		{"another spelling", Pin{Package: "many", Version: "1"}, false, "many-1.0-cp311-cp311-manylinux_2_28_x86_64.whl", ""},
		{"by hash", Pin{Package: "many", Version: "1.0", Hashes: sum("many-1.0-py3-none-any.whl")}, false, "many-1.0-py3-none-any.whl", ""},
		{"hash of the source", Pin{Package: "many", Version: "1.0", Hashes: sum("many-1.0.tar.gz")}, false, "", "no-wheel"},
		{"hash of the source, allowed", Pin{Package: "many", Version: "1.0", Hashes: sum("many-1.0.tar.gz")}, true, "many-1.0.tar.gz", ""},
		{"hash of none", Pin{Package: "many", Version: "1.0", Hashes: []string{"sha256:" + strings.Repeat("0", 64)}}, true, "", "hash"},
		{"weak hash", Pin{Package: "many", Version: "1.0", Hashes: []string{"md5:00"}}, true, "", "hash"},
		{"hash of another machine's", Pin{Package: "many", Version: "1.0", Hashes: sum("many-1.0-cp312-cp312-linux_x86_64.whl")}, true, "", "hash"},
		{"none stated", Pin{Package: "bare", Version: "1.0", Hashes: []string{"md5:00"}}, false, "", "hash"},
		{"only source", Pin{Package: "source", Version: "1.0"}, false, "", "no-wheel"},
		{"only source, allowed", Pin{Package: "source", Version: "1.0"}, true, "source-1.0.tar.gz", ""},
		{"another system", Pin{Package: "mac", Version: "1.0"}, true, "", "no-distribution"},
		{"another Python", Pin{Package: "new", Version: "2.0"}, true, "", "no-distribution"},
		{"gone", Pin{Package: "gone", Version: "0.9"}, true, "", "gone"},
		{"no such package", Pin{Package: "nobody", Version: "1"}, true, "", "gone"},
		{"yanked", Pin{Package: "yanked", Version: "1.0"}, false, "yanked-1.0-py3-none-any.whl", "yanked"},
		{"local", Pin{Package: "local", Version: "1.0"}, false, "local-1.0+cpu-py3-none-any.whl", ""},
		{"local, named", Pin{Package: "local", Version: "1.0+abc"}, false, "local-1.0+abc-py3-none-any.whl", ""},
		{"no version", Pin{Package: "local", Version: "so-so"}, false, "", "gone"},
	} {
		c.pin.Source, c.pin.Line = "requirements.txt", 3
		wanted, problems, err := Pick(t.Context(), s.index(), []Pin{c.pin}, target, c.sources)
		if err != nil {
			t.Fatal(c.name, err)
		}
		file, problem := "", ""
		if len(wanted) == 1 {
			file = wanted[0].File.Name
		}
		if len(problems) == 1 {
			problem = problems[0].Kind
			if problems[0].Do == "" || problems[0].Line != 3 || problems[0].Note != (problem == Yanked) || strings.Contains(problems[0].Detail, "\x1b") {
				t.Errorf("%s: %+v", c.name, problems[0])
			}
		}
		if file != c.file || problem != c.problem || len(wanted) > 1 || len(problems) > 1 {
			t.Errorf("%s: %q %v", c.name, file, problems)
		}
	}
}

// An index that does not answer proves nothing of a pin.
func TestPickWithoutAnIndex(t *testing.T) {
	s := newShop(t)
	s.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	if _, _, err := Pick(t.Context(), s.index(), []Pin{{Package: "a", Version: "1"}}, target, false); !errors.Is(err, index.ErrUnreachable) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Pick(ctx, s.index(), []Pin{{Package: "a", Version: "1"}}, target, false); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
