package planner

import "time"

// Limits of the planner, each with its reason.
const (
	// handleLimit bounds one planning: a hundred packages on a slow index.
	handleLimit = 5 * time.Minute
	// firstRetry is when a plan is made again after the index did not answer; doubled each time.
	firstRetry = 5 * time.Minute
	// lastRetry bounds the doubling: an index that is away for a day costs four events, not hundreds.
	lastRetry = 6 * time.Hour
	// maxTold is how many rejected releases a reason or detail names.
	maxTold = 4
	// maxManifest bounds a manifest that is written back; the reader's own limit is lower.
	maxManifest = 64 << 20
	// resolveLimit bounds one resolution: a hundred pins take a second or two.
	resolveLimit = 2 * time.Minute
	// maxSources is how many releases of a package without wheels are looked into: each is a download.
	maxSources = 8
	// maxRenewals is how often an update that fixes nothing gives way to an older release.
	maxRenewals = 4
	// maxBound is how many packages a phase tries alone because their newest release asks for one of another: each is a run of uv.
	maxBound = 5
	// maxTape bounds what the index said of one environment, unpacked: a few hundred pages of up to 10 MB.
	maxTape = 1 << 30
	// maxAnswers is how many resolutions are remembered, in memory and on disk.
	maxAnswers = 256
	// maxKeptAnswers bounds the tapes of those in memory, in bytes: that of 200 pins has up to 8 MB.
	maxKeptAnswers = 64 << 20
	// maxPressed bounds the compressed pieces of tapes that are kept to be used again, in bytes: of a page and its
	// metadata some 5 to 50 kB.
	maxPressed = 32 << 20
	// maxStoredAnswers bounds those on disk together.
	maxStoredAnswers = 512 << 20
	// maxExceptions bounds a file of waivers, freezes or VEX statements.
	maxExceptions = 16 << 20
	// parallel is how many pages and metadata are asked for at once.
	parallel = 8
)
