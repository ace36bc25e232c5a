package scanner

import "github.com/drydock-dev/drydock/pkg/inventory"

// ReaderArg is the first argument of the confined child: main calls [ReaderMain] before anything else when it
// sees it.
const ReaderArg = "__reader"

// request is what the reader gets on its standard input: one JSON document.
type request struct {
	Root        string `json:"root,omitempty"` // real path of the directory to read; empty: only git
	File        string `json:"file,omitempty"` // the one file of Root that was asked for
	Environment bool   `json:"environment,omitempty"`
	Git         gitDir `json:"git,omitzero"`
	Minimum     string `json:"minimum,omitempty"` // least level of confinement
	Done        []task `json:"done,omitempty"`    // read by an earlier reader, or what broke it
	Extra       []task `json:"extra,omitempty"`   // includes of what was read by an earlier reader
}

// task is one file or directory for one source. The kinds "git" and "discovery" are the reader's own.
type task struct {
	Kind string `json:"kind"`
	Path string `json:"path,omitempty"`
}

const (
	taskGit       = "git"
	taskDiscovery = "discovery"
)

// message is one line of the reader's standard output; one field is set.
type message struct {
	Confinement string     `json:"confinement,omitempty"` // restricted; nothing was read before
	Start       *task      `json:"start,omitempty"`       // from here on this task is to blame
	Git         *gitFacts  `json:"git,omitempty"`
	Found       *found     `json:"found,omitempty"`
	Manifest    *manifest  `json:"manifest,omitempty"`
	Failed      *readError `json:"failed,omitempty"` // the reader gives up
	End         bool       `json:"end,omitempty"`    // everything was read
}

// gitFacts is what the enclosing repository says.
type gitFacts struct {
	Revision string `json:"revision,omitempty"` // commit HEAD names
	Remote   string `json:"remote,omitempty"`   // without credentials
}

// found is the result of discovery.
type found struct {
	Tasks      int                    `json:"tasks"`
	Python     string                 `json:"python,omitempty"`
	Incomplete []inventory.Incomplete `json:"incomplete,omitempty"`
}

// manifest is what one source read of one file or directory.
type manifest struct {
	Kind       string                 `json:"kind"`
	Path       string                 `json:"path"` // relative to the root, '/'
	Ecosystem  string                 `json:"ecosystem,omitempty"`
	Site       string                 `json:"site,omitempty"` // environment: the folder of packages it belongs to
	Packages   []inventory.Package    `json:"packages,omitempty"`
	Uncovered  int                    `json:"uncovered,omitempty"` // not_covered requirements without a name
	Includes   []include              `json:"includes,omitempty"`
	Limits     []inventory.Package    `json:"limits,omitempty"` // what bounds versions without asking for a package
	Covers     []string               `json:"covers,omitempty"` // uv.lock: the folders whose pyproject.toml it locks
	Incomplete []inventory.Incomplete `json:"incomplete,omitempty"`
	Notes      []string               `json:"notes,omitempty"` // options found and not obeyed
	Content    []byte                 `json:"content,omitempty"`
	Unread     bool                   `json:"unread,omitempty"` // found, but no package could be read from it
}

// include is another manifest that one names.
type include struct {
	Path       string `json:"path"` // relative to the root
	Line       int    `json:"line"`
	Constraint bool   `json:"constraint,omitempty"` // -c: its lines are no requirements
	Bound      bool   `json:"bound,omitempty"`      // what the file was compiled from; with Constraint: with it as -c
}

// readError says why there is nothing to show; Reason is one of events.ScanFailed.
type readError struct {
	Reason string `json:"reason"`
	Detail string `json:"detail"`
}

func (e *readError) Error() string { return e.Detail }
