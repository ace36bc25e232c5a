package vex

const (
	// maxBytes bounds a document: a vendor's feed about all its products has some hundred kB.
	maxBytes = 8 << 20
	// maxNodes bounds the values in it, each of which takes a hundred bytes of memory: 20,000 statements.
	maxNodes = 500_000
	// maxDepth bounds nesting: a document nests seven deep (statements, products, subcomponents, identifiers).
	maxDepth = 16
	// maxText bounds one text in it; they are printed in plans.
	maxText = 64 << 10
	// maxProblems bounds what one document is told: the rest are most often the same mistake.
	maxProblems = 50
)
