package events

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
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
	return Service(strings.TrimPrefix(e.Source(), sourcePrefix))
}

// answer is what Done is asked about.
type answer struct {
	cause    eventID
	producer Service
}

func answerOf(cause string, producer Service) answer { return answer{idOf(cause), producer} }
