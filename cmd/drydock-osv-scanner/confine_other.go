//go:build !linux

package main

// confine does nothing: there is no Landlock on this system.
func confine(string, string) string { return "none" }
