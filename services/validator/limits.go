package validator

import "time"

// The limits of the validator, each with its reason.
const (
	leaseTime   = 30 * time.Second // a validator that died is replaced after this; it renews three times as often
	leaseSlack  = 5 * time.Second  // the store's clock, and the way there
	leaseLook   = time.Second      // between two tries for a lease that another has
	attendLimit = 10 * time.Minute // of one push: the transfer limit of the forge and some looks
	giveUp      = 5                // attempts after which a transient trouble parks the change instead
	retryFirst  = 10 * time.Minute // until a parked change is tried again by itself, doubling …
	retryMost   = 24 * time.Hour   // … up to this
	rewake      = time.Hour        // an unfinished change is looked at again at the latest then
	settled     = 2 * time.Minute  // a change younger than this is on its way by itself
	looksAtOnce = 8                // applications whose repositories are asked at the same time; each is a git or two
	deletedFor  = 30 * 24 * time.Hour
	unusedFor   = 30 * 24 * time.Hour // a distribution or baseline that nobody asked for goes then
	provedFor   = 24 * time.Hour      // what a check said of an artifact counts for a change that carries on the one it was run for
	progressTTL = 2 * time.Minute     // a hint of a worker that died goes away
	afterLimit  = 5 * time.Minute     // what validator.limit ended is told and cleared away; before it, the lease of one that died is waited for
	keepTime    = 20 * time.Second    // for keeping a log when the time of its step is over

	maxNames    = 100      // of tests listed in a document
	maxManifest = 32 << 20 // bytes of one manifest, as the scanner's reader allows
	maxOwnFile  = 32 << 10 // bytes of .drydock.yaml
	bisectShare = 2        // bisecting may take the whole limit divided by this
	maxBackends = 50       // pins of validator.build_with; there are not that many
	maxFindings = 50       // listed in a rejection
	maxChanges  = 10       // of files listed that are not as they were sealed
)
