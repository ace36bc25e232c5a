package pep508

// Limits on what outsiders write, each with its reason.
const (
	// maxRequirement bounds a requirement in bytes: the longest on the public index have under 2,000.
	maxRequirement = 8192
	// maxMarker bounds a marker in bytes: real ones have under 300, those a resolver writes under 2,000.
	maxMarker = 4096
	// maxName bounds a name or an extra in bytes: the index refuses longer ones.
	maxName = 200
	// maxDepth bounds the parentheses of a marker, which is read recursively: real ones nest 4 deep.
	maxDepth = 64
	// maxPython bounds the target's version in bytes: "3.14.0rc2" has 9.
	maxPython = 40
	// maxShown bounds how much of a text an error quotes, in bytes.
	maxShown = 80
)
