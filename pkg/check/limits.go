package check

import "time"

const (
	// logHead and logTail are what is kept of a log: how it began says what ran, its end says what failed. pytest
	// prints its summary last; a megabyte is what a person can still search.
	logHead, logTail = 256 << 10, 768 << 10
	// unbounded is the dock's limit of output: the log keeps its own, and needs the end, not the beginning alone.
	unbounded = 1 << 50

	// workBytes and workFiles are room for a copy of the application's source and what tests write beside it.
	workBytes, workFiles = 1 << 30, 200_000
	// reportRoom is the place that the report is written to; reportBytes what is brought out and read of it:
	// 50,000 tests with a short message each have some 10 MB.
	reportRoom, reportBytes = 64 << 20, 32 << 20
	// reportFiles bounds what else somebody puts there.
	reportFiles = 16
	// maxTests is several times the largest suites there are of one application.
	maxTests = 50_000
	// maxDepth of the report's XML: testsuites, testsuite, testcase, properties, property, and room.
	maxDepth = 16
	// maxName and maxMessage bound a test's name and the first line of its message, in bytes.
	maxName, maxMessage = 512, 1024
	// maxListed is how many names a verdict lists of each kind; its detail counts all.
	maxListed = 100
	// maxDetail bounds a detail: it stands in events.
	maxDetail = 2000

	// processors is by how many the time of a check is multiplied to give its processor time: a suite on as many
	// cores should meet its timeout first.
	processors = 4
	// defaultTime is for a check without a timeout, which application.Check always has.
	defaultTime = 30 * time.Minute
	// chunk is how much of what the step is told goes into one argument: the kernel takes 128 KiB
	// (MAX_ARG_STRLEN, execve(2)).
	chunk = 64 << 10
)
