package worker

import (
	"math/rand/v2"
	"time"
)

// The limits of the runner, each with its reason.
const (
	defaultWorkers  = 2                // handled at once in each lane: one slow target does not hold up the next
	defaultLimit    = 5 * time.Minute  // of one handling: the largest scan takes seconds, an index that hangs minutes
	defaultAckWait  = 10 * time.Second // silence after which another worker gets the message; a crash costs this long, a stall of this length a second, harmless try
	defaultAttempts = 12               // with the backoff below about 20 minutes: longer than a restart of anything outside
	defaultDrain    = 20 * time.Second // below the 30 s that orchestrators wait between SIGTERM and SIGKILL
	defaultSweep    = time.Hour        // design §5

	spareDeliveries = 20               // hand-backs and crashes before the server gives up by itself: the runner buries first
	handBackWait    = 5 * time.Second  // what is left for handing back after the drain limit
	settleLimit     = 10 * time.Second // of one acknowledgement
	stuckGrace      = 10 * time.Second // after its limit a handling that ignores its context is no longer reported alive
	holdMost        = 30 * time.Second // between two tries while the log takes nothing: a person who made room should see work go on
	conflictTries   = 16               // decisions within one delivery before the message is handed back
	backoffFirst    = time.Second
	backoffMost     = 5 * time.Minute

	breakerTrips = 5                // failures in a row
	breakerOpen  = 30 * time.Second // before one call may try again
)

// backoff is the delay before the next attempt: doubling from one second to five minutes, of which a random
// half is taken away, so that what failed together does not come back together.
func backoff(attempt int) time.Duration {
	d := backoffMost
	if n := attempt - 1; n < 9 {
		d = min(backoffFirst<<max(n, 0), backoffMost)
	}
	return d - rand.N(d/2)
}

// jitter is the short pause before deciding again after a conflict.
func jitter(try int) time.Duration {
	return rand.N(time.Duration(min(try+1, 8)) * 2 * time.Millisecond)
}
