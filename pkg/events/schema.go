package events

import (
	"embed"
	"fmt"
)

//go:embed schemas
var schemas embed.FS

// SchemaFile is the name of row's JSON Schema and of its golden payload: "scan.completed.v1.json".
func SchemaFile(row Row) string { return fmt.Sprintf("%s.v%d.json", row.Name(), row.Version) }

// Schema is the JSON Schema (draft 2020-12) of row's payload, false for a row that is not in the catalogue.
func Schema(row Row) ([]byte, bool) {
	data, err := schemas.ReadFile("schemas/" + SchemaFile(row))
	return data, err == nil
}
