package policy

import "time"

const (
	// maxSize bounds a policy file: the built-in one has 8 kB, one with 10,000 applications about 900.
	maxSize = 1 << 20
	// maxParents bounds a chain of `extends`: company, division, team are three.
	maxParents = 8
	// maxBackupAge is that of an application's before_update.backup.max_age: a backup of last month is none.
	maxBackupAge = 31 * 24 * Duration(time.Hour)
)
