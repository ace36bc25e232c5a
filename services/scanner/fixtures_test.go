package scanner

import "time"

// epoch is the clock of the tests.
var epoch = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
