package index

import "time"

// Limits of the client, each with its reason.
const (
	// maxAnswer bounds one page. The largest on the public index (many releases with many wheels) have
	// under 20 MB.
	maxAnswer = 32 << 20
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
	// maxKept is how many parsed projects stay in memory; one has some 10 to 500 kB.
	maxKept = 256
	// defaultParallel is how many pages Prefetch asks for at once.
	defaultParallel = 8
	// maxFilename is what file systems take; a longer name can't be a distribution's.
	maxFilename = 255
	// maxDetail bounds what is quoted from an index in an error.
	maxDetail = 120
)
