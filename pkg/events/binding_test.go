package events_test

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/drydock-dev/drydock/pkg/events"
)

func sample(t testing.TB) events.Event {
	t.Helper()
	e, err := events.New(events.Meta{
		App: "payments", Lane: events.Urgent, Cause: "c1", Key: "k1", Actor: "Zoë Müller", Change: "c-1",
		Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		Time:        time.Date(2026, 11, 22, 8, 0, 0, 123456789, time.UTC),
	}, events.FindingClosed{Finding: "f-1", Reason: events.ClosedFixed, Version: "2.3.7"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEncodeIsBinaryMode(t *testing.T) {
	e := sample(t)
	header, data, err := events.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"ce-specversion": "1.0", "ce-type": "dev.drydock.finding.closed.v1", "ce-source": "/drydock/scanner", "ce-id": e.ID(),
		"ce-subject": "payments", "ce-time": "2026-11-22T08:00:00.123456789Z", "ce-datacontenttype": "application/json",
		"ce-lane": "urgent", "ce-causationid": "c1", "ce-changeid": "c-1", "ce-actor": "Zo%C3%AB%20M%C3%BCller",
		"ce-traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}
	got := map[string]string{}
	for k, v := range header {
		if len(v) != 1 {
			t.Errorf("%s has %d values", k, len(v))
		}
		got[k] = v[0]
	}
	if !maps.Equal(got, want) {
		t.Errorf("headers\n%v\nwant\n%v", got, want)
	}
	if string(data) != `{"finding":"f-1","reason":"fixed","version":"2.3.7"}` {
		t.Errorf("body %s", data)
	}
	header["ce-id"] = append(header["ce-id"], "x") // values must not share room
	if header["ce-source"][0] != "/drydock/scanner" {
		t.Error("appending to one header changed another")
	}
}

// TestPercentCoding holds the examples of §3.1.3.2 and its edges.
func TestPercentCoding(t *testing.T) {
	for _, c := range []struct{ value, wire string }{
		{"Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"},
		{`100% "sure"`, "100%25%20%22sure%22"},
		{"!#$&'()*+,-./:;<=>?@[\\]^_`{|}~", "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~"},
		{"%41", "%2541"},
		{"\u00a0", "%C2%A0"},
	} {
		e := sample(t)
		e.SetExtension("note", c.value)
		header, data, err := events.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		if got := header["ce-note"][0]; got != c.wire {
			t.Errorf("%q is coded %q, want %q", c.value, got, c.wire)
		}
		back, err := events.DecodeMessage(header, data)
		if err != nil || events.Ext(back, "note") != c.value {
			t.Errorf("%q came back %q, %v", c.value, events.Ext(back, "note"), err)
		}
	}
}

// minimal is the least header of binary mode; more overrides and adds, a nil value removes.
func minimal(more map[string][]string) map[string][]string {
	h := map[string][]string{"ce-specversion": {"1.0"}, "ce-id": {"1"}, "ce-source": {"/s"}, "ce-type": {"t"}}
	for k, v := range more {
		if h[k] = v; v == nil {
			delete(h, k)
		}
	}
	return h
}

func TestDecodeBinaryAccepts(t *testing.T) {
	for _, c := range []struct{ name, key, value, attr, want string }{
		{"lower-case hex", "ce-note", "%e2%82%ac", "note", "€"},
		{"coded without need", "ce-note", "%41b", "note", "Ab"},
		{"one round only", "ce-note", "%2541", "note", "%41"},
		{"quoted string", "ce-note", `"a \"b\" \\c"`, "note", `a "b" \c`},
		{"quoted and coded", "ce-note", `"a%20b"`, "note", "a b"},
		{"quote inside", "ce-note", `a"b`, "note", `a"b`},
		{"header case", "CE-Note", "x", "note", "x"},
		{"extension name's case", "ce-NOTE1", "x", "note1", "x"},
		{"empty extension", "ce-note", "", "note", ""},
		{"other headers", "Nats-Msg-Id", "\x00%", "note", ""},
		{"raw UTF-8", "ce-note", "é", "note", "é"},
	} {
		e, err := events.DecodeMessage(minimal(map[string][]string{c.key: {c.value}}), []byte("{}"))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := events.Ext(e, c.attr); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	e, err := events.DecodeMessage(map[string][]string{"Ce-SpecVersion": {"1.0"}, "CE-ID": {"1"}, "cE-source": {"/s"}, "Ce-Type": {"t"},
		"Ce-Time": {"2018-04-05T03:56:24+02:00"}, "Content-Type": {"text/plain"}, "ce-dataschema": {"https://e.example/s"}, "ce-subject": {"a%20b"}}, nil)
	if err != nil || e.ID() != "1" || e.DataContentType() != "text/plain" || e.Subject() != "a b" || e.DataSchema() != "https://e.example/s" || e.Data() != nil {
		t.Errorf("%v\n%v", err, e)
	}
	if !e.Time().Equal(time.Date(2018, 4, 5, 1, 56, 24, 0, time.UTC)) {
		t.Errorf("time %v", e.Time())
	}
}

func TestDecodeBinaryRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		more map[string][]string
		want string
	}{
		{"no version", map[string][]string{"ce-specversion": nil}, "ce-specversion is missing"},
		{"old version", map[string][]string{"ce-specversion": {"0.3"}}, `specversion is "0.3", want 1.0`},
		{"no id", map[string][]string{"ce-id": nil}, "attribute id is missing"},
		{"no source", map[string][]string{"ce-source": nil}, "attribute source is missing"},
		{"no type", map[string][]string{"ce-type": nil}, "attribute type is missing"},
		{"empty id", map[string][]string{"ce-id": {"%20"}}, `header "ce-id": is empty`},
		{"bad source", map[string][]string{"ce-source": {"%3A"}}, "not a URI reference"},
		{"empty subject", map[string][]string{"ce-subject": {""}}, "is empty"},
		{"relative schema", map[string][]string{"ce-dataschema": {"/x"}}, "not an absolute URI"},
		{"time", map[string][]string{"ce-time": {"2018-04-05"}}, "not a time of RFC 3339"},
		{"loose time", map[string][]string{"ce-time": {"2018-04-05T3:56:24,5Z"}}, "not a time of RFC 3339"},
		{"comma", map[string][]string{"ce-time": {"2018-04-05T03:56:24,5Z"}}, "not a time of RFC 3339"},
		{"offset", map[string][]string{"ce-time": {"2018-04-05T03:56:24+24:00"}}, "not a time of RFC 3339"},
		{"media type", map[string][]string{"ce-datacontenttype": {"json;"}, "content-type": {"x"}}, ""},
		{"bad media type", map[string][]string{"ce-datacontenttype": {"a/b/c"}}, "not a media type"},
		{"two values", map[string][]string{"ce-id": {"1", "2"}}, "has 2 values"},
		{"no value", map[string][]string{"ce-id": {}}, "has 0 values"},
		{"two spellings", map[string][]string{"CE-ID": {"1"}}, "is given twice"},
		{"two spellings of an extension", map[string][]string{"ce-a": {"1"}, "Ce-A": {"1"}}, "is given twice"},
		{"overlong UTF-8", map[string][]string{"ce-note": {"%C0%A0"}}, "not valid UTF-8"},
		{"surrogate", map[string][]string{"ce-note": {"%ED%A0%80"}}, "not valid UTF-8"},
		{"raw bytes", map[string][]string{"ce-note": {"\xff"}}, "not valid UTF-8"},
		{"cut off", map[string][]string{"ce-note": {"a%4"}}, "ends inside a percent-coded byte"},
		{"not hex", map[string][]string{"ce-note": {"%zz"}}, `"%zz" is not a percent-coded byte`},
		{"open quote", map[string][]string{"ce-note": {`"a`}}, "has no end"},
		{"open escape", map[string][]string{"ce-note": {`"a\`}}, "has no end"},
		{"after the quote", map[string][]string{"ce-note": {`"a"b`}}, "text follows"},
		{"control", map[string][]string{"ce-note": {"%1B[2J"}}, "U+001B"},
		{"newline", map[string][]string{"ce-note": {"a%0Ace-id: 2"}}, "U+000A"},
		{"non-character", map[string][]string{"ce-note": {"%EF%BF%BF"}}, "U+FFFF"},
		{"extension name", map[string][]string{"ce-my_note": {"x"}}, "lower-case letters and digits only"},
		{"extension dash", map[string][]string{"ce-my-note": {"x"}}, "lower-case letters and digits only"},
		{"Kelvin sign", map[string][]string{"ce-\u212a": {"x"}}, "lower-case letters and digits only"},
		{"no name", map[string][]string{"ce-": {"x"}}, "without a name"},
		{"data", map[string][]string{"ce-data": {"x"}}, "can't be an extension"},
		{"batch", map[string][]string{"Content-Type": {"application/cloudevents-batch+json"}}, "send each event as a message of its own"},
		{"other format", map[string][]string{"content-type": {"application/cloudevents+xml"}}, "other than JSON"},
		{"charset", map[string][]string{"content-type": {"application/cloudevents+json; charset=latin1"}}, "want charset utf-8"},
		{"content-type twice", map[string][]string{"content-type": {"a/b"}, "Content-Type": {"application/cloudevents"}}, "given twice"},
		{"broken content-type", map[string][]string{"content-type": {"application/cloudevents+json; charset"}}, "content-type"},
	} {
		_, err := events.DecodeMessage(minimal(c.more), []byte("{}"))
		if c.want == "" {
			continue
		}
		if !errors.Is(err, events.ErrMalformed) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := events.DecodeMessage(nil, nil); !errors.Is(err, events.ErrMalformed) {
		t.Errorf("an empty message: %v", err)
	}
}

func TestDecodeStructured(t *testing.T) {
	e := sample(t)
	body, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, ct := range []string{"application/cloudevents+json", "Application/CloudEvents+JSON; charset=UTF-8", "application/cloudevents", ` application/cloudevents+json;a="b"`} {
		for _, key := range []string{"content-type", "Content-Type", "CONTENT-TYPE"} {
			// Headers may repeat attributes; the payload is what counts.
			got, err := events.DecodeMessage(map[string][]string{key: {ct}, "ce-id": {"other"}, "ce-bad_name": {"x"}}, body)
			if err != nil {
				t.Errorf("%s: %s: %v", key, ct, err)
				continue
			}
			same(t, got, e)
		}
	}
	got, err := events.DecodeMessage(map[string][]string{"content-type": {"application/cloudevents"}},
		[]byte(`{"flag":true,"n":-5,"nothing":null,"data_base64":"aGk=","id":"1","source":"/s","type":"t","datacontenttype":"text/plain","specversion":"1.0"}`))
	if err != nil || string(got.Data()) != "hi" || got.Extensions()["flag"] != true || got.Extensions()["n"] != int32(-5) || len(got.Extensions()) != 2 {
		t.Errorf("%v\n%v", err, got)
	}
	if got := events.Ext(got, "n"); got != "-5" {
		t.Errorf("Ext of an integer is %q", got)
	}
}

func TestDecodeStructuredRefuses(t *testing.T) {
	const rest = `"id":"1","source":"/s","type":"t","specversion":"1.0"`
	for body, want := range map[string]string{
		``:                                         "structured event",
		`[]`:                                       "structured event",
		`[{` + rest + `}]`:                         "structured event",
		`{` + rest + `}{}`:                         "structured event",
		`{` + rest + `,"id":"2"}`:                  "duplicate",
		"{" + rest + ",\"x\":\"\xff\"}":            "UTF-8",
		`{"id":"1","source":"/s","type":"t"}`:      `member "specversion" is missing`,
		`{"specversion":"1.0","id":"1"}`:           "attribute source is missing",
		`{` + rest + `,"X":"1"}`:                   "lower-case letters",
		`{` + rest + `,"x":{}}`:                    "a string, a boolean or an integer",
		`{` + rest + `,"x":1.5}`:                   "not an integer of 32 bits",
		`{` + rest + `,"x":2147483648}`:            "not an integer of 32 bits",
		`{` + rest + `,"subject":7}`:               `can't be an extension`,
		`{` + rest + `,"x":"\u001b"}`:              "U+001B",
		`{"data_base64":1,` + rest + `}`:           `member "data_base64": want a string`,
		`{"data_base64":"*",` + rest + `}`:         "illegal base64",
		`{"data":1,"data_base64":"",` + rest + `}`: "exclude one another",
		`{"data":{},"datacontenttype":"text/plain",` + rest + `}`:         `member "data" of text/plain: want a string`,
		`{"time":"yesterday",` + rest + `}`:                               "RFC 3339",
		strings.Repeat(`{"a":`, 20000) + `1` + strings.Repeat("}", 20000): "depth",
	} {
		_, err := events.DecodeMessage(map[string][]string{"content-type": {"application/cloudevents+json"}}, []byte(body))
		if !errors.Is(err, events.ErrMalformed) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: %v, want %q", body, err, want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	year := func(y int) *types.Timestamp { return &types.Timestamp{Time: time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC)} }
	for _, c := range []struct {
		name   string
		change func(*cloudevents.EventContextV1)
		want   string
	}{
		{"id", func(c *cloudevents.EventContextV1) { c.ID = " " }, "ce-id: is empty"},
		{"type", func(c *cloudevents.EventContextV1) { c.Type = "" }, "ce-type: is empty"},
		{"source", func(c *cloudevents.EventContextV1) { c.Source = types.URIRef{} }, "ce-source: is empty"},
		{"subject", func(c *cloudevents.EventContextV1) { c.Subject = new(string) }, "ce-subject: is empty"},
		{"control", func(c *cloudevents.EventContextV1) { c.ID = "a\x1b" }, "U+001B"},
		{"UTF-8", func(c *cloudevents.EventContextV1) { c.Type = "\xff" }, "not valid UTF-8"},
		{"name", func(c *cloudevents.EventContextV1) { c.Extensions = map[string]any{"A-b": "x"} }, "lower-case letters"},
		{"taken", func(c *cloudevents.EventContextV1) { c.Extensions = map[string]any{"id": "x"} }, "can't be an extension"},
		{"value", func(c *cloudevents.EventContextV1) { c.Extensions = map[string]any{"a": []int{1}} }, "invalid CloudEvents value"},
		{"year", func(c *cloudevents.EventContextV1) { c.Time = year(10000) }, "ce-time"},
		{"media type", func(c *cloudevents.EventContextV1) { s := "a/b/c"; c.DataContentType = &s }, "not a media type"},
	} {
		e := sample(t)
		c.change(e.Context.(*cloudevents.EventContextV1))
		if _, _, err := events.Encode(e); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	for name, e := range map[string]events.Event{"0.3": cloudevents.New("0.3"), "nothing": {}} {
		if _, _, err := events.Encode(e); err == nil || !strings.Contains(err.Error(), "want 1.0") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
