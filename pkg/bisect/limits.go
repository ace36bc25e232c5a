package bisect

const (
	// defaultTrials: a trial is an installation and a run of the tests, most often minutes. One culprit of thirty
	// updates needs at most ten of them, two that fail only together at most 34.
	defaultTrials = 64
	// smallSet is up to how many elements single ones are tried before halves: one culprit of eight is found
	// after four and a half on average, as by halving, and a trial of one update can't fail to install for the want
	// of what another forbids.
	smallSet = 8
)
