package proposal

// maxTitle is where forges and git's own tools cut the first line of a message (git-commit(1), DISCUSSION, asks for
// about fifty; 72 is what `git log --oneline` shows on a terminal of 80).
const maxTitle = 72

// maxText bounds the text, in bytes: GitHub refuses more than 65,536 characters, and with title and trailers
// the message of the commit stays below 64 KiB.
const maxText = 60_000

// What one field of an outsider may take, in characters. An advisory's title or a reason is a sentence; names and
// paths that are longer are no names anybody reads.
const (
	maxSentence = 300
	maxName     = 80
	maxPath     = 120
	maxHeadline = 90 // the title of an advisory, last in a row
	maxAddress  = 300
	maxDross    = 16  // bytes that are looked at for each character shown, so that a field of megabytes costs little
	maxID       = 100 // sha256: and 64 digits; a name of an application has at most 63
	maxColumn   = 40  // up to which a column is filled up with spaces, for readers of plain text
)

// caps are how many of each are shown; what is more is counted. A text that would become too long is made again
// with the next, smaller ones.
type caps struct {
	Vulnerabilities, Updates, Reasons, Left, Steps, Gaps, Lines, Names int
}

// sizes are for a change of thirty updates and sixty vulnerabilities, for one whose every field is as long
// as it may be, and for one that is both and worse.
var sizes = []caps{
	{Vulnerabilities: 25, Updates: 30, Reasons: 12, Left: 12, Steps: 30, Gaps: 16, Lines: 12, Names: 8},
	{Vulnerabilities: 10, Updates: 12, Reasons: 5, Left: 5, Steps: 20, Gaps: 8, Lines: 6, Names: 4},
	{Vulnerabilities: 3, Updates: 3, Reasons: 1, Left: 1, Steps: 17, Gaps: 4, Lines: 2, Names: 2},
}
