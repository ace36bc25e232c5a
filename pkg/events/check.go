package events

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// Check reports why e may not be appended. What passes can be written to NATS and folded: the log is for
// ever, and an event in it that nobody can read would be, too.
func Check(e Event) error {
	row, ok := Lookup(e.Type())
	if !ok {
		return fmt.Errorf("event %q: type %q is not in the catalogue", e.ID(), e.Type())
	}
	if err := check(e, row); err != nil {
		return fmt.Errorf("event %s %q: %w", row.Name(), e.ID(), err)
	}
	return nil
}

func check(e Event, row Row) error {
	if err := CheckApp(App(e)); err != nil {
		return err
	}
	if row.OrgOnly != (App(e) == Org) {
		return fmt.Errorf("application is %q, but events of the organisation, and only they, carry %q", App(e), Org)
	}
	if err := checkLane(Lane(Ext(e, ExtLane))); err != nil {
		return err
	}
	if want := sourcePrefix + string(row.Producer); e.Source() != want {
		return fmt.Errorf("source is %q, want %q", e.Source(), want)
	}
	if e.Time().IsZero() {
		return errors.New("no time")
	}
	if err := checkBatch(e); err != nil {
		return err
	}
	n, err := wireSize(e)
	if err != nil {
		return err
	}
	if n > MaxSize { // before the payload is read: what is refused should cost little
		return fmt.Errorf("%d bytes are more than %d; store the payload as evidence", n, MaxSize)
	}
	return checkPayload(e, row)
}

func checkLane(l Lane) error {
	if l != Urgent && l != Routine {
		return fmt.Errorf("lane %q is neither %s nor %s", l, Urgent, Routine)
	}
	return nil
}

func checkBatch(e Event) error {
	batch, final := Ext(e, ExtBatch), Ext(e, ExtBatchFinal)
	if batch != "" && (len(batch) != len("sha256:")+64 || !strings.HasPrefix(batch, "sha256:")) {
		return fmt.Errorf("%s %q is not the digest of a stored result", ExtBatch, batch)
	}
	if final != "" && (final != "true" || batch == "") {
		return fmt.Errorf(`%s is %q; want "true", on the closing event of a %s only`, ExtBatchFinal, final, ExtBatch)
	}
	return nil
}

// ofApplication is a payload that repeats the application; where it does, both must agree.
type ofApplication interface{ application() string }

func (p ApplicationDeclared) application() string { return p.Application }
func (p ScanRequested) application() string       { return p.Application }
func (p ScanCompleted) application() string       { return p.Application }
func (p ScanFailed) application() string          { return p.Application }

func checkPayload(e Event, row Row) error {
	if e.DataContentType() != cloudevents.ApplicationJSON {
		return fmt.Errorf("datacontenttype is %q, want %s", e.DataContentType(), cloudevents.ApplicationJSON)
	}
	p := reflect.New(reflect.TypeOf(row.Payload))
	if err := json.Unmarshal(e.Data(), p.Interface(), strictly); err != nil {
		return fmt.Errorf("payload is not a %s: %w", p.Type().Elem().Name(), err)
	}
	if jsontext.Value(e.Data()).Kind() != '{' { // null would pass for an empty one
		return errors.New("payload is not an object")
	}
	if a, ok := p.Elem().Interface().(ofApplication); ok && a.application() != "" && a.application() != App(e) {
		return fmt.Errorf("payload speaks of application %q, the event of %q", a.application(), App(e))
	}
	return nil
}

// strictly is how payloads are read before they are stored: as later, but each member once and in UTF-8.
var strictly = json.JoinOptions(jsonv1.DefaultOptionsV1(), jsontext.AllowDuplicateNames(false), jsontext.AllowInvalidUTF8(false))

// Size is the encoded size of e in bytes: headers and payload.
func Size(e Event) int {
	n, err := wireSize(e)
	if err != nil {
		return len(e.Data())
	}
	return n
}

func wireSize(e Event) (int, error) {
	header, data, err := Encode(e)
	n := len("NATS/1.0\r\n\r\n") + len(data)
	for k, v := range header {
		n += len(k) + len(v[0]) + len(": \r\n")
	}
	return n, err
}
