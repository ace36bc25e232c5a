package advisory

import (
	"fmt"
	"slices"
	"strings"
)

// dominant picks the ecosystem that at least nine of ten records speak of.
func dominant(counts map[string]int, records int) (string, error) {
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	var found []string
	for _, name := range names {
		if counts[name]*10 >= records*9 && schemeOf(name) != schemeNone {
			return name, nil
		}
		found = append(found, fmt.Sprintf("%s in %d", clip(name, 40), counts[name]))
	}
	if len(found) == 0 {
		return "", fmt.Errorf("%w: no record names an ecosystem", ErrArchive)
	}
	return "", fmt.Errorf("%w: its %d records are not of one ecosystem that Drydock judges (%s); it judges %s; import them one ecosystem at a time",
		ErrArchive, records, strings.Join(found[:min(len(found), 5)], ", "), strings.Join(Ecosystems(), ", "))
}

// reason says why a record was refused; i is its place in the archive.
type reason struct {
	i    int
	text string
}

// firstReasons keeps the first few, whichever processor met them.
func firstReasons(all []reason) []string {
	slices.SortFunc(all, func(a, b reason) int { return a.i - b.i })
	var texts []string
	for _, r := range all[:min(len(all), maxReasons)] {
		texts = append(texts, r.text)
	}
	return texts
}

func noneReadable(records int, reasons []string) error {
	return fmt.Errorf("%w: none of its %d records can be read, the first: %s", ErrArchive, records, reasons[0])
}
