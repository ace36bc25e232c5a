package bus

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
)

// Subjects of what is no event. Events have theirs from the catalogue.
const (
	timerPrefix = "drydock.timer."
	duePrefix   = "drydock.due."
)

// Streams a message can come from.
const (
	streamEvents = "EVENTS"
	streamTimers = "TIMERS"
	streamBroker = "BROKER"
)

// tokenForm is what a service, a timer's key and a consumer's name may be: one token of a subject.
var tokenForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,127}$`)

// keyForm is what NATS takes for the key of a bucket.
var keyForm = regexp.MustCompile(`^[-/_=a-zA-Z0-9]+(\.[-/_=a-zA-Z0-9]+)*$`)

func checkToken(what, s string) error {
	if tokenForm.MatchString(s) {
		return nil
	}
	return fmt.Errorf("%w: %s %q: want 1 to 128 of a-z, 0-9 and '-', starting with a letter or digit", ErrInvalid, what, s)
}

func checkKey(key string) error {
	if keyForm.MatchString(key) {
		return nil
	}
	return fmt.Errorf("%w: key %q: want letters, digits and any of - / _ = with single dots between", ErrInvalid, key)
}

// checkTimer is the door of Schedule and Cancel.
func checkTimer(service, app, key string) error {
	if err := checkToken("timer's service", service); err != nil {
		return err
	}
	if err := events.CheckApp(app); err != nil {
		return fmt.Errorf("%w: timer: %w", ErrInvalid, err)
	}
	return checkToken("timer's key", key)
}

func timerSubject(service, app, key string) string {
	return timerPrefix + service + "." + app + "." + key
}

func dueSubject(service, app, key string) string {
	return duePrefix + service + "." + app + "." + key
}

func encodeTimer(t Timer) ([]byte, error) {
	t.At = t.At.UTC()
	return json.Marshal(t)
}

func decodeDue(subject string, data []byte) (Due, error) {
	var d Due
	if err := json.Unmarshal(data, &d); err != nil {
		return d, fmt.Errorf("decode timer on %s: %w", subject, err)
	}
	if subject != dueSubject(d.Service, d.App, d.Key) {
		return d, fmt.Errorf("decode timer on %s: it says service %q, application %q, key %q", subject, d.Service, d.App, d.Key)
	}
	return d, nil
}

// decodeRecord reads a stored message. What does not decode, or stands on a subject that is not its own, comes
// back with Err set: a record is never skipped.
func decodeRecord(subject string, header map[string][]string, data []byte, seq uint64, stored time.Time) Record {
	r := Record{Record: events.Record{Sequence: seq, Time: stored.UTC()}, Subject: subject}
	e, err := events.DecodeMessage(header, data)
	if err == nil {
		err = checkSubject(e, subject)
	}
	if err != nil {
		r.Err = fmt.Errorf("message %d on %s: %w", seq, subject, err)
		return r
	}
	r.Event = e
	return r
}

// checkSubject compares the application and, of a type this binary knows, the whole subject. An event of a
// newer Drydock is let through: the fold keeps what it does not know.
func checkSubject(e events.Event, subject string) error {
	app, err := events.AppOfSubject(subject)
	if err != nil {
		return err
	}
	if app != events.App(e) {
		return fmt.Errorf("event %q is of application %q", e.ID(), events.App(e))
	}
	if _, known := events.Lookup(e.Type()); !known {
		return nil
	}
	want, err := events.Subject(e)
	if err == nil && want != subject {
		err = fmt.Errorf("event %q belongs on %s", e.ID(), want)
	}
	return err
}

// matches reports whether a subject fits a filter with '*' for one token and a final '>' for the rest.
func matches(filter, subject string) bool {
	for {
		f, fRest, fMore := strings.Cut(filter, ".")
		s, sRest, sMore := strings.Cut(subject, ".")
		if f == ">" {
			return true
		}
		if f != "*" && f != s {
			return false
		}
		if !fMore || !sMore {
			return fMore == sMore
		}
		filter, subject = fRest, sRest
	}
}

func matchesAny(filters []string, subject string) bool {
	for _, f := range filters {
		if matches(f, subject) {
			return true
		}
	}
	return false
}

// subjectFilter is the one filter that selects what q asks for, "" for everything.
func (q Query) subjectFilter() (string, error) {
	if q.App == "" && q.Name == "" {
		return "", nil
	}
	app, name := "*", ">"
	if q.App != "" {
		if err := events.CheckApp(q.App); err != nil {
			return "", fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		app = q.App
	}
	if q.Name != "" {
		if _, ok := events.LookupName(q.Name); !ok {
			return "", fmt.Errorf("%w: no event is called %q", ErrInvalid, q.Name)
		}
		name = q.Name
	}
	return events.SubjectPrefix + "*." + app + "." + name, nil
}

// checked fills in the defaults of c and reports what can't be, with the stream it reads.
func (c Consumer) checked() (Consumer, string, error) {
	if err := checkToken("consumer's name", c.Name); err != nil {
		return c, "", err
	}
	if len(c.Filters) == 0 {
		return c, "", fmt.Errorf("%w: consumer %s has no filter", ErrInvalid, c.Name)
	}
	stream := ""
	for _, f := range c.Filters {
		of := ""
		switch {
		case strings.HasPrefix(f, events.SubjectPrefix):
			of = streamEvents
		case strings.HasPrefix(f, duePrefix):
			of = streamTimers
		default:
			return c, "", fmt.Errorf("%w: consumer %s: filter %q is neither in %s> nor in %s>", ErrInvalid, c.Name, f, events.SubjectPrefix, duePrefix)
		}
		if stream != "" && stream != of {
			return c, "", fmt.Errorf("%w: consumer %s mixes events and timers; give each a consumer of its own", ErrInvalid, c.Name)
		}
		stream = of
	}
	if c.Prefetch <= 0 {
		c.Prefetch = 1
	}
	if c.AckWait <= 0 {
		c.AckWait = DefaultAckWait
	}
	if c.MaxDeliver <= 0 {
		c.MaxDeliver = DefaultMaxDeliver
	}
	return c, stream, nil
}

// What a consumer has when its description does not say.
const (
	DefaultAckWait    = 30 * time.Second // a worker says InProgress several times in it
	DefaultMaxDeliver = 20               // with the runner's backoff about a day of trying
)
