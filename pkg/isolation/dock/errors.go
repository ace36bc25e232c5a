package dock

// Kind is what kept a command from running, or its results from coming out.
type Kind string

// The kinds. Only Broken and Unfinished may go away by themselves.
const (
	BadCommand Kind = "command"    // the Command is wrong
	NotFound   Kind = "not-found"  // the program is not in the box, or can't be run
	Unreadable Kind = "unreadable" // a path of this host is not there, or closed to the user inside
	Broken     Kind = "setup"      // the box could not be made
	Unfinished Kind = "unfinished" // the supervisor ended without a report
	BadResult  Kind = "result"     // what was to be brought out is not there, too large or not readable
	Canceled   Kind = "canceled"   // ctx ended before the command had started
)

// Error is why there is no result. Text names what was attempted and what to do.
type Error struct {
	Kind  Kind
	Text  string
	Cause error
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return "isolation: " + e.Text + ": " + e.Cause.Error()
	}
	return "isolation: " + e.Text
}

func (e *Error) Unwrap() error { return e.Cause }
