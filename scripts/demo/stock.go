package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/drydock-dev/drydock/deploy/demo/frozen"
	"github.com/drydock-dev/drydock/pkg/pybuild"
)

// openShop opens the frozen index with its files, which come from the real one.
func (d *demo) openShop() (*frozen.Wheels, error) {
	return frozen.OpenWheels(filepath.Join(d.app, "index"), d.wheels, d.dir, realIndex())
}

// stock has the wheels that will be installed here, so that a machine without network is told at the start.
func (d *demo) stock(ctx context.Context) error {
	pins, err := frozen.Pins(d.app)
	if err != nil {
		return err
	}
	return d.shop.Stock(ctx, pybuild.Here(fmt.Sprintf("3.%d", d.minor)), func(line string) { fmt.Fprintln(d.stderr, line) }, pins...)
}
