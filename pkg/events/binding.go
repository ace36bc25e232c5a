package events

import (
	"errors"
	"fmt"
	"math"
	"mime"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
)

// The CloudEvents NATS protocol binding 1.0.3 ("nats-protocol-binding.md"): binary mode out, binary and
// structured mode in. Section numbers below are of that document, "CE" those of CloudEvents 1.0.2.

// ErrMalformed is wrapped by every refusal of [DecodeMessage]: no redelivery will mend the message.
var ErrMalformed = errors.New("not a CloudEvent")

const (
	attrPrefix  = "ce-"
	contentType = "content-type"
	structured  = "application/cloudevents"
)

// Encode writes e as a NATS message in binary content mode: attributes as "ce-" headers, the payload as the
// body. It refuses an event that the CloudEvents specification would not allow on the wire.
func Encode(e Event) (header map[string][]string, data []byte, err error) {
	c, ok := e.Context.(*cloudevents.EventContextV1)
	if !ok || c == nil {
		return nil, nil, fmt.Errorf("encode event: specversion is %q, want 1.0", e.SpecVersion())
	}
	w := writer{header: make(map[string][]string, 8+len(c.Extensions)), values: make([]string, 0, 8+len(c.Extensions))}
	w.put("ce-specversion", cloudevents.CloudEventsVersionV1)
	w.required("ce-id", c.ID)
	w.required("ce-source", c.Source.String())
	w.required("ce-type", c.Type)
	if c.Subject != nil {
		w.required("ce-subject", *c.Subject)
	}
	if c.Time != nil {
		text, err := c.Time.UTC().MarshalText() // RFC 3339, refusing years it can't write
		if err != nil {
			w.fail("ce-time", err)
		}
		w.put("ce-time", string(text))
	}
	if c.DataSchema != nil {
		w.required("ce-dataschema", c.DataSchema.String())
	}
	if c.DataContentType != nil {
		if err := checkMediaType(*c.DataContentType); err != nil {
			w.fail("ce-datacontenttype", err)
		}
		w.put("ce-datacontenttype", *c.DataContentType)
	}
	for name, v := range c.Extensions {
		if err := checkExtension(name); err != nil {
			w.fail(attrPrefix+name, err)
		}
		text, err := types.Format(v) // CE type system: the canonical string of each type
		if err != nil {
			w.fail(attrPrefix+name, err)
		}
		w.put(attrPrefix+name, text)
	}
	if w.err != nil {
		return nil, nil, fmt.Errorf("encode event %q: %w", c.ID, w.err)
	}
	return w.header, e.DataEncoded, nil
}

type writer struct {
	header map[string][]string
	values []string // backing of the one-element values, grown once
	err    error    // the first
}

func (w *writer) fail(name string, err error) {
	if w.err == nil {
		w.err = fmt.Errorf("%s: %w", name, err)
	}
}

func (w *writer) required(name, value string) {
	if strings.TrimSpace(value) == "" {
		w.fail(name, errors.New("is empty"))
	}
	w.put(name, value)
}

func (w *writer) put(name, value string) {
	if err := checkText(value); err != nil {
		w.fail(name, err)
	}
	w.values = append(w.values, escape(value))
	n := len(w.values)
	w.header[name] = w.values[n-1 : n : n]
}

// DecodeMessage reads an event from a NATS message in binary or structured mode. Header names compare
// case-insensitively. The event keeps data. Every error wraps [ErrMalformed] and says what is wrong.
func DecodeMessage(header map[string][]string, data []byte) (Event, error) {
	e, err := decodeMessage(header, data)
	if err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return e, nil
}

