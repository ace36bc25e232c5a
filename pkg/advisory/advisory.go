// Package advisory holds the OSV databases: importing and updating them, and
// telling which vulnerabilities hit a package version.
package advisory

import (
	"errors"
	"time"
)

// What makes an answer impossible.
var (
	ErrNoDatabase = errors.New("no advisory database")
	ErrVersion    = errors.New("version can't be read")
	ErrEcosystem  = errors.New("no version scheme for this ecosystem") // always together with ErrNoDatabase
)

// Hit is one vulnerability (a group of records that alias one another) that covers a version.
type Hit struct {
	ID           string   // the CVE where there is one, else the first of GHSA, the ecosystem's own id
	IDs          []string // matching records and all their aliases, sorted
	Kind         string   // events.KindVulnerability | events.KindMalicious
	Title        string
	URL          string
	Severity     string // critical | high | medium | low | unknown
	Score        *float64
	Vector       string
	SeverityFrom string // id of the record the severity came from
	KEV          *bool
	EPSS         *float64
	FixedIn      []string // fixed versions above the one asked for, ascending
	Published    *time.Time
	Modified     *time.Time
}

// Database describes one loaded ecosystem.
type Database struct {
	Name    string // OSV ecosystem
	Digest  string // sha256:… of the archive
	Records int
	Newest  *time.Time
	Fetched *time.Time // nil for a database given by hand
	Partial bool       // it says itself that it is only part of one, or records of it could not be read

	Source     string   // file or URL it was taken in from; empty for one given by hand
	Refused    int      // records that could not be read: unknown schema, malformed
	RefusedWhy []string // file and cause of the first few
}

// Matcher answers what the scanner and the planner ask. Implementations are safe for concurrent use and
// immutable: a newer database is another Matcher.
type Matcher interface {
	// Match returns the vulnerabilities that cover version of the package, by severity then id. Hits are the
	// caller's to change. An error wraps
	// ErrNoDatabase (nothing loaded for the ecosystem) or ErrVersion (the version can't be read in its scheme):
	// never take either for clean.
	Match(ecosystem, name, version string) (hits []Hit, err error)
	// Databases lists what is loaded, by name.
	Databases() []Database
	// Digest names everything loaded, the KEV and EPSS lists included.
	Digest() string
}
