package index

import "time"

// Limits of the client, each with its reason.
const (
	// maxAnswer bounds one page. The largest on the public index (many releases with many wheels) have
	// under 20 MB.
	maxAnswer = 32 << 20
	// maxHeader bounds the first line of a kept page, and with it the tags an index gives its pages.
	maxHeader = 4 << 10
	// maxRedirects is what a mirror behind a proxy needs, with room.
	maxRedirects = 5
	// defaultTimeout bounds one try, the body included.
	defaultTimeout = 15 * time.Second
	// defaultMaxAge is how long a page is taken as it is before the index is asked whether it changed.
	defaultMaxAge = 10 * time.Minute
	// defaultTries is how often a page is asked for: a dead index must cost seconds, not minutes.
	defaultTries = 3
	// firstPause is doubled after each try.
	firstPause = 200 * time.Millisecond
	// maxRetryAfter bounds what an index can ask us to wait.
	maxRetryAfter = 5 * time.Second
	// maxKept bounds the pages that stay in memory, by their size as documents; read, they take some two times as
	// much. The packages of a large application, with all they require, are some 500 pages of mostly 10 to 500 kB.
	maxKept = 96 << 20
	// defaultParallel is how many pages Prefetch asks for at once.
	defaultParallel = 8
	// usualFile is how many bytes of a page one file takes, for a first guess at how many there are.
	usualFile = 400
	// maxFilename is what file systems take; a longer name can't be a distribution's.
	maxFilename = 255
	// lastYear is the last in which a file can have been uploaded: a later time is no date. No document can hold
	// one after the year 9999 (RFC 3339), which waiting for such a release would come to.
	lastYear = 9000
	// maxDetail bounds what is quoted from an index in an error.
	maxDetail = 120
	// maxFile bounds one distribution fetched whole; larger ones exist (accelerator libraries), nobody asks for
	// them here.
	maxFile = 1 << 30
	// maxRead bounds a distribution that is fetched only to read its metadata: a wheel this large comes from a
	// host that takes range requests, or is not read.
	maxRead = 256 << 20
	// maxMetadata bounds core metadata, which holds a package's whole README; the largest seen are under 1 MB.
	maxMetadata = 8 << 20
	// maxSmall is up to which size a wheel is fetched whole though its host takes range requests: that is one
	// request instead of two or three, and its sha256 is verified.
	maxSmall = 512 << 10
	// slowest is the rate in bytes a second below which a file's host counts as not answering, after the time one
	// try has.
	slowest = 64 << 10
	// maxDrained is how much of an unwanted answer is read so that the connection can be used again.
	maxDrained = 8 << 10
	// partSize is how much of a large wheel is asked for at once: the list of files and METADATA of most.
	partSize = 64 << 10
	// maxParts is how many range requests one wheel may take: three, or four of an odd one.
	maxParts = 8
	// maxDirectory bounds the list of files of a wheel; that of 8,000 files has 1 MB.
	maxDirectory = 8 << 20
	// maxUnpacked bounds how far a source distribution is unpacked in search of PKG-INFO: some 2 s of work.
	maxUnpacked = 512 << 20
	// maxEntries bounds how many of its files are passed over.
	maxEntries = 100_000
	// maxFacts bounds the metadata kept in memory; that of one file has some 5 to 50 kB.
	maxFacts = 32 << 20
)
