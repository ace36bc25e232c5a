//go:build unix && !linux

package uv

func fullDiskMain() {} // no tmpfs in a namespace of our own: TestFaultsOfUv has the words of a full disk
