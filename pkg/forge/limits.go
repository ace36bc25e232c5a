package forge

// Limits of names, each with its reason.
const (
	// maxBranch leaves room for ".lock" and a folder in the 255 bytes a file name may have on the host.
	maxBranch = 200
	// maxPath and maxPart are PATH_MAX less the folder a checkout stands in, and NAME_MAX.
	maxPath = 2048
	maxPart = 255
)
