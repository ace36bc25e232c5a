package bus

import (
	"encoding/json"
	"fmt"

	"github.com/drydock-dev/drydock/pkg/events"
)

// Stand-in for events.Encode and events.DecodeMessage: structured mode, until the binding is there.

func encodeEvent(e events.Event) (map[string][]string, []byte, error) {
	data, err := json.Marshal(e)
	return map[string][]string{"content-type": {"application/cloudevents+json"}}, data, err
}

func decodeEvent(_ map[string][]string, data []byte) (events.Event, error) {
	var e events.Event
	if err := json.Unmarshal(data, &e); err != nil {
		return e, fmt.Errorf("decode event: %w", err)
	}
	return e, nil
}
