package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/google/osv-scanner/v2/pkg/osvscanner"
)

// osvScannerVersion is the version go.mod requires; a test compares them.
const osvScannerVersion = "2.5.1"

// refuse is the network osv-scanner gets.
type refuse struct{}

func (refuse) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("offline: %s is not asked", r.URL.Host)
}

// confiner leaves this process the database to read and a folder of its own to
// write, for good, and returns the level reached.
type confiner func(db, dir string) string

// scan writes the packages as an SBOM and lets osv-scanner read it.
func scan(req request, confine confiner) (response, error) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	dir, err := os.MkdirTemp("", "drydock-osv-scanner-")
	if err != nil {
		return response{}, fmt.Errorf("make a folder for the question: %w", err)
	}
	defer removeAll(dir)
	sbom := filepath.Join(dir, "bom.cdx.json")
	if err := writeSBOM(sbom, req.Packages); err != nil {
		return response{}, err
	}
	db, err := filepath.Abs(layout(req.DB))
	if err != nil {
		return response{}, fmt.Errorf("find the database: %w", err)
	}
	// osv-scanner looks below a folder of this name only.
	if err := os.Symlink(db, filepath.Join(dir, "osv-scalibr")); err != nil {
		return response{}, fmt.Errorf("lay out the database: %w", err)
	}
	res := response{Version: osvScannerVersion, Results: []result{}}
	if len(req.Packages) == 0 {
		return res, nil
	}
	res.Confinement = confine(db, dir)
	before, rounds := cpu(), max(req.Repeat, 1)
	var found map[pkg][]string
	for range rounds {
		if found, err = ask(sbom, dir); err != nil {
			return response{}, err
		}
	}
	if req.Repeat > 0 {
		res.CPUSeconds = (cpu() - before).Seconds() / float64(rounds)
	}
	for _, p := range req.Packages {
		ids, ok := found[key(p)]
		if !ok {
			return response{}, fmt.Errorf("osv-scanner says nothing of %s %s (%s)", p.Name, p.Version, p.Ecosystem)
		}
		res.Results = append(res.Results, result{p, ids})
	}
	return res, nil
}

// removeAll is os.RemoveAll without opening the folder above, which confinement
// forbids. What can't be removed is the system's to clear: it is in $TMPDIR.
func removeAll(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		_ = os.RemoveAll(filepath.Join(dir, e.Name()))
	}
	_ = os.Remove(dir)
}

// ask returns the matching records of each package.
func ask(sbom, db string) (map[pkg][]string, error) {
	actions := osvscanner.ScannerActions{
		LockfilePaths:         []string{sbom},
		NoIgnore:              true,
		ShowAllPackages:       true,
		ShowAllVulns:          true,
		CompareOffline:        true,
		LocalDBPath:           db,
		PluginNetworkDisabled: true,
	}
	actions.TransitiveScanning.Disabled = true
	actions.HTTPClient = &http.Client{Transport: refuse{}}
	out, err := osvscanner.DoScan(actions)
	if err != nil && !errors.Is(err, osvscanner.ErrVulnerabilitiesFound) {
		return nil, fmt.Errorf("osv-scanner: %w", err)
	}
	found := map[pkg][]string{}
	for _, source := range out.Results {
		for _, p := range source.Packages {
			k := key(pkg{p.Package.Name, p.Package.Version, p.Package.Ecosystem})
			ids := found[k]
			if ids == nil {
				ids = []string{}
			}
			for _, v := range p.Vulnerabilities {
				ids = append(ids, v.GetId())
			}
			slices.Sort(ids)
			found[k] = slices.Compact(ids)
		}
	}
	return found, nil
}

// key is how a package is recognised in the answer, whatever its spelling there.
func key(p pkg) pkg {
	p.Ecosystem, _, _ = strings.Cut(p.Ecosystem, ":")
	if p.Ecosystem == "PyPI" {
		p.Name = strings.ToLower(strings.NewReplacer("_", "-", ".", "-").Replace(p.Name))
	}
	p.Version = strings.TrimPrefix(p.Version, "v")
	return p
}

// writeSBOM writes a CycloneDX document: the one source whose names and versions
// osv-scanner takes as they stand.
func writeSBOM(path string, packages []pkg) error {
	type component struct {
		Type    string `json:"type"`
		Ref     string `json:"bom-ref"`
		Name    string `json:"name"`
		Version string `json:"version"`
		PURL    string `json:"purl"`
	}
	doc := struct {
		Format     string      `json:"bomFormat"`
		Spec       string      `json:"specVersion"`
		Version    int         `json:"version"`
		Components []component `json:"components"`
	}{"CycloneDX", "1.5", 1, nil}
	for i, p := range packages {
		doc.Components = append(doc.Components, component{"library", fmt.Sprint(i), p.Name, p.Version, purl(p)})
	}
	data, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("write the question: %w", err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("write the question: %w", err)
	}
	return nil
}

// purl names the package as the purl specification asks.
func purl(p pkg) string {
	segments := strings.Split(p.Name, "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(url.PathEscape(s), "@", "%40")
	}
	version := strings.ReplaceAll(url.PathEscape(p.Version), "+", "%2B")
	return "pkg:" + purlTypes[p.Ecosystem] + "/" + strings.Join(segments, "/") + "@" + version
}

// cpu is the processor time this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
