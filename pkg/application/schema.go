package application

import _ "embed"

//go:embed schemas/applications.json
var applicationsSchema []byte

//go:embed schemas/repository.json
var repositorySchema []byte

// JSONSchema is the JSON Schema (2020-12) of a file, by its own schema: [Schema] or [RepositorySchema]; nil
// for another. It is generated from the structures that are read. It says less than they do: what it lets
// pass may still be refused.
func JSONSchema(schema string) []byte {
	switch schema {
	case Schema:
		return append([]byte(nil), applicationsSchema...)
	case RepositorySchema:
		return append([]byte(nil), repositorySchema...)
	}
	return nil
}

// Documents are empty values of what the two files hold, by their schemas, for the generator.
func Documents() map[string]any {
	return map[string]any{Schema: document{}, RepositorySchema: repositoryDocument{}}
}
