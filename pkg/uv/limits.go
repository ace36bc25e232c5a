package uv

import "time"

// Limits of this package, each with its reason.
const (
	// defaultLimit bounds one resolution. 200 pins take some seconds, most of them the index's; a set that
	// takes longer than this is one that uv backtracks through without end.
	defaultLimit = 60 * time.Second
	// patience bounds `uv --version`, which takes 10 ms; a busy machine may need seconds.
	patience = time.Minute
	// maxVersionOutput is far more than "uv 0.13.9 (x86_64-unknown-linux-gnu)".
	maxVersionOutput = 4 << 10
	// grace is how long pipes may stay open after uv and its children were killed, and questions to an Offer
	// after its context ended. What a program said last is read within it, on a busy machine too.
	grace = 15 * time.Second
	// headerTime is how long uv may take from its connection to its question: it has other things to do, and so has the
	// machine.
	headerTime = 10 * time.Minute
	// maxErrors bounds what is kept of standard error. Explanations of large conflicts have some 100 kB.
	maxErrors = 1 << 20
	// maxText bounds a Conflict's text, which people read and events carry.
	maxText = 6000
	// maxLine bounds what an error quotes.
	maxLine = 300
	// maxAnswer bounds the output file: 2,000 pins with all their comments have under 1 MB.
	maxAnswer = 16 << 20
	// maxRequirements bounds the input; the largest environments seen have 1,500 packages.
	maxRequirements = 20_000
	// maxRequirement bounds one requirement.
	maxRequirement = 4 << 10
	// maxMetadata bounds one release's core metadata before the description is cut off. The largest on the
	// public index have some MB of description.
	maxMetadata = 16 << 20
	// maxVersions bounds the releases of one package; the largest on the public index have under 10,000.
	maxVersions = 50_000
	// maxData is uv's RLIMIT_DATA. Measured: with 200 packages it maps 0.24 GB and touches 35 MB.
	maxData = 4 << 30
	// maxFile is uv's RLIMIT_FSIZE: it writes its answer and, beside it, small cache entries.
	maxFile = 64 << 20
	// maxPythons is how many interpreters are tried when uv can't use one.
	maxPythons = 3
	// maxLockPythons is the same for a lock, for which some are too old or too new.
	maxLockPythons = 8
	// maxAbout is how many Pythons are remembered, maxFacts what uv keeps of each, in files and in bytes of one: it has
	// one file of 3 kB.
	maxAbout, maxFacts, maxFact = 16, 4, 64 << 10
	// maxRecord bounds a remembered check of a program, a line of JSON.
	maxRecord = 4 << 10
	// settled is how long ago a program must have changed for its digest to be remembered by its time of change:
	// far more than the tick of any file system.
	settled = 2 * time.Second
	// stale is the age at which what an interrupted fetch left behind is removed; none takes that long.
	stale = time.Hour
	// tickEvery is how often a slow fetch says that it goes on.
	tickEvery = 5 * time.Second
	// busyTries is how often a program is started that is still open for writing (ETXTBSY): a process that
	// another goroutine is about to start may hold it for some milliseconds, and for as long as nothing lets it run.
	busyTries = 500
	busyPause = 10 * time.Millisecond
)
