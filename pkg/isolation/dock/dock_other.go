//go:build !linux

package dock

import "context"

func at(_ context.Context, l Level) (Dock, error) {
	return nil, &LevelError{Level: l, Missing: "this is not Linux", Do: "run Drydock on Linux"}
}

// ChildMain is main of the box's children, which there are none of here.
func ChildMain() int { return 3 }
