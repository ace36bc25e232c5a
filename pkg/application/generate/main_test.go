package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// TestNoDrift fails when a structure or a comment changed and the schemas did not.
func TestNoDrift(t *testing.T) {
	var out bytes.Buffer
	if err := run(true, &out); err != nil {
		t.Fatal(err)
	}
}

// TestEveryKeyIsSaid: no key without its sentence, no mapping that takes any key.
func TestEveryKeyIsSaid(t *testing.T) {
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join("..", f.name))
		if err != nil {
			t.Fatal(err)
		}
		var s map[string]any
		if err := json.Unmarshal(data, &s); err != nil {
			t.Fatal(err)
		}
		said(t, f.name, s)
	}
}

func said(t *testing.T, at string, s map[string]any) {
	properties, _ := s["properties"].(map[string]any)
	if len(properties) > 0 && s["additionalProperties"] != false {
		t.Errorf("%s takes keys nobody knows", at)
	}
	for key, v := range properties {
		p := v.(map[string]any)
		if p["description"] == nil || p["description"] == "" {
			t.Errorf("%s.%s says nothing", at, key)
		}
		said(t, at+"."+key, p)
		if each, ok := p["additionalProperties"].(map[string]any); ok {
			said(t, at+"."+key+".*", each)
		}
	}
}
