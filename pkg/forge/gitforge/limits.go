package gitforge

import "time"

// Limits bound what a repository and its host may cost. A zero takes the default.
type Limits struct {
	Look     time.Duration // one question to the host: which branches there are
	Transfer time.Duration // one fetch or push
	Fetch    int64         // bytes that one fetch may bring, compressed
	Files    int           // in one checkout
	Bytes    int64         // of one checkout
	File     int64         // bytes of one file
}

// defaults of Limits, each with its reason.
var defaults = Limits{
	Look:     30 * time.Second, // 0.1 s usually; a first connection through a proxy takes some seconds
	Transfer: 5 * time.Minute,  // a gigabyte at 4 MB/s
	Fetch:    1 << 30,          // one commit without history: ten times what a large application has
	Files:    100_000,          // a whole company's monorepo; more is a data set
	Bytes:    2 << 30,          // a sealed copy of it is kept for each change
	File:     256 << 20,        // larger ones belong into a store for large files
}

// Limits that nobody sets.
const (
	// maxErrors bounds what is kept of a program's standard error.
	maxErrors = 64 << 10
	// maxDetail bounds what an error quotes.
	maxDetail = 400
	// maxListing bounds an answer of ls-remote about five refs, and each of the small answers of git.
	maxListing = 1 << 20
	// maxTree bounds one folder's tree object: 20,000 entries have about 1 MB.
	maxTree = 64 << 20
	// maxMessage bounds a commit message; forges cut off or refuse longer ones.
	maxMessage = 256 << 10
	// maxChanged bounds the files of one proposal: manifests, of which an application has few.
	maxChanged = 1000
	// maxCredential is what fits into a pipe whatever the system; tokens have some 100 to 2,000 bytes.
	maxCredential = 4 << 10
	// maxKnown bounds the earlier commits of one branch that are handed in.
	maxKnown = 1000
	// maxPacks is how many fetches a cache takes before it is started anew; each leaves a pack, and looking
	// an object up takes longer with each.
	maxPacks = 40
	// maxLinks is how many symbolic links one path may lead through, as the kernel's.
	maxLinks = 40
	// maxData is git's RLIMIT_DATA; measured: a fetch of 300 MB touches 62 MB.
	maxData = 2 << 30
	// skew, in seconds, is how far behind the clocks may be of those who commit to the base: of its history only what
	// says that it is at most that much older than the proposal's base is fetched.
	skew = 30 * 24 * 3600
	// nearlyFull is the room on a disk below which a write that failed for no reason given failed for that: a
	// reference needs 4 kB, a cache some 100 kB.
	nearlyFull = 64 << 10
	// grace is how long pipes may stay open after git and its children were killed.
	grace = 2 * time.Second
	// patience bounds `git version` and commands on our own cache that touch a handful of objects.
	patience = 30 * time.Second
	// lockPause is how long to wait between two looks at a cache that another process uses.
	lockPause = 20 * time.Millisecond
	// slowest and slowFor: a transfer of fewer bytes per second for so many seconds is given up.
	slowest, slowFor = 1000, 30
	// lfsMost is the size below which a Git LFS pointer stays (its specification: 1024 bytes).
	lfsMost = 1024
)

func (l Limits) orDefaults() Limits {
	if l.Look <= 0 {
		l.Look = defaults.Look
	}
	if l.Transfer <= 0 {
		l.Transfer = defaults.Transfer
	}
	if l.Fetch <= 0 {
		l.Fetch = defaults.Fetch
	}
	if l.Files <= 0 {
		l.Files = defaults.Files
	}
	if l.Bytes <= 0 {
		l.Bytes = defaults.Bytes
	}
	if l.File <= 0 {
		l.File = defaults.File
	}
	return l
}
