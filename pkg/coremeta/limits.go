package coremeta

// Limits on what an index or an archive hands over, each with its reason.
const (
	// maxHeaders bounds the header section in bytes: before metadata 2.1 the whole description stood in it.
	maxHeaders = 8 << 20
	// maxRequires bounds the Requires-Dist lines: the largest on the public index have under 2,000. Each may be a
	// question to an index, and what stands in the way of a fix is looked for in time that grows with their square.
	maxRequires = 3000
	// maxExtras bounds the extras: the largest on the public index have under 600.
	maxExtras = 5000
	// maxWanted bounds the extras that are followed at once, where a release that asks for itself adds to them.
	maxWanted = 1000
	// maxValue bounds a header that is kept, in bytes; a Requires-Dist has the limit of pep508 besides.
	maxValue = 16384
	// maxUnread bounds what is kept of a requirement that can't be read, in bytes: enough to recognise it.
	maxUnread = 200
	// maxShown bounds how much of a value an error quotes, in bytes.
	maxShown = 80
)
