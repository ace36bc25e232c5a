package preflight

import "time"

const (
	// maxHead and maxTail bound what is kept of a command's output: how it began, and why it ended.
	maxHead, maxTail = 64 << 10, 64 << 10
	// maxDetail bounds the one line that people read first.
	maxDetail = 400
	// defaultLimit is for an application that was made by hand, without the defaults of its file.
	defaultLimit = 30 * time.Minute
	// defaultAge is that of an application's max_age: one nightly backup.
	defaultAge = 24 * time.Hour
	// grace is what a command gets to clean up between SIGTERM and SIGKILL: a restored copy of a database wants to
	// be dropped.
	grace = 5 * time.Second
	// dying is how long who was sent SIGKILL is looked after: on a busy machine with much memory to give back that is
	// no moment. Who is still there then waits for a disk or a dead file server.
	dying = 30 * time.Second
	// drain is how long what is left in the pipe is read once everything has ended: only what could not be ended
	// holds it open.
	drain = 15 * time.Second
	// killRounds bounds the hunt for what a command left: each round stops those the last one did not see, and one
	// that is stopped can't fork.
	killRounds = 100
	// busyTries and busyPause: a script that was written just now may still be open for writing in a child of ours
	// that is about to become another program (ETXTBSY).
	busyTries, busyPause = 500, 10 * time.Millisecond
	// skew is how far a clock may be behind the one that noted a verification: more, and nobody knows its age.
	skew = 5 * time.Minute
)
