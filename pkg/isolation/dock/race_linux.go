//go:build linux && race

package dock

// ownEnv is the environment of the box's own children. The race detector waits a second when a process ends, which
// every box would pay twice.
var ownEnv = []string{"GORACE=atexit_sleep_ms=0"}