func decodeMessage(header map[string][]string, data []byte) (Event, error) {
	c := &cloudevents.EventContextV1{}
	a := attributes{c: c}
	var media string // of the content-type header
	var bad error    // of an attribute; matters in binary mode only
	for key, values := range header {
		name, isAttr := cutPrefixFold(key, attrPrefix)
		switch {
		case isAttr && len(values) == 1:
			value, err := unescape(values[0])
			if err == nil {
				err = a.set(lower(name), value)
			}
			if err != nil {
				bad = fmt.Errorf("header %q: %w", key, err)
			}
		case isAttr:
			bad = fmt.Errorf("header %q has %d values, want one", key, len(values))
		case strings.EqualFold(key, contentType) && len(values) > 0:
			if media != "" || len(values) > 1 {
				return Event{}, errors.New("header content-type is given twice, so the mode can't be told")
			}
			media = values[0]
		}
	}
	if is, err := isStructured(media); err != nil {
		return Event{}, fmt.Errorf("content-type %q: %w", media, err)
	} else if is {
		return decodeStructured(data) // §3: the payload is the whole event, whatever headers repeat of it
	}
	if bad != nil {
		return Event{}, bad
	}
	if !a.version {
		return Event{}, errors.New("header ce-specversion is missing, and content-type does not say application/cloudevents+json")
	}
	if err := a.complete(); err != nil {
		return Event{}, err
	}
	if c.DataContentType == nil && media != "" { // as those write it who follow the HTTP binding
		if err := a.set("datacontenttype", media); err != nil {
			return Event{}, fmt.Errorf("header content-type: %w", err)
		}
	}
	e := Event{Context: c}
	if len(data) > 0 {
		e.DataEncoded = data
		e.DataBase64 = !utf8.Valid(data) // as JSON it could not be a string
	}
	return e, nil
}

// isStructured tells the mode from the content-type header (§3).
func isStructured(media string) (bool, error) {
	if _, ok := cutPrefixFold(strings.TrimSpace(media), structured); !ok {
		return false, nil
	}
	mt, params, err := mime.ParseMediaType(media)
	switch {
	case err != nil:
		return false, err
	case strings.HasPrefix(mt, structured+"-batch"):
		return false, errors.New("a batch; the NATS binding has no batches, send each event as a message of its own")
	case mt == structured || mt == structured+"+json":
		if cs := params["charset"]; cs != "" && !strings.EqualFold(cs, "utf-8") {
			return false, errors.New("want charset utf-8")
		}
		return true, nil
	case strings.HasPrefix(mt, structured+"+"):
		return false, errors.New("an event format other than JSON; want application/cloudevents+json")
	}
	return false, nil
}

// attributes fills a context, each attribute once.
type attributes struct {
	c       *cloudevents.EventContextV1
	version bool
}

var errTwice = errors.New("is given twice")

// set stores the attribute called name, in lower case, from its canonical string.
func (a *attributes) set(name, value string) error {
	if err := checkText(value); err != nil {
		return err
	}
	switch name {
	case "specversion":
		if value != cloudevents.CloudEventsVersionV1 {
			return fmt.Errorf("specversion is %q, want 1.0", value)
		}
		if a.version {
			return errTwice
		}
		a.version = true
		return nil
	case "id":
		return setOnce(&a.c.ID, value)
	case "type":
		return setOnce(&a.c.Type, value)
	case "source":
		u, err := parseURI(value)
		if err == nil && a.c.Source.String() != "" {
			err = errTwice
		}
		a.c.Source = types.URIRef{URL: u}
		return err
	case "subject":
		return setOncePtr(&a.c.Subject, value)
	case "datacontenttype":
		if err := checkMediaType(value); err != nil {
			return err
		}
		return setOncePtr(&a.c.DataContentType, value)
	case "dataschema":
		u, err := parseURI(value)
		if err == nil && !u.IsAbs() {
			err = fmt.Errorf("%q is not an absolute URI", value)
		}
		if err == nil && a.c.DataSchema != nil {
			err = errTwice
		}
		a.c.DataSchema = &types.URI{URL: u}
		return err
	case "time":
		t, err := parseTime(value)
		if err != nil {
			return err
		}
		if a.c.Time != nil {
			return errTwice
		}
		a.c.Time = &types.Timestamp{Time: t}
		return nil
	}
	return a.extend(name, value)
}

