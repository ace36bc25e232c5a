package wheelhouse

// Limits, each with its reason.
const (
	// parallel is how many distributions are fetched at once.
	parallel = 4
	// maxName is what file systems take.
	maxName = 255
)
