package application

import (
	"time"

	"github.com/drydock-dev/drydock/pkg/policy"
)

const (
	// maxRepositoryFile bounds a .drydock.yaml, which a stranger may have written: the longest useful one has
	// a few kB, and the YAML parser takes half a second for the worst of this size (an open bracket and commas),
	// four times as long for twice as much.
	maxRepositoryFile = 32 << 10
	// maxURL and maxPath bound what later stands in one line, one argument, one file name.
	maxURL, maxPath = 1024, 512
	// maxOwners, maxRoutes, maxEnvironments bound what people read on one screen.
	maxOwners, maxRoutes, maxEnvironments = 50, 50, 20
	// maxApprovals is a policy's.
	maxApprovals = 20
	// maxGlobs bounds the manifests of a repository: each is compared with each path.
	maxGlobs = 100
	// maxWords and maxCommand bound a command well below what a kernel takes (128 kB for an argument).
	maxWords, maxCommand = 256, 32 << 10
	// maxVariables and maxValue bound the environment of a check.
	maxVariables, maxValue = 50, 4 << 10
)

const (
	minute = policy.Duration(time.Minute)
	// maxTimeout is a night: a check that takes longer is not looked at by anybody.
	maxTimeout = 8 * 60 * minute
	// maxBackupAge is how long a verified backup may be trusted at most.
	maxBackupAge = 31 * 24 * 60 * minute

	defaultTests     = 30 * minute
	defaultSecurity  = 15 * minute
	defaultSmoke     = 5 * minute
	defaultHealth    = 5 * minute
	defaultBackup    = 30 * minute
	defaultBackupAge = 24 * 60 * minute // one nightly backup
)