func (a *attributes) extend(name string, value any) error {
	if err := checkExtension(name); err != nil {
		return err
	}
	if _, ok := a.c.Extensions[name]; ok {
		return errTwice
	}
	if a.c.Extensions == nil {
		a.c.Extensions = make(map[string]any, 8)
	}
	a.c.Extensions[name] = value
	return nil
}

// complete checks the required attributes (CE "REQUIRED Attributes").
func (a *attributes) complete() error {
	for _, r := range [...]struct{ name, value string }{{"id", a.c.ID}, {"source", a.c.Source.String()}, {"type", a.c.Type}} {
		if strings.TrimSpace(r.value) == "" {
			return fmt.Errorf("attribute %s is missing", r.name)
		}
	}
	return nil
}

func setOnce(dst *string, value string) error {
	switch {
	case strings.TrimSpace(value) == "":
		return errors.New("is empty")
	case *dst != "":
		return errTwice
	}
	*dst = value
	return nil
}

func setOncePtr(dst **string, value string) error {
	var s string
	if *dst != nil {
		s = **dst
	}
	if err := setOnce(&s, value); err != nil {
		return err
	}
	*dst = &s
	return nil
}

func parseURI(s string) (url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return url.URL{}, fmt.Errorf("%q is not a URI reference", s)
	}
	return *u, nil
}

// parseTime is stricter than package time, which takes an hour of one digit, a comma and an offset of 24:60
// for RFC 3339 (golang/go#54580).
func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	loose := err == nil && (s[len("2006-01-02T15")] != ':' || strings.Contains(s, ","))
	if n := len(s); err == nil && !loose && s[n-1] != 'Z' { // ±hh:mm
		loose = s[n-5:n-3] > "23" || s[n-2:] > "59"
	}
	if err != nil || loose {
		return time.Time{}, fmt.Errorf("%q is not a time of RFC 3339", s)
	}
	return t, nil
}

func checkMediaType(s string) error {
	if s == cloudevents.ApplicationJSON {
		return nil
	}
	if _, _, err := mime.ParseMediaType(s); err != nil {
		return fmt.Errorf("%q is not a media type: %w", s, err)
	}
	return nil
}

// checkExtension: lower-case letters and digits (CE "Attribute Naming Convention"), and not a name that is taken.
func checkExtension(name string) error {
	switch name {
	case "":
		return errors.New("an attribute without a name")
	case "data", "specversion", "id", "type", "source", "subject", "time", "datacontenttype", "dataschema":
		return fmt.Errorf("%q can't be an extension attribute", name)
	}
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return fmt.Errorf("attribute name %q: want lower-case letters and digits only", name)
		}
	}
	return nil
}

// checkText holds a value to the characters of CE's String type: no controls, no non-characters.
func checkText(s string) error {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7F {
			return checkRunes(s)
		}
	}
	return nil
}

func checkRunes(s string) error {
	if !utf8.ValidString(s) {
		return errors.New("is not valid UTF-8")
	}
	for _, r := range s {
		if unicode.IsControl(r) || r&0xFFFE == 0xFFFE || (r >= 0xFDD0 && r <= 0xFDEF) {
			return fmt.Errorf("holds the character %U, which CloudEvents forbids", r)
		}
	}
	return nil
}

// lower folds ASCII letters only: a Kelvin sign is no k.
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if b[i] >= 'A' && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// cutPrefixFold cuts an ASCII prefix given in lower case.
func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || lower(s[:len(prefix)]) != prefix {
		return s, false
	}
	return s[len(prefix):], true
}

// toInt32 is CE's Integer.
func toInt32(f float64) (int32, bool) {
	return int32(f), f == math.Trunc(f) && f >= math.MinInt32 && f <= math.MaxInt32
}
