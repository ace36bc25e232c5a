package bus

import (
	"slices"
	"strings"
	"time"
)

// DefaultWindow is the time in which the server takes an event's id once (facts: a help, not the guarantee).
const DefaultWindow = 2 * time.Minute

// bucket is a key-value bucket.
type bucket struct {
	name   string
	holds  string
	maxAge time.Duration // 0: as long as it is not deleted
}

// buckets is the table of key-value buckets.
var buckets = []bucket{
	{"lease", "fenced leases; the epoch is the revision", 0},
	{"deliveries", "ids of webhook deliveries", 30 * 24 * time.Hour},
	{"snapshot", "folds, as a cache", 0},
}

func bucketRow(name string) (bucket, bool) {
	i := slices.IndexFunc(buckets, func(b bucket) bool { return b.name == name })
	if i < 0 {
		return bucket{}, false
	}
	return buckets[i], true
}

func bucketNames() string {
	names := make([]string, len(buckets))
	for i, b := range buckets {
		names[i] = b.name
	}
	return strings.Join(names, ", ")
}
