package main

import (
	"encoding/json"
	"fmt"
	"path"

	"github.com/invopop/jsonschema"

	"github.com/drydock-dev/drydock/pkg/events"
)

// schemas makes the JSON Schema of each row. Unknown members are allowed: an older reader meets a newer
// writer of the same version.
func schemas(doc comments) (map[string][]byte, error) {
	files := make(map[string][]byte, len(events.Catalog))
	for _, row := range events.Catalog {
		r := jsonschema.Reflector{Anonymous: true, ExpandedStruct: true, DoNotReference: true, AllowAdditionalProperties: true, LookupComment: doc.of}
		s := r.Reflect(row.Payload)
		s.ID = jsonschema.ID("urn:drydock:schema:" + row.Type())
		s.Title = row.Type()
		s.Description = row.Sentence
		data, err := json.MarshalIndent(s, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("schema of %s: %w", row.Name(), err)
		}
		files[path.Join(schemasDir, events.SchemaFile(row))] = append(data, '\n')
	}
	return files, nil
}
