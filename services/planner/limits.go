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
)
