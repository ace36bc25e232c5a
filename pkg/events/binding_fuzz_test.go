package events_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/binding/format"
	"github.com/cloudevents/sdk-go/v2/binding/spec"
	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/drydock-dev/drydock/pkg/events"
)

// message shows the SDK a NATS message: the oracle our binding is held against. Percent-coding is undone by
// net/url, not by our own code.
type message struct {
	header map[string][]string
	data   []byte
}

var specs = spec.WithPrefix("ce-")

func (m message) get(name string) (string, bool) {
	for k, v := range m.header {
		if strings.EqualFold(k, name) && len(v) > 0 {
			return v[0], true
		}
	}
	return "", false
}

func (m message) ReadEncoding() binding.Encoding {
	if ct, _ := m.get("content-type"); strings.HasPrefix(strings.ToLower(strings.TrimSpace(ct)), "application/cloudevents") {
		return binding.EncodingStructured
	}
	if v, ok := m.get("ce-specversion"); ok && specs.Version(v) != nil {
		return binding.EncodingBinary
	}
	return binding.EncodingUnknown
}

func (m message) ReadStructured(ctx context.Context, w binding.StructuredWriter) error {
	if m.ReadEncoding() != binding.EncodingStructured {
		return binding.ErrNotStructured
	}
	return w.SetStructuredEvent(ctx, format.JSON, bytes.NewReader(m.data))
}

func (m message) ReadBinary(_ context.Context, w binding.BinaryWriter) error {
	if m.ReadEncoding() != binding.EncodingBinary {
		return binding.ErrNotBinary
	}
	version, _ := m.get("ce-specversion")
	v := specs.Version(version)
	if err := w.SetAttribute(v.AttributeFromKind(spec.SpecVersion), version); err != nil {
		return err
	}
	for k, values := range m.header {
		k = strings.ToLower(k)
		if !strings.HasPrefix(k, "ce-") || k == "ce-specversion" {
			continue
		}
		value, err := url.PathUnescape(values[0])
		if err != nil {
			return err
		}
		if !utf8.ValidString(value) {
			return fmt.Errorf("%s is not UTF-8", k)
		}
		if a := v.Attribute(k); a != nil {
			err = w.SetAttribute(a, value)
		} else {
			err = w.SetExtension(strings.TrimPrefix(k, "ce-"), value)
		}
		if err != nil {
			return err
		}
	}
	return w.SetData(bytes.NewReader(m.data))
}

func (m message) GetAttribute(k spec.Kind) (spec.Attribute, any) {
	version, _ := m.get("ce-specversion")
	v := specs.Version(version)
	if v == nil {
		return nil, nil
	}
	a := v.AttributeFromKind(k)
	if value, ok := m.get(a.PrefixedName()); ok {
		return a, value
	}
	return a, nil
}

func (m message) GetExtension(name string) any {
	if value, ok := m.get("ce-" + name); ok {
		return value
	}
	return nil
}

func (m message) Finish(error) error { return nil }

// oracle reads a message with the SDK, whose JSON reader panics on some input.
func oracle(header map[string][]string, data []byte) (e *events.Event, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the SDK panicked: %v", p)
		}
	}()
	e, err = binding.ToEvent(context.Background(), message{header, data})
	if err == nil {
		err = e.Validate()
	}
	return e, err
}

// same compares events by attributes and payload. The SDK trims spaces off some attributes, which the
// specification does not ask for; they are compared trimmed.
func same(t testing.TB, got, want events.Event) {
	t.Helper()
	g, w := flat(t, got), flat(t, want)
	if !reflect.DeepEqual(g, w) {
		t.Errorf("events differ:\n%v\n%v", g, w)
	}
}

func flat(t testing.TB, e events.Event) map[string]string {
	t.Helper()
	m := map[string]string{"data": string(e.Data()), "id": strings.TrimSpace(e.ID()), "type": strings.TrimSpace(e.Type()), "source": e.Source(),
		"subject": strings.TrimSpace(e.Subject()), "specversion": e.SpecVersion(), "dataschema": e.DataSchema(),
		"datacontenttype": strings.TrimSpace(e.DataContentType()), "time": e.Time().UTC().Format(time.RFC3339Nano)}
	for k, v := range e.Extensions() {
		s, err := types.Format(v)
		if err != nil {
			t.Fatal(err)
		}
		m["ext "+k] = s
	}
	return m
}

