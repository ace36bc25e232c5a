package manifest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/manifest/manifesttest"
	"github.com/drydock-dev/drydock/pkg/report"
)

// The real pip installs what was written, with --require-hashes, from files of every form.
func TestPipInstallsWhatWasWritten(t *testing.T) {
	h := manifesttest.New(t)
	h.Add("flask", "1.0", "werkzeug>=1")
	h.Add("flask", "2.0", "werkzeug>=2", "flask-login", "itsdangerous>=1")
	h.Add("werkzeug", "1.0")
	h.Add("werkzeug", "2.0")
	h.Add("flask-login", "1.0")
	h.Add("itsdangerous", "1.0")
	pin := func(name, version, gap string) string {
		return name + "==" + version + gap + "--hash=" + strings.Join(h.Hashes(strings.ToLower(name), version), gap+"--hash=")
	}
	updates := []report.Update{
		{Package: "flask", From: "1.0", To: "2.0", Hashes: h.Hashes("flask", "2.0")},
		{Package: "werkzeug", From: "1.0", To: "2.0", Hashes: h.Hashes("werkzeug", "2.0")},
		{Package: "itsdangerous", To: "1.0", Hashes: h.Hashes("itsdangerous", "1.0"), Through: []string{"flask"}},
		{Package: "flask-login", To: "1.0", Hashes: h.Hashes("flask-login", "1.0"), Through: []string{"flask", "werkzeug"}},
	}
	const all = "flask-2.0 flask-login-1.0 itsdangerous-1.0 werkzeug-2.0"
	split := " \\\n    "
	compiled := "#\n# by pip-compile\n#\n" + pin("flask", "1.0", split) + "\n    # via -r requirements.in\n" + pin("werkzeug", "1.0", split) + "\n    # via flask\n"
	for _, tc := range []struct{ name, in, want string }{
		{"as pip-compile writes it", compiled, all},
		{"windows", strings.ReplaceAll(compiled, "\n", "\r\n"), all},
		{"utf-16", utf16le(strings.ReplaceAll(compiled, "\n", "\r\n")), all},
		{"byte order mark", "\xef\xbb\xbf" + strings.TrimPrefix(compiled, "#\n# by pip-compile\n#\n"), all},
		{"on one line, without a line end", pin("Flask", "1.0", " ") + " # mine\n" + pin("werkzeug", "1.0", " "), all},
		{"other algorithms", "flask==1.0 --hash=sha512:" + strings.Repeat("0f", 64) + "\nwerkzeug == 1.0 --hash sha384:" + strings.Repeat("0f", 48) + "\n", all},
		{"markers, extras, options", "--no-binary none\nflask[x] == 1.0 ; python_version >= '3' \\\n  --hash=md5:" + strings.Repeat("0f", 16) + "\nwerkzeug==1.0 ; sys_platform == 'nowhere' --hash=sha256:" + strings.Repeat("0f", 32) + "\n" + pin("werkzeug", "1.0", " ") + "\n", all},
		{"ends in the middle of a line", strings.TrimSuffix(compiled, "\n    # via flask\n") + " \\", all},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := rewritten(t, one(tc.in, updates...))
			set, err := h.Installs(map[string][]byte{"r.txt": []byte(got)}, "r.txt", "--require-hashes")
			if err != nil || set != tc.want {
				t.Errorf("%q, want %q: %v\n%s", set, tc.want, err, got)
			}
		})
	}
	t.Run("pip would refuse what lacks an added pin", func(t *testing.T) {
		got := rewritten(t, one(compiled, updates[:2]...))
		if set, err := h.Installs(map[string][]byte{"r.txt": []byte(got)}, "r.txt", "--require-hashes"); err == nil || !strings.Contains(fmt.Sprint(err), "==") {
			t.Errorf("%q %v: the test proves nothing", set, err)
		}
	})
}

// With constraints, includes and without hashes.
func TestPipInstallsATree(t *testing.T) {
	h := manifesttest.New(t)
	h.Add("flask", "1.0")
	h.Add("flask", "2.0", "werkzeug")
	h.Add("werkzeug", "1.0")
	h.Add("werkzeug", "2.0")
	s := limited(map[string]string{"requirements.txt": "-r base.txt\n-c constraints.txt\nflask\n", "constraints.txt": "flask==1.0\nwerkzeug<2\n"},
		report.Update{Package: "flask", From: "1.0", To: "2.0", Source: "requirements.txt"}, report.Update{Package: "werkzeug", To: "1.0", Source: "requirements.txt", Through: []string{"flask"}})
	s.Inventory.Packages[0].Version = "1.0"
	out, err := Rewrite(t.Context(), s, Formats())
	if err != nil {
		t.Fatal(err)
	}
	out["base.txt"] = []byte("# nothing\n")
	if set, err := h.Installs(out, "requirements.txt"); err != nil || set != "flask-2.0 werkzeug-1.0" {
		t.Errorf("%q %v\n%s", set, err, out)
	}
}
