//go:build linux && !race

package dock

// ownEnv is the environment of the box's own children.
var ownEnv = []string{}
