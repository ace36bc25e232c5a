// Package events is the vocabulary of Drydock: the catalogue of facts, their
// payloads, the CloudEvents they travel in, and the pure fold that turns an
// application's events into its present state.
//
// Nothing here touches a network, a clock or a disk. What an event means is
// decided in this package and nowhere else: subjects, schemas and docs/events.md
// are derived from [Catalog].
package events

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// Event is a CloudEvents 1.0 event. Its `subject` attribute is the application
// it speaks of ([Org] for the organisation), its `source` "/drydock/<producer>",
// its `type` "dev.drydock.<entity>.<verb>.v<N>".
type Event = cloudevents.Event

// Lane says how soon an event must be handled. It is part of the NATS subject so
// that urgent work has consumers of its own.
type Lane string

// The two lanes.
const (
	Urgent  Lane = "urgent"
	Routine Lane = "routine"
)

// LaneOf is the lane in which a change of a policy class goes all its way: an emergency never queues behind routine
// work, whatever asked for the scan that found it.
func LaneOf(class string) Lane {
	if class == classEmergency {
		return Urgent
	}
	return Routine
}

// classEmergency is the policy's name of the class (docs/policy.md).
const classEmergency = "emergency"

// sourcePrefix goes before the producer in `source`.
const sourcePrefix = "/drydock/"

// Org stands where an application's name stands when an event concerns every application.
const Org = "_"

// Extension attributes (CloudEvents 1.0 §"Extension Context Attributes": lower-case letters and digits only).
const (
	ExtLane        = "lane"        // urgent | routine
	ExtCause       = "causationid" // id of the event that was handled when this one was decided
	ExtChange      = "changeid"    // the change it belongs to, where there is one
	ExtActor       = "actor"       // the person or service that caused it
	ExtTraceparent = "traceparent" // W3C Trace Context
	ExtBatch       = "batch"       // sha256:… of the stored result a split append carries on from
	ExtBatchFinal  = "batchfinal"  // "true" on the event that closes a split result
)

// MaxSize is the largest encoded event in bytes (payload and attributes). What is larger goes to the
// object store as evidence and travels as a digest.
const MaxSize = 256 << 10

var appName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// CheckApp reports why name can't name an application; [Org] is accepted.
func CheckApp(name string) error {
	if name == Org || appName.MatchString(name) {
		return nil
	}
	return fmt.Errorf("application name %q: want 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit", name)
}

// Meta is what an event says beside its payload.
type Meta struct {
	App         string    // application, or Org
	Lane        Lane      // empty means Routine, and LaneOf its class for a change that is opened
	Cause       string    // id of the handled event; for an event from outside any stable id of the request
	Key         string    // natural key: the finding, update set or step it speaks of; never an index
	Change      string    // change id
	Actor       string    // who
	Traceparent string    // W3C trace context
	Time        time.Time // when it happened, UTC; required
}

// New makes the event of payload's type. Its id is a function of (cause, type, key), so handling the
// same cause twice gives the same ids.
func New(m Meta, payload any) (Event, error) {
	row, ok := RowOf(payload)
	if !ok {
		return Event{}, fmt.Errorf("new event: %T is not in the catalogue", payload)
	}
	if err := CheckApp(m.App); err != nil {
		return Event{}, fmt.Errorf("new event %s: %w", row.Name(), err)
	}
	if m.Time.IsZero() {
		return Event{}, fmt.Errorf("new event %s: no time", row.Name())
	}
	lane := m.Lane
	if lane == "" {
		lane = Routine
	}
	if o, ok := payload.(ChangeOpened); ok && lane == Routine {
		lane = LaneOf(o.Class)
	}
	if err := checkLane(lane); err != nil {
		return Event{}, fmt.Errorf("new event %s: %w", row.Name(), err)
	}
	data, err := encodePayload(payload)
	if err != nil {
		return Event{}, fmt.Errorf("new event %s: %w", row.Name(), err)
	}
	e := cloudevents.New(cloudevents.CloudEventsVersionV1)
	e.SetID(ID(m.Cause, row.Type(), m.Key))
	e.SetType(row.Type())
	e.SetSource(sourcePrefix + string(row.Producer))
	e.SetSubject(m.App)
	e.SetTime(m.Time.UTC())
	e.SetExtension(ExtLane, string(lane))
	for k, v := range map[string]string{ExtCause: m.Cause, ExtChange: m.Change, ExtActor: m.Actor, ExtTraceparent: m.Traceparent} {
		if v != "" {
			e.SetExtension(k, v)
		}
	}
	if err := e.SetData(cloudevents.ApplicationJSON, jsonv1.RawMessage(data)); err != nil {
		return Event{}, fmt.Errorf("new event %s: %w", row.Name(), err)
	}
	return e, nil
}

// encodePayload writes an empty list or map as such, never as null: the schemas say list and object.
func encodePayload(payload any) ([]byte, error) {
	return json.Marshal(payload, jsonv1.DefaultOptionsV1(), json.FormatNilSliceAsNull(false), json.FormatNilMapAsNull(false))
}

// ID is the deterministic id of the event of type typ that handling cause yields for key.
func ID(cause, typ, key string) string {
	sum := sha256.Sum256([]byte(cause + "\x00" + typ + "\x00" + key))
	return hex.EncodeToString(sum[:16])
}

// ErrWrongType is returned by [Decode] for an event of another type than asked for.
var ErrWrongType = errors.New("wrong event type")

// Decode reads the payload of e, which must be of T's row. Unknown keys are ignored, so a reader
// survives an older or newer writer of the same version.
func Decode[T any](e Event) (T, error) {
	var p T
	row, ok := RowOf(p)
	if !ok || row.Type() != e.Type() {
		return p, fmt.Errorf("%w: %s is not a %T", ErrWrongType, e.Type(), p)
	}
	if err := json.Unmarshal(e.Data(), &p, jsonv1.DefaultOptionsV1()); err != nil {
		return p, fmt.Errorf("decode %s %s: %w", e.Type(), e.ID(), err)
	}
	return p, nil
}

// Ext returns an extension attribute as its canonical string, empty when absent.
func Ext(e Event, name string) string {
	c, ok := e.Context.(*cloudevents.EventContextV1) // Event.Extensions copies the map each time
	if !ok || c.Extensions[name] == nil {
		return ""
	}
	v := c.Extensions[name]
	if s, ok := v.(string); ok {
		return s
	}
	s, err := types.Format(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return s
}

// App returns the application an event speaks of.
func App(e Event) string { return e.Subject() }
