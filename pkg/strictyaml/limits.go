package strictyaml

const (
	// maxSize bounds a document: the longest the product ships has 10 kB, a list of 10,000 waivers 3 MB.
	maxSize = 4 << 20
	// maxDepth bounds nesting. The parser recurses, and a stack that runs out takes the process with it, and
	// its time grows with the square of it; nothing read here nests deeper than ten.
	maxDepth = 64
	// maxProblems bounds what one document is told: the rest are most often the same mistake.
	maxProblems = 100
	// closeWord is the largest edit distance at which a word is suggested for another.
	closeWord = 2
)
