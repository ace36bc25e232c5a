package uvlock

const (
	// maxBytes bounds a lock file. The largest real ones, of some thousand packages with all their wheels, have
	// about 5 MB.
	maxBytes = 10 << 20
	// maxPackages bounds its packages: ten times the largest seen.
	maxPackages = 50_000
	// maxEntries bounds its dependencies and distributions together, before anything is decoded: a lock of 200
	// packages has 4,000, the largest seen some 50,000.
	maxEntries = 400_000
	// maxWays bounds the different markers under which one package is kept in mind; beyond it, it counts as
	// always needed, which never hides it.
	maxWays = 6
	// maxTerms bounds the markers that must hold together on one way, for the same reason.
	maxTerms = 6
)
