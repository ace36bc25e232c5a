package resolution

import "time"

const (
	// maxReads bounds how many releases' metadata a Solve reads besides that of the pins: each may be a request
	// to the index. boto3 publishes 250 releases a year, each bound to one botocore; more than two such histories
	// are left to uv.
	maxReads = 2000
	// maxNodes bounds the sets one search compares; one costs some microseconds for 200 pins.
	maxNodes = 30_000
	// maxBetter bounds the sets that all searches together compare once they have an answer: some seconds.
	maxBetter = 100_000
	// readAhead is how many releases are read at a time when the first did not fit.
	readAhead = 16
	// maxConfirmed bounds the blocked wants for which uv is asked for its explanation: each is a run.
	maxConfirmed = 5
	// maxApart bounds the groups that uv is asked about one by one where it does not agree on the whole.
	maxApart = 8
	// maxUnblock bounds the withheld releases per package that are tried as the one that would free a want.
	maxUnblock = 20
	// maxFine bounds the requirements of a chain that are tried one by one as to whether they can be left out: each
	// try is a search. Longer chains leave out only groups.
	maxFine = 60
	// maxRanges is how many requirements of one package on another a chain names before it sums up.
	maxRanges = 3
	// maxVerdicts bounds the questions whose answers are remembered: each takes some 250 bytes, and 50 to 100 more for
	// each package that it leads to. All have under 16 MB, mostly under 3.
	maxVerdicts = 8192
	// maxNeighbours bounds the packages that a remembered one may lead to.
	maxNeighbours = 16
	// searchShare is the part of the limit, in per cent, after which the best found so far has to do: the rest is
	// uv's, without which nothing is proved.
	searchShare = 60
	// explainShare is what each part of an explanation may take of the limit, in per cent: without it a chain says
	// more than it needs to, or goes without uv's words.
	explainShare = 8
	// minRun is the time a run of uv needs to be worth starting.
	minRun = 100 * time.Millisecond
)

// limits are those of the search, which tests lower.
type limits struct{ reads, nodes, better int }

var usual = limits{reads: maxReads, nodes: maxNodes, better: maxBetter}
