package wheel

// Limits on what an index hands over, each with its reason.
const (
	// maxFilename bounds a file name in bytes: the longest wheel on the public index has under 250.
	maxFilename = 1024
	// maxShown bounds how much of one an error quotes, in bytes.
	maxShown = 200
)