// FuzzEncode: whatever we write, the SDK reads as the same event, and so do we.
func FuzzEncode(f *testing.F) {
	f.Add("1", "/s", "t", "payments", "note", "Euro € 😀", "application/json", int64(1700000000), []byte(`{"a":1}`))
	f.Add(" a ", "https://e.example/a?b=%20#c", "dev.drydock.scan.completed.v1", "%", "lane", `"q" 100%`, "text/plain; charset=utf-8", int64(-1), []byte{0xff})
	f.Add("\x1b", "", "t\n", "", "id", "\xff", "a/b/c", int64(253402300800), []byte(nil))
	f.Add("1", "a b", "t", "s", "data", "\u00a0\u2028", "application/x+json", int64(0), []byte(`"`))
	f.Fuzz(func(t *testing.T, id, source, typ, subject, name, value, media string, unix int64, data []byte) {
		u, err := url.Parse(source)
		if err != nil {
			return
		}
		c := &cloudevents.EventContextV1{ID: id, Type: typ, Source: types.URIRef{URL: *u}, Time: &types.Timestamp{Time: time.Unix(unix, unix%1e9).UTC()}}
		if subject != "" {
			c.Subject = &subject
		}
		if media != "" {
			c.DataContentType = &media
		}
		if name != "" {
			c.Extensions = map[string]any{name: value}
		}
		e := events.Event{Context: c, DataEncoded: data}
		header, body, err := events.Encode(e)
		if err != nil {
			return // TestEncodeRefuses says what is refused
		}
		for k, v := range header {
			for _, b := range []byte(k + v[0]) {
				if b <= ' ' || b > '~' {
					t.Fatalf("header %q: %q has byte %#x", k, v[0], b)
				}
			}
		}
		got, err := events.DecodeMessage(header, body)
		if err != nil {
			t.Fatalf("we don't read what we wrote: %v\n%v", err, header)
		}
		same(t, got, e)
		sdk, err := oracle(header, body)
		if err != nil {
			t.Fatalf("the SDK does not read what we wrote: %v\n%v", err, header)
		}
		same(t, *sdk, e)
	})
}

// FuzzDecode: what both we and the SDK accept is the same event, and what we accept the SDK does too.
func FuzzDecode(f *testing.F) {
	f.Add("1.0", "1", "/s", "t", "Ce-Note", "a%20b", "", []byte(`{}`))
	f.Add("1.0", "%31", "%2Fs", "t%25", "CE-time", "2018-04-05T03:56:24Z", "text/plain", []byte(`hello`))
	f.Add("0.3", "1", "/s", "t", "ce-subject", "", "", []byte(nil))
	f.Add("", "", "", "", "", "", "application/cloudevents+json; charset=utf-8", []byte(`{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"a":[1,2]},"n":4,"b":true}`))
	f.Add("", "", "", "", "", "", "Application/CloudEvents", []byte(`{"data_base64":1,"specversion":"1.0","id":"1","source":"/s","type":"t"}`))
	f.Add("1.0", "1", "/s", "t", "ce-datacontenttype", "application/json", "application/cloudevents-batch+json", []byte(`[]`))
	f.Add("1.0", "1", "/s", "t", "ce-note", `"quoted \" x"`, "", []byte(`1`))
	f.Fuzz(func(t *testing.T, version, id, source, typ, name, value, media string, data []byte) {
		header := map[string][]string{}
		for k, v := range map[string]string{"ce-specversion": version, "Ce-Id": id, "ce-source": source, "CE-TYPE": typ, name: value, "content-type": media} {
			if v != "" {
				header[k] = []string{v}
			}
		}
		got, err := events.DecodeMessage(header, bytes.Clone(data))
		if err != nil {
			return // TestDecode…Refuses say what is refused
		}
		if header2, body, err := events.Encode(got); err != nil {
			t.Errorf("we don't write what we read: %v", err)
		} else if again, err := events.DecodeMessage(header2, body); err != nil {
			t.Errorf("we don't read what we wrote: %v", err)
		} else {
			same(t, again, got)
		}
		if _, err := json.Marshal(got); err != nil && json.Valid(got.Data()) {
			t.Errorf("an event we read can't be shown as JSON: %v", err)
		}
		if !comparable(got, header, name, value) {
			return
		}
		sdk, err := oracle(header, data)
		if err != nil {
			t.Fatalf("we read what the SDK refuses: %v\nheader %q data %q", err, header, data)
		}
		same(t, *sdk, got)
	})
}

// comparable leaves out where we follow the specification and the SDK, or the message type above, does not:
// quoted strings; datacontenttype from content-type; JSON of a "+json" type or null as data.
func comparable(e events.Event, header map[string][]string, name, value string) bool {
	structured := message{header: header}.ReadEncoding() == binding.EncodingStructured
	if structured {
		return e.DataContentType() == "" || e.DataContentType() == "application/json" || e.DataContentType() == "text/plain"
	}
	_, has := header["content-type"]
	for _, v := range header {
		if strings.HasPrefix(v[0], `"`) {
			return false
		}
	}
	return !has
}
