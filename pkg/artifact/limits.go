package artifact

// Limits of an artifact, each with its reason.
const (
	// maxEntries is what a large Python environment has ten times over.
	maxEntries = 1 << 20
	// maxBytes is above the largest environments (deep learning: some 10 GB).
	maxBytes = 64 << 30
)
