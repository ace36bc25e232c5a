package dock

// ChildArg is the first argument of the box's own children; see the package comment.
const ChildArg = "__dock"

// Descriptors of the supervisor, inherited from the parent.
const (
	fdSpec   = 3 + iota // the spec, JSON, to its end
	fdReport            // the report, JSON, at the end
	fdTar               // the results, one tar file
	fdAlive             // never written to: its end means that the parent is gone
	fdFirst             // the first of the mounts that the parent opened
)

// spec is what the supervisor is told.
type spec struct {
	Level    Level
	Path     string
	Args     []string
	Dir      string
	Env      []string
	Binds    []bind
	Links    map[string]string // inside path → target, for /bin → usr/bin and its like
	Writable []Tmpfs
	Places   []string // host folder of each writable place, without mounts of its own
	Scratch  string   // the folder that holds the places
	Base     string   // a folder to set the new root up on
	Limits   Limits
	Results  []Copy
	Readable []string // for Landlock
	Probe    bool
}

// bind is one read-only mount, or a writable place.
type bind struct {
	Host, Inside string
	File         bool
	FD           int    // of a mount the parent opened; 0: open Host
	Place        *Tmpfs // instead of all but Inside
}

// report is what the supervisor tells.
type report struct {
	Error   *childError
	Result  Result
	Started bool
}

// childError is an Error on its way through a pipe.
type childError struct {
	Kind Kind
	Text string
}

// confinement is what the last child does to itself before it becomes the program.
type confinement struct {
	Level     Level
	Path      string
	Args      []string
	Dir       string
	Env       []string
	Limits    Limits
	Readable  []string
	Writable  []string
	Processes int // of the same user already, outside the box
	Probe     bool
}

func (c *childError) err() error { return &Error{Kind: c.Kind, Text: c.Text} }
