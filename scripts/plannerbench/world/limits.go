package world

import "time"

// Limits towards the real index, each with its reason.
const (
	// maxPage bounds one page: the largest of the public index have under 20 MB.
	maxPage = 32 << 20
	// maxFile bounds a distribution or its metadata: nothing a situation installs comes near.
	maxFile = 200 << 20
	// requestTimeout bounds one try, the body included; the largest wheels take seconds.
	requestTimeout = 2 * time.Minute
	// tries is how often something is asked for; a proxy in between may hiccup.
	tries = 3
	// parallel is how many requests go to the real index at once: a guest behaves.
	parallel = 4
	// maxQuestion bounds a body sent to the advisory API.
	maxQuestion = 1 << 20
)
