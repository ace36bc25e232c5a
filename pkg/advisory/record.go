package advisory

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// errSchema: a record of a major schema version this code does not know. Its fields may mean other things.
var errSchema = errors.New("unknown schema version")

// document is the part of an OSV record (https://ossf.github.io/osv-schema/) that matching needs. What may be
// malformed without making the record useless is kept raw and read leniently.
type document struct {
	SchemaVersion string             `json:"schema_version"`
	ID            string             `json:"id"`
	Modified      string             `json:"modified"`
	Published     string             `json:"published"`
	Withdrawn     string             `json:"withdrawn"`
	Aliases       []string           `json:"aliases"`
	Summary       string             `json:"summary"`
	Details       string             `json:"details"`
	Severity      []documentSeverity `json:"severity"`
	Affected      []documentAffected `json:"affected"`
	References    []struct {
		Type string `json:"type"`
		URL  string `json:"url"`
	} `json:"references"`
	DatabaseSpecific jsontext.Value `json:"database_specific"`
}

type documentSeverity struct {
	Type  string `json:"type"`
	Score string `json:"score"`
}

type documentAffected struct {
	Package struct {
		Ecosystem string `json:"ecosystem"`
		Name      string `json:"name"`
	} `json:"package"`
	Severity []documentSeverity `json:"severity"`
	Ranges   []documentRange    `json:"ranges"`
	Versions []string           `json:"versions"`
}

type documentRange struct {
	Type   string `json:"type"`
	Events []struct {
		Introduced   string `json:"introduced"`
		Fixed        string `json:"fixed"`
		LastAffected string `json:"last_affected"`
		Limit        string `json:"limit"`
	} `json:"events"`
}

// record is a document boiled down to one ecosystem: what the snapshot is built from.
type record struct {
	id        string
	aliases   []string
	title     string
	url       string
	published int64 // Unix seconds; 0 is unknown
	modified  int64
	withdrawn bool
	rating    rating // of its own CVSS vectors
	level     string // what database_specific says, when it does
	affected  []affected
}

// affected is one package of a record, in the record's ecosystem.
type affected struct {
	name     string // normalised
	rating   rating // where the severity is given for the package alone
	ranges   []versionRange
	versions []string // listed one by one and in none of the ranges
}

var decodeOptions = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// parseRecord reads one OSV record and keeps what it says of the ecosystem. An unknown ecosystem, severity
// type, range type or time loses that part only.
func parseRecord(data []byte, ecosystem string) (record, error) {
	doc, err := parseDocument(data)
	if err != nil {
		return record{}, err
	}
	return doc.record(ecosystem), nil
}

func parseDocument(data []byte) (*document, error) {
	doc := &document{}
	if err := json.Unmarshal(data, doc, decodeOptions); err != nil {
		return nil, fmt.Errorf("read the record: %w", err)
	}
	if !isID(doc.ID) {
		return nil, fmt.Errorf("the record has no id that can be shown: %q", clip(doc.ID, 60))
	}
	major, _, _ := strings.Cut(doc.SchemaVersion, ".")
	if major != "1" && major != "0" && doc.SchemaVersion != "" {
		return nil, fmt.Errorf("%w %q of %s: this Drydock reads 1.x; a newer release may read it", errSchema, clip(doc.SchemaVersion, 20), clip(doc.ID, 60))
	}
	return doc, nil
}

func (d *document) record(ecosystem string) record {
	r := record{
		id: d.ID, aliases: slices.DeleteFunc(d.Aliases, func(a string) bool { return !isID(a) }), title: title(d.Summary, d.Details),
		published: unixTime(d.Published), modified: unixTime(d.Modified),
		withdrawn: unixTime(d.Withdrawn) != 0, rating: rate(d.Severity),
	}
	var specific struct {
		Severity jsontext.Value `json:"severity"`
		URL      jsontext.Value `json:"url"`
	}
	if len(d.DatabaseSpecific) > 0 && d.DatabaseSpecific.Kind() == '{' {
		_ = json.Unmarshal(d.DatabaseSpecific, &specific, decodeOptions) // free text of the database: nothing is owed
	}
	r.level = levelOf(text(specific.Severity))
	r.url = d.link(text(specific.URL))
	scheme := schemeOf(ecosystem)
	for i := range d.Affected {
		a := &d.Affected[i]
		if baseEcosystem(a.Package.Ecosystem) != ecosystem || a.Package.Name == "" {
			continue
		}
		r.affected = append(r.affected, a.boil(scheme, normalName(ecosystem, a.Package.Name)))
	}
	return r
}

