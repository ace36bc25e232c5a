package pybuild

import "time"

// Limits of this package, each with its reason.
const (
	// defaultSpace bounds what one build writes: the environment, and what uv unpacks before it links it there. The
	// largest environments in use (a deep-learning framework with its CUDA libraries) have 5 GB; those who have one set
	// Builder.Space, everybody else is kept from filling the memory that holds it.
	defaultSpace = 2 << 30
	// maxInodes bounds the files of one build; an environment of some hundred packages has 30,000, twice while uv's
	// cache is there.
	maxInodes = 500_000
	// maxOutput bounds what the box prints; uv prints a line for each package.
	maxOutput = 1 << 20
	// maxLog bounds what is kept of it as evidence.
	maxLog = 256 << 10
	// maxLines and maxLine bound what an error quotes of a program's words.
	maxLines, maxLine = 20, 300
	// askTime bounds the question to one interpreter, which answers in 20 ms, through a shim in 100; a busy machine
	// may need seconds.
	askTime = time.Minute
	// answerTime is for how long an answer counts: a shim may lead elsewhere without being changed itself, where
	// somebody chooses another usual version.
	answerTime = 5 * time.Minute
	// maxAnswers bounds how many are remembered, which is more than a host has.
	maxAnswers = 256
	// maxAnswer bounds what an interpreter says of itself: four short lines.
	maxAnswer = 16 << 10
	// maxCandidates bounds the interpreters that are asked.
	maxCandidates = 64
	// maxEntries bounds the files of one wheel; the largest in use have 20,000.
	maxEntries = 200_000
	// maxPoints bounds the entry_points.txt of a wheel, which is read whole.
	maxPoints = 1 << 20
	// epoch is SOURCE_DATE_EPOCH for what is built from source: the first time that a zip file can state.
	epoch = "315532800"
)
