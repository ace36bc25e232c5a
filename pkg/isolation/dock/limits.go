package dock

import "time"

// Limit names one that was met.
type Limit string

// The limits that a result can name.
const (
	LimitTime      Limit = "time"
	LimitCPU       Limit = "cpu"
	LimitMemory    Limit = "memory"
	LimitProcesses Limit = "processes"
	LimitDisk      Limit = "disk"
	LimitInodes    Limit = "inodes"
	LimitOutput    Limit = "output"
	LimitChildren  Limit = "children" // processes were left
)

// Limits bound what a command may use. Zero means the default beside it.
type Limits struct {
	Time time.Duration // from start to end; DefaultTime
	// CPU is processor time: the hard limit of each process, and of all together as looked at every tick.
	CPU time.Duration // DefaultCPU
	// Memory is bytes: private memory of each process (RLIMIT_DATA, hard), and resident in all together as
	// looked at every tick.
	Memory    int64 // DefaultMemory
	Processes int   // processes and threads at once; DefaultProcesses
	FileSize  int64 // bytes of one file; DefaultSize
	OpenFiles int   // of each process; DefaultOpenFiles
	Output    int64 // bytes of stdout and of stderr each; DefaultOutput
}

// Defaults, for who sets nothing: the tests of a middling application with room to spare, on a machine that has
// other work to do.
const (
	DefaultTime      = 15 * time.Minute
	DefaultCPU       = 30 * time.Minute
	DefaultMemory    = 2 << 30
	DefaultProcesses = 256
	DefaultOpenFiles = 1024
	DefaultOutput    = 4 << 20
	DefaultSize      = 1 << 30 // a virtual environment of some hundred packages is 300 MB
	DefaultInodes    = 200_000 // the same has some 30,000 files
)

const (
	// tick is how often the supervisor looks at what is summed over processes. Shorter costs processor time
	// with many processes, longer lets more through.
	tick = 100 * time.Millisecond
	// diskTicks: where a place is no file system of its own its files are counted, which costs more.
	diskTicks = 5
	// ownProcesses are threads of the box's own two children, which the kernel counts too.
	ownProcesses = 32
	// grace is what the supervisor gets beyond Limits.Time to kill, copy out and report, before it is killed
	// itself. On a machine with other work that takes long, and what is killed before its time has leaked.
	grace = 2 * time.Minute
	// probeTime bounds the trial of a level: a busy machine must not look like one without it.
	probeTime = time.Minute
	// maxReport bounds what the supervisor may say.
	maxReport = 64 << 10
	// killRounds bounds the hunt for processes without a process namespace: each round stops those that the
	// last one did not see, and one that is stopped can't fork.
	killRounds = 200
	// maxWatchers and maxWatches bound inotify(7) inside: a test runner that waits for changes has one of the first and
	// one of the second for each folder. Hosts give a user 128 and some ten thousand.
	maxWatchers, maxWatches = 32, 8192
	// rootSize and rootInodes bound the box's own root, which holds mount points and /etc.
	rootSize, rootInodes = 4 << 20, 4096
)

func (l Limits) withDefaults() Limits {
	l.Time, l.CPU = positive(l.Time, DefaultTime), positive(l.CPU, DefaultCPU)
	l.Memory, l.FileSize, l.Output = positive(l.Memory, DefaultMemory), positive(l.FileSize, DefaultSize), positive(l.Output, DefaultOutput)
	l.Processes, l.OpenFiles = positive(l.Processes, DefaultProcesses), positive(l.OpenFiles, DefaultOpenFiles)
	return l
}