func (a *documentAffected) boil(s scheme, name string) affected {
	out := affected{name: name, rating: rate(a.Severity)}
	for _, dr := range a.Ranges {
		// GIT ranges speak of commits: they neither match a version nor hide the ranges that do.
		if dr.Type != "ECOSYSTEM" && dr.Type != "SEMVER" {
			continue
		}
		r := versionRange{}
		for _, e := range dr.Events {
			r.add(s, introduced, e.Introduced)
			r.add(s, fixed, e.Fixed)
			r.add(s, lastAffected, e.LastAffected)
			r.add(s, limit, e.Limit)
		}
		if len(r.events) > 0 {
			r.sort(s)
			out.ranges = append(out.ranges, r)
		}
	}
	for _, v := range a.Versions {
		if parsed, err := s.parse(v); err != nil || !covered(s, out.ranges, parsed) {
			out.versions = append(out.versions, v)
		}
	}
	return out
}

// link picks the page a person should read: the database's own, else the advisory, else any.
func (d *document) link(own string) string {
	if isWeb(own) {
		return own
	}
	first := ""
	for _, ref := range d.References {
		switch {
		case !isWeb(ref.URL):
		case ref.Type == "ADVISORY":
			return ref.URL
		case first == "":
			first = ref.URL
		}
	}
	return first
}

func isWeb(u string) bool {
	return isID(u) && (strings.HasPrefix(u, "https://") || strings.HasPrefix(u, "http://"))
}

// isID says whether a text can stand in a report and on a terminal as it is: not empty, no white space, no
// control characters.
func isID(s string) bool {
	return s != "" && len(s) < 2048 && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || unicode.IsControl(c) || c == utf8.RuneError })
}

// introduction is a sentence that says what a package is, before the one that says what is wrong with it. A third of the
// records of PyPI begin with one, and a title has room for little more.
var introduction = regexp.MustCompile("^[\\w.\\- ()/`]{1,60} is (?:a|an|the) [^.\n]{1,200}\\.[ \n]+([A-Za-z0-9`])")

// tellsOfFlaw finds sentences that are none.
var tellsOfFlaw = regexp.MustCompile(`(?i)^(?:there|this|it|here|cve\S*) is|vulnerab|attack|flaw|issue|overflow|inject|bypass|malicious|leak|exploit|insecure|denial|crash|bug\b|weakness|expos|race|affect`)

// title is the summary, else the beginning of the details: many databases have no summaries.
func title(summary, details string) string {
	t := strings.TrimSpace(summary)
	if t == "" {
		t = strings.TrimSpace(details)
		for strings.HasPrefix(t, "#") { // a Markdown heading: its text is "Impact" or the like
			_, t, _ = strings.Cut(t, "\n")
			t = strings.TrimSpace(t)
		}
		t, _, _ = strings.Cut(t, "\n\n")
		t = strings.TrimSpace(t)
		for range 2 { // of the package, and of what it is part of
			if m := introduction.FindStringSubmatchIndex(t); m != nil && !tellsOfFlaw.MatchString(t[:m[2]]) {
				t = t[m[2]:]
			}
		}
	}
	t = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) { // escape sequences have no business in a title
			return ' '
		}
		return c
	}, clip(t, 400))
	return clip(strings.Join(strings.Fields(t), " "), 160)
}

// clip shortens to n bytes at a character's edge.
func clip(s string, n int) string {
	if len(s) > n {
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n] + "…"
	}
	return strings.Clone(s) // lets go of the record it came from
}

// unixTime reads RFC 3339 with "Z" or an offset; anything else is 0, unknown.
func unixTime(s string) int64 {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return 0
	}
	return max(t.Unix(), 0) // the year 1 is how some databases write "unknown"
}

// text returns a JSON string's content, "" for anything else.
func text(v jsontext.Value) string {
	var s string
	if v.Kind() != '"' || json.Unmarshal(v, &s, decodeOptions) != nil {
		return ""
	}
	return s
}

// ecosystems lists the distinct ecosystems a document speaks of.
func (d *document) ecosystems() []string {
	var all []string
	for i := range d.Affected {
		if e := baseEcosystem(d.Affected[i].Package.Ecosystem); e != "" && !slices.Contains(all, e) {
			all = append(all, e)
		}
	}
	return all
}
