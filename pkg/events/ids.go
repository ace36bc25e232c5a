package events

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unique"
)

// eventID is an event's id in the 16 bytes [ID] makes it of; an id of another form is hashed into them. A
// fold keeps one for each event it has seen, so their size counts.
type eventID [16]byte

func idOf(s string) eventID {
	var id eventID
	if len(s) == 2*len(id) && strings.Trim(s, "0123456789abcdef") == "" {
		if _, err := hex.Decode(id[:], []byte(s)); err == nil {
			return id
		}
	}
	sum := sha256.Sum256([]byte(s))
	copy(id[:], sum[:])
	return id
}

// producerOf names the service an event comes from. Of a type this binary does not know, the source tells.
func producerOf(e Event) Service {
	if row, ok := Lookup(e.Type()); ok {
		return row.Producer
	}
	name, _ := strings.CutPrefix(e.Source(), sourcePrefix)
	return Service(name)
}

// answer is what Done is asked about.
type answer struct {
	cause    eventID
	producer Service
}

func answerOf(cause string, producer Service) answer {
	return answer{idOf(cause), Service(unique.Make(string(producer)).Value())}
}

// shared returns f with its texts taken from the process's pool: ten thousand applications that have a
// vulnerability hold its title once.
func (f FindingOpened) shared() FindingOpened {
	for _, s := range []*string{&f.Scope, &f.Package, &f.Ecosystem, &f.Version, &f.Source, &f.Kind, &f.Vulnerability, &f.Title} {
		*s = unique.Make(*s).Value()
	}
	for _, list := range [][]string{f.IDs, f.FixedIn} {
		for i, s := range list {
			list[i] = unique.Make(s).Value()
		}
	}
	f.Urgency = f.Urgency.shared()
	return f
}

func (u Urgency) shared() Urgency {
	for _, s := range []*string{&u.Severity, &u.Vector, &u.SeverityFrom} {
		*s = unique.Make(*s).Value()
	}
	return u
}
