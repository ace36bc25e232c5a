package advisory

import (
	"strings"

	cvss20 "github.com/pandatix/go-cvss/20"
	cvss30 "github.com/pandatix/go-cvss/30"
	cvss31 "github.com/pandatix/go-cvss/31"
	cvss40 "github.com/pandatix/go-cvss/40"
)

// Levels of severity.
const (
	Critical = "critical"
	High     = "high"
	Medium   = "medium"
	Low      = "low"
	Unknown  = "unknown"
)

// levels orders them, most urgent first; unknown counts as high but stands below it.
var levels = [...]string{Critical, High, Medium, Low, Unknown}

func rank(level string) int {
	for i, l := range levels {
		if l == level {
			return i
		}
	}
	return len(levels) - 1
}

// rating is what a CVSS vector says. The zero value says nothing.
type rating struct {
	score  float64
	vector string
	level  string
}

func (r rating) known() bool { return r.vector != "" }

// rate takes the newest CVSS version among the vectors that can be read; other types are left out.
func rate(given []documentSeverity) rating {
	best, newest := rating{}, 0
	for _, s := range given {
		r, generation, ok := parseVector(strings.TrimSpace(s.Score))
		if ok && generation > newest {
			best, newest = r, generation
		}
	}
	return best
}

// parseVector goes by the vector itself: databases put CVSS 3.0 and 3.1 under one type.
func parseVector(vector string) (r rating, generation int, ok bool) {
	r = rating{vector: vector}
	switch {
	case strings.HasPrefix(vector, "CVSS:4.0/"):
		v, err := cvss40.ParseVector(vector)
		if err != nil {
			return r, 0, false
		}
		r.score, generation = v.Score(), 4
	case strings.HasPrefix(vector, "CVSS:3.1/"):
		v, err := cvss31.ParseVector(vector)
		if err != nil {
			return r, 0, false
		}
		r.score, generation = v.BaseScore(), 3
	case strings.HasPrefix(vector, "CVSS:3.0/"):
		v, err := cvss30.ParseVector(vector)
		if err != nil {
			return r, 0, false
		}
		r.score, generation = v.BaseScore(), 2
	default:
		v, err := cvss20.ParseVector(strings.TrimSuffix(strings.TrimPrefix(vector, "("), ")"))
		if err != nil {
			return r, 0, false
		}
		r.score, generation = v.BaseScore(), 1
	}
	r.level = scoreLevel(r.score, generation)
	return r, generation, true
}

// scoreLevel is the qualitative scale of CVSS 3 and 4; CVSS 2 has no critical (NVD's scale).
func scoreLevel(score float64, generation int) string {
	switch {
	case score >= 9 && generation > 1:
		return Critical
	case score >= 7:
		return High
	case score >= 4:
		return Medium
	default:
		return Low
	}
}

// levelOf reads a database's own word for severity; "" is none that is known.
func levelOf(word string) string {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "critical":
		return Critical
	case "high", "important":
		return High
	case "medium", "moderate":
		return Medium
	case "low", "negligible", "minor":
		return Low
	default:
		return ""
	}
}
