package report

import (
	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// Lists are always there, if empty (docs/formats.md): a script may range over them without asking.
var encoding = json.JoinOptions(jsonv1.DefaultOptionsV1(), json.FormatNilSliceAsNull(false), json.FormatNilMapAsNull(false))

// MarshalJSON writes the document with its lists, empty ones as [].
func (s Scan) MarshalJSON() ([]byte, error) {
	type plain Scan // without this method
	return json.Marshal(plain(s), encoding)
}

// MarshalJSON writes the document with its lists, empty ones as [].
func (p Plan) MarshalJSON() ([]byte, error) {
	type plain Plan // without this method
	return json.Marshal(plain(p), encoding)
}
