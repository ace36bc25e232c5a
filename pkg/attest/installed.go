package attest

import (
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/artifact"
	"github.com/drydock-dev/drydock/pkg/coremeta"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/pep440"
)

// maxMetadata bounds one METADATA in bytes, description and all: the largest on the public index have under 2 MB.
const maxMetadata = 16 << 20

const infoSuffix = ".dist-info"

// Installed reads what the distributions in a sealed artifact say of themselves, by package: the METADATA (PEP 376, 566)
// of each .dist-info folder of the sites, which are paths below the artifact. One that can't be read stands there with
// the reason, under the name of its folder; of a package that has two it is not known which one counts. Files are held to
// the seal: one that is not as it was sealed is an error that wraps artifact.ErrChanged.
func Installed(files string, m *artifact.Manifest, sites []string) (map[string]Said, error) {
	root, err := os.OpenRoot(files)
	if err != nil {
		return nil, fmt.Errorf("read what is installed: %w", err)
	}
	defer func() { _ = root.Close() }() // only read
	sealed := map[string]artifact.Entry{}
	for _, e := range m.Entries {
		sealed[e.Path] = e
	}
	out := map[string]Said{}
	for _, e := range m.Entries {
		dir, base := path.Split(e.Path)
		stem, ok := strings.CutSuffix(base, infoSuffix)
		if !ok || e.Kind != artifact.Folder || !slices.Contains(sites, path.Clean(dir)) {
			continue
		}
		name, said, err := describe(root, sealed[path.Join(e.Path, "METADATA")], stem)
		if err != nil {
			return nil, fmt.Errorf("read what is installed: %s: %w", e.Path, err)
		}
		if _, twice := out[name]; twice {
			said = Said{Unknown: "it is installed twice: which metadata counts is not known"}
		}
		out[name] = said
	}
	return out, nil
}

// describe reads one METADATA; e is its entry, empty where there is none.
func describe(root *os.Root, e artifact.Entry, stem string) (string, Said, error) {
	distribution, _, _ := strings.Cut(stem, "-")
	name := pep440.Normalize(distribution)
	switch {
	case e.Digest == "":
		return name, Said{Unknown: "it has no METADATA"}, nil
	case e.Size > maxMetadata:
		return name, Said{Unknown: fmt.Sprintf("its METADATA has %d bytes, more than the %d that are read", e.Size, maxMetadata)}, nil
	}
	f, err := root.Open(filepath.FromSlash(e.Path))
	if err != nil {
		return "", Said{}, err
	}
	defer func() { _ = f.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(f, e.Size+1))
	if err != nil {
		return "", Said{}, err
	}
	if string(evidence.Of(text)) != e.Digest {
		return "", Said{}, fmt.Errorf("METADATA has other content: %w", artifact.ErrChanged)
	}
	meta, err := coremeta.Parse(text)
	if err != nil {
		return name, Said{Unknown: fmt.Sprintf("its METADATA can't be read: %s", err)}, nil
	}
	return meta.Name, Said{Metadata: meta}, nil
}
