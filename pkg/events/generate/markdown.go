package main

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"

	"github.com/drydock-dev/drydock/pkg/events"
)

const preamble = `<!-- Generated from pkg/events/catalog.go by "go run ./pkg/events/generate". Do not edit. -->

# Events

Everything Drydock knows it knows from these events. Each is a fact in the past tense, written once and never changed; the
state of an application is the fold of its events (` + "`events.Fold`" + `).

An event is a [CloudEvents 1.0](https://github.com/cloudevents/spec) event. On NATS it travels in binary mode: attributes in
` + "`ce-`" + ` headers, the payload as JSON in the body, on the subject

    drydock.event.<lane>.<application>.<entity>.<verb>

where the lane is ` + "`urgent` or `routine`" + ` and the application is ` + "`_`" + ` for what concerns the whole organisation. ` + "`source` is `/drydock/<producer>`" + `,
` + "`subject`" + ` the application, ` + "`id`" + ` a hash of (cause, type, natural key), so that handling an event twice yields the same ids. An event
with its payload is at most 256 KiB; larger documents are kept as evidence and named by their ` + "`sha256:`" + ` digest.

What others put on these subjects is read in binary and in structured mode (` + "`application/cloudevents+json`" + `), header names in any case,
values percent-coded as the NATS protocol binding asks. A message is refused, and goes to the dead letters, when an attribute is
missing, given twice, not UTF-8 or holds control characters, when an extension's name is not of lower-case letters and digits, and
when it is a batch.

A published field keeps its meaning for ever. Members may be added; readers ignore those they do not know. A breaking change
is a new version beside the old one.

## Extension attributes

| attribute | meaning |
|---|---|
`

// markdown makes docs/events.md.
func markdown(doc comments) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(preamble)
	for _, x := range doc.extensions {
		fmt.Fprintf(&b, "| `%s` | %s |\n", x.name, cell(x.meaning))
	}
	b.WriteString("\n## In the order of the story\n\n| event | what happened | producer → consumers | of |\n|---|---|---|---|\n")
	for _, row := range events.Catalog {
		of := "an application"
		if row.OrgOnly {
			of = "the organisation"
		}
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s | %s |\n", row.Name(), anchor(row), cell(row.Sentence), route(row), of)
	}
	for _, row := range events.Catalog {
		t := reflect.TypeOf(row.Payload)
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\nType `%s`, from %s. [Schema](../%s/%s), [example](../%s/testdata/golden/%s).\n\n",
			row.Name(), row.Sentence, row.Type(), route(row), schemasDir, events.SchemaFile(row), eventsDir, events.SchemaFile(row))
		b.WriteString("| member | type | | meaning |\n|---|---|---|---|\n")
		fields(&b, doc, t, "")
	}
	return b.Bytes(), nil
}

// fields writes one line for each member of t, nested ones with their path.
func fields(b *bytes.Buffer, doc comments, t reflect.Type, prefix string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			fields(b, doc, f.Type, prefix)
			continue
		}
		if name == "-" || !f.IsExported() {
			continue
		}
		presence := "always"
		if strings.Contains(options, "omit") {
			presence = "optional"
		}
		kind, inner := describe(f.Type)
		meaning := doc.of(t, f.Name)
		if meaning == "" && inner != nil {
			meaning = doc.of(inner, "")
		}
		fmt.Fprintf(b, "| `%s%s` | %s | %s | %s |\n", prefix, name, kind, presence, cell(meaning))
		if inner != nil {
			suffix := "."
			if f.Type.Kind() == reflect.Slice {
				suffix = "[]."
			}
			fields(b, doc, inner, prefix+name+suffix)
		}
	}
}

// describe names a type as JSON has it, and the struct inside it whose members are to be listed.
func describe(t reflect.Type) (string, reflect.Type) {
	switch {
	case t.String() == "time.Time":
		return "time (RFC 3339)", nil
	case t.Kind() == reflect.Pointer:
		return describe(t.Elem())
	case t.Kind() == reflect.Slice:
		kind, inner := describe(t.Elem())
		return "list of " + kind, inner
	case t.Kind() == reflect.Map:
		kind, inner := describe(t.Elem())
		return "object of " + kind, inner
	case t.Kind() == reflect.Struct:
		return "object", t
	case t.Kind() == reflect.Bool:
		return "boolean", nil
	case t.Kind() == reflect.String:
		return "string", nil
	case t.Kind() == reflect.Float64:
		return "number", nil
	}
	return "integer", nil
}

func route(row events.Row) string {
	if len(row.Consumers) == 0 {
		return string(row.Producer)
	}
	to := make([]string, len(row.Consumers))
	for i, c := range row.Consumers {
		to[i] = string(c)
	}
	return string(row.Producer) + " → " + strings.Join(to, ", ")
}

// anchor is the id GitHub gives the heading.
func anchor(row events.Row) string { return row.Entity + row.Verb }

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
