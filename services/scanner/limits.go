package scanner

import "time"

// Every limit of this service, each with its reason.
const (
	// maxFile bounds one manifest. The largest real requirements files with hashes are below 2 MB.
	maxFile = 10 << 20
	// maxLine bounds one logical line of a requirements file: hashes of 500 files fit.
	maxLine = 64 << 10
	// maxDepth bounds how deep discovery walks.
	maxDepth = 40
	// maxEntries bounds how many directory entries discovery looks at, maxManifests how many files are read.
	maxEntries   = 1_000_000
	maxManifests = 5_000
	// maxPackages bounds the requirements of one manifest.
	maxPackages = 50_000
	// maxBounds bounds what may limit versions in one target: a constraints file of 700 lines for 70 services fits.
	maxBounds = 50_000
	// maxHeader bounds where the command of a compiled file is looked for: pip-compile writes six lines.
	maxHeader = 20
	// maxIncomplete bounds what one manifest may report as not determined: beyond it a file is no manifest.
	maxIncomplete = 1_000
	// maxPointer bounds the one line of a .git file: a path.
	maxPointer = 4096
	// maxGitFile bounds HEAD, config and pointer files; maxPackedRefs a repository with a million refs.
	maxGitFile    = 1 << 20
	maxPackedRefs = 64 << 20

	// The reader child.
	readerData         = 256 << 20        // RLIMIT_DATA: a 10 MB file parses in a tenth of it
	readerCPU          = 60               // seconds, RLIMIT_CPU
	readerFiles        = 256              // RLIMIT_NOFILE: one directory level each
	maxConstraintSteps = 5_000_000        // includes followed for constraints in one scan: a real one has some hundred
	readerHeap         = 192 << 20        // from here on the garbage collector works harder rather than grow
	readerUnit         = 10 * time.Second // without a word of the reader: the source it works on hangs
	readerTotal        = 2 * time.Minute  // for a whole target, restarts included
	readerLine         = 64 << 20         // one message: a manifest's content in base64 and its packages
	readerTotalOut     = 256 << 20        // all messages of one child
	readerRooms        = 2                // how many children may use all of that, for one target
	readerStarts       = 20               // restarts after a crash or hang; then the rest is reported unread
	readerStderr       = 8 << 10          // what is kept of a crash report

	// epssStep is the least change of an exploitation probability worth an event: the list moves a little
	// every day for every vulnerability.
	epssStep = 0.01

	// outdatedAtOnce bounds concurrent questions to an index.
	outdatedAtOnce = 8

	// osvTimeout bounds the second opinion, which decodes its whole database each time (27 s for the largest);
	// osvBuild bounds building it on first use, osvOutput its answer.
	osvTimeout = 5 * time.Minute
	osvBuild   = 15 * time.Minute
	osvOutput  = 64 << 20
)

const (
	// ownName is what a repository says of itself (pkg/application reads it), at the application's path.
	ownName = ".drydock.yaml"
	// maxOwnFile is as the dock has it: one that is larger says nothing there either.
	maxOwnFile = 32 << 10
)
