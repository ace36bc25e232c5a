package freeze

import "time"

const (
	// longest bounds a freeze: a year, to the end of its last day. Nothing is fixed during one, so what lasts
	// longer is a year mistyped, or something to be declared again by somebody who looked at it.
	longest = 367 * 24 * time.Hour
	// maxText bounds a reason, which is printed in plans.
	maxText = 8000
	// maxName bounds names of freezes and persons.
	maxName = 256
)
