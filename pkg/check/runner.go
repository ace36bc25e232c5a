package check

import (
	"context"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/isolation/dock"
)

// Runner runs checks. It is safe for concurrent use.
type Runner struct {
	Dock        dock.Dock
	Interpreter string      // the host's path of the real Python, no shim, that the artifact was built for
	Limits      dock.Limits // the server's; a check's timeout counts where it is shorter
	Work        string      // a folder for what comes out, where each run makes one of its own and removes it
}

// Run runs one check. An error means that it could not be run, or not to its end, for a reason of ours: it is a
// *dock.Error, of kind Canceled when ctx ended. However the command itself ended is a Result.
func (r Runner) Run(ctx context.Context, name string, c application.Check, p Place) (Result, error) {
	return Result{}, &dock.Error{Kind: dock.Broken, Text: "run the check " + name}
}
