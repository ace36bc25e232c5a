package main

import (
	"fmt"
	"testing"

	"github.com/drydock-dev/drydock/pkg/worker"
)

// Whoever may use the API names indexes: they are not kept for ever, and neither are their breakers.
func TestIndexesAreBounded(t *testing.T) {
	p := &parts{}
	first := p.index("")
	for i := range 10 * maxIndexes {
		p.index(fmt.Sprintf("http://127.0.0.1/%d/", i))
	}
	if len(p.indexes) > maxIndexes || len(worker.Breakers()) > 2*maxIndexes {
		t.Errorf("%d indexes, %d breakers", len(p.indexes), len(worker.Breakers()))
	}
	if p.index("") != first {
		t.Error("the configured index was forgotten")
	}
}
