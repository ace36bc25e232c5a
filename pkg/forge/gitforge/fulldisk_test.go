//go:build linux

package gitforge

func fullDiskMain() {}
