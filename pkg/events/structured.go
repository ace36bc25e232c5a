package events

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"mime"
	"slices"
	"strings"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// decodeStructured reads the CloudEvents JSON event format. The SDK's reader is not used: it panics on
// {"data_base64":1,"specversion":"1.0"} and lets a member given twice win silently.
func decodeStructured(data []byte) (Event, error) {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(data, &members); err != nil { // refuses bad UTF-8 and repeated names
		return Event{}, fmt.Errorf("structured event: %w", err)
	}
	c := &cloudevents.EventContextV1{}
	a := attributes{c: c}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if name == "data" || name == "data_base64" {
			continue
		}
		if err := a.setJSON(name, members[name]); err != nil {
			return Event{}, fmt.Errorf("member %q: %w", name, err)
		}
	}
	if !a.version {
		return Event{}, errors.New(`member "specversion" is missing`)
	}
	if err := a.complete(); err != nil {
		return Event{}, err
	}
	e := Event{Context: c}
	if err := setData(&e, members); err != nil {
		return Event{}, err
	}
	return e, nil
}

// setJSON stores a member: a string, or for extensions also a boolean or an integer; null is absent.
func (a *attributes) setJSON(name string, v jsontext.Value) error {
	switch v.Kind() {
	case 'n':
		return nil
	case '"':
		s, err := text(v)
		if err != nil {
			return err
		}
		return a.set(name, s)
	case 't', 'f':
		return a.extend(name, v.Kind() == 't')
	case '0':
		var f float64
		if err := json.Unmarshal(v, &f); err != nil {
			return err
		}
		n, ok := toInt32(f)
		if !ok {
			return fmt.Errorf("%s is not an integer of 32 bits", v)
		}
		return a.extend(name, n)
	}
	return errors.New("an attribute is a string, a boolean or an integer")
}

func setData(e *Event, members map[string]jsontext.Value) error {
	data, has := members["data"]
	coded, hasCoded := members["data_base64"]
	switch {
	case has && hasCoded:
		return errors.New(`members "data" and "data_base64" exclude one another`)
	case hasCoded:
		s, err := text(coded)
		if err == nil {
			e.DataEncoded, err = base64.StdEncoding.DecodeString(s)
		}
		if err != nil {
			return fmt.Errorf(`member "data_base64": %w`, err)
		}
		e.DataBase64 = true
	case has && jsonMedia(e.DataContentType()):
		e.DataEncoded = data
	case has:
		s, err := text(data)
		if err != nil {
			return fmt.Errorf(`member "data" of %s: %w`, e.DataContentType(), err)
		}
		e.DataEncoded = []byte(s)
	}
	return nil
}

func text(v jsontext.Value) (string, error) {
	var s string
	if v.Kind() != '"' {
		return "", errors.New("want a string")
	}
	err := json.Unmarshal(v, &s)
	return s, err
}

// jsonMedia: a missing datacontenttype means application/json (JSON event format §3.1).
func jsonMedia(s string) bool {
	mt, _, err := mime.ParseMediaType(s)
	return s == "" || err == nil && (mt == "application/json" || mt == "text/json" || strings.HasSuffix(mt, "+json"))
}
