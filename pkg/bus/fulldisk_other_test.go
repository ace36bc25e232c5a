//go:build !linux

package bus_test

// fullDiskMain: without namespaces there is no disk small enough to fill; NoRoom and TestNoSpaceInjected stand
// for it.
func fullDiskMain() {}
