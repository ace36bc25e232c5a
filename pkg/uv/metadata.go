package uv

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
)

// urlPrefix begins the names that stand for requirements by URL. uv gives up on a whole set when one release
// asks for another by URL; as a package that nobody offers it is one release that can't be picked.
const urlPrefix = "drydock-url-"

// minimal writes the part of a release's core metadata that uv needs, under the name and version it was offered
// as, and returns the names that stand for requirements by URL. finals: its markers compare Python with final releases
// only, since uv leaves a pre-release out of a comparison; not where a lock keeps them. The error says why the release
// can't be picked.
func minimal(data []byte, name, version string, finals bool) ([]byte, map[string]string, error) {
	if len(data) > maxMetadata {
		return nil, nil, fmt.Errorf("its metadata has more than %d MB", maxMetadata>>20)
	}
	out := bytes.NewBufferString("Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n")
	byURL := map[string]string{}
	var gotName, gotVersion string
	for field, value := range headers(data) {
		switch field {
		case "name", "version", "provides-extra", "requires-python", "requires-dist":
			if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
				return nil, nil, errors.New("its metadata holds control characters")
			}
		}
		switch field {
		case "name":
			gotName = value
		case "version":
			gotVersion = value
		case "provides-extra":
			if isName(pep440.Normalize(value)) {
				out.WriteString("Provides-Extra: " + value + "\n")
			}
		case "requires-python":
			if _, err := pep440.ParseSpecifiers(value); err == nil { // else installers ignore it
				out.WriteString("Requires-Python: " + value + "\n")
			}
		case "requires-dist":
			line, stands, err := requirement(value, finals)
			if err != nil {
				return nil, nil, err
			}
			if stands != "" {
				byURL[urlPrefix+stands] = stands
			}
			out.WriteString("Requires-Dist: " + line + "\n")
		}
	}
	if pep440.Normalize(gotName) != name {
		return nil, nil, fmt.Errorf("its metadata is that of %q", clip(plain(gotName)))
	}
	v, err := pep440.Parse(gotVersion)
	if want, werr := pep440.Parse(version); err != nil || werr != nil || !v.Equal(want) {
		return nil, nil, fmt.Errorf("its metadata is that of version %q", clip(plain(gotVersion)))
	}
	out.WriteByte('\n')
	return out.Bytes(), byURL, nil
}

// requirement is what to tell uv of a Requires-Dist: the same in normal form, but for one by URL the name that
// stands for it. What we can't read uv may: it knows many of the forms that old releases have.
func requirement(value string, finals bool) (line, byURL string, err error) {
	r, err := pep508.Parse(value)
	if finals {
		r.Marker = r.Marker.Finals()
	}
	switch {
	case err == nil && r.URL == "":
		return r.String(), "", nil // as those who plan understand it
	case err == nil:
		stands := pep508.Requirement{Name: urlPrefix + r.Name, Marker: r.Marker}
		return stands.String(), r.Name, nil
	case strings.Contains(value, "@") || strings.Contains(value, "://"):
		return "", "", errors.New("its metadata has a requirement that can't be read")
	}
	return value, "", nil
}

// headers yields the fields of core metadata, names in lower case, folded lines joined (RFC 822). The
// description after them is left out.
func headers(data []byte) func(yield func(field, value string) bool) {
	return func(yield func(string, string) bool) {
		var field string
		var value bytes.Buffer
		for line := range bytes.Lines(data) {
			text := bytes.TrimRight(line, "\r\n")
			if len(text) == 0 {
				break
			}
			if text[0] == ' ' || text[0] == '\t' {
				value.WriteByte(' ')
				value.Write(bytes.TrimSpace(text))
				continue
			}
			if field != "" && !yield(field, strings.TrimSpace(value.String())) {
				return
			}
			name, rest, _ := bytes.Cut(text, []byte(":"))
			field = strings.ToLower(string(bytes.TrimSpace(name)))
			value.Reset()
			value.Write(rest)
		}
		if field != "" {
			yield(field, strings.TrimSpace(value.String()))
		}
	}
}
