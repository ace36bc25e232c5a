// Package validator does what happens in the dock, and up to the merge: it builds each change, proves it in
// isolation, seals it, puts it up as a branch and watches what people do with it (docs/design.md §5).
package validator
