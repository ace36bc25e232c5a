package main

import (
	"context"
	"errors"

	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

// Until the packages land.
func importAdvisories(ctx context.Context, path, dir string) error {
	return errors.New("not built in yet")
}
func updateAdvisories(ctx context.Context, mirror, dir string, progress func(string)) error {
	return errors.New("not built in yet")
}
func writePlanFiles(ctx context.Context, dir string, p *report.Plan, inv *inventory.Inventory, ev evidence.Store) ([]string, error) {
	return nil, errors.New("not built in yet")
}
