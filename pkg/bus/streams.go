package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Streams beside EVENTS, TIMERS and BROKER.
const (
	streamLetters  = "DEADLETTER"
	streamEvidence = "EVIDENCE"
	streamAudit    = "AUDIT"
	objectBucket   = "evidence"
)

// Limits of what is kept.
const (
	DefaultWindow   = 2 * time.Minute // an event's id is taken once in it: a help, not the guarantee (design §4)
	DefaultMaxBytes = 16 << 30        // of the log: some 10 million events; reached only after the warning at 80 %
	keepNotices     = 400 * 24 * time.Hour
	keepDeliveries  = 30 * 24 * time.Hour
	keepDue         = 7 * 24 * time.Hour // a fired timer nobody took; the fold sets it again at start
)

// settings are what a configuration may choose of the table below.
type settings struct {
	maxBytes int64
	window   time.Duration
	replicas int
	limit    time.Duration // of an operation whose caller set no nearer deadline
}

// table is the one table of all that is provisioned: streams, and the streams behind buckets (KV_*) and the
// object store (OBJ_*). Each is created when missing and never changed: see [drift].
func table(s settings) []jetstream.StreamConfig {
	log := jetstream.StreamConfig{Name: streamEvents, Description: "the event log: the only truth",
		Subjects: []string{"drydock.event.>"}, MaxBytes: s.maxBytes, Discard: jetstream.DiscardNew, Duplicates: s.window,
		// No MaxAge: an event that expired would change the present (a quarantine, a release).
		DenyDelete: true, DenyPurge: true, AllowAtomicPublish: true}
	rows := []jetstream.StreamConfig{
		log,
		// Schedules refuse Discard new and need roll-ups; a MaxAge would expire long ones.
		{Name: streamTimers, Description: "timers to come and timers that fired", Subjects: []string{timerPrefix + ">", duePrefix + ">"},
			AllowMsgSchedules: true, AllowMsgTTL: true, AllowRollup: true, AllowDirect: true},
		{Name: streamLetters, Description: "messages no worker could handle, and what became of them", Subjects: []string{letterPrefix + ">"},
			MaxAge: keepNotices, DenyDelete: true, DenyPurge: true},
		{Name: streamBroker, Description: "messages the server gave up delivering", MaxAge: keepNotices, DenyDelete: true,
			Subjects: []string{"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>", "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>"}},
		{Name: streamEvidence, Description: "small documents by digest", Subjects: []string{evidencePrefix + ">"},
			Discard: jetstream.DiscardNew, AllowDirect: true},
		{Name: "OBJ_" + objectBucket, Description: "large documents by digest", Discard: jetstream.DiscardNew, AllowRollup: true, AllowDirect: true,
			Subjects: []string{"$O." + objectBucket + ".C.>", "$O." + objectBucket + ".M.>"}},
	}
	for _, b := range buckets {
		rows = append(rows, jetstream.StreamConfig{Name: "KV_" + b.name, Description: b.holds, Subjects: []string{"$KV." + b.name + ".>"},
			MaxMsgsPerSubject: 1, MaxAge: b.maxAge, Discard: jetstream.DiscardNew, AllowRollup: true, DenyDelete: true, AllowDirect: true,
			AllowMsgTTL: true})
	}
	for i := range rows {
		r := &rows[i]
		r.Replicas, r.Storage = max(s.replicas, 1), jetstream.FileStorage
		r.MaxMsgs, r.MaxConsumers, r.MaxMsgSize = -1, -1, -1
		if r.MaxBytes == 0 {
			r.MaxBytes = -1
		}
		if r.MaxMsgsPerSubject == 0 {
			r.MaxMsgsPerSubject = -1
		}
		if r.Duplicates == 0 {
			r.Duplicates = DefaultWindow
		}
	}
	return rows
}

// bucket is a key-value bucket.
type bucket struct {
	name   string
	holds  string
	maxAge time.Duration // 0: as long as it is not deleted
}

var buckets = []bucket{
	{"lease", "fenced leases; the epoch is the revision", 0},
	{"deliveries", "ids of webhook deliveries", keepDeliveries},
	{"snapshot", "folds, as a cache", 0},
	{"progress", "what is being done just now, as a hint", 0}, // each entry has a time to live of its own
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

// provision creates what is missing of rows and returns the differences of what was there. All at once: each
// creation costs several fsyncs, and a start should not.
func provision(ctx context.Context, js jetstream.JetStream, rows []jetstream.StreamConfig) ([]string, error) {
	have := map[string]jetstream.StreamConfig{}
	list := js.ListStreams(ctx)
	for info := range list.Info() {
		have[info.Config.Name] = info.Config
	}
	if err := list.Err(); err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	var warnings []string
	errs := make([]error, len(rows))
	var wg sync.WaitGroup
	for i, want := range rows {
		if cfg, ok := have[want.Name]; ok {
			warnings = append(warnings, drift(want, cfg)...)
			continue
		}
		wg.Go(func() {
			_, err := js.CreateStream(ctx, want)
			if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
				err = nil // another process was first; the next Status compares
			}
			if err != nil {
				errs[i] = fmt.Errorf("create stream %s: %w", want.Name, err)
			}
		})
	}
	wg.Wait()
	return warnings, errors.Join(errs...)
}

// drift names the settings of a stream that are not as provisioned. They are reported and left alone: whoever
// changed them may have had a reason, and putting them right in silence would hide that history may be gone.
func drift(want, have jetstream.StreamConfig) []string {
	var out []string
	differ := func(name string, w, h any) {
		if fmt.Sprint(w) != fmt.Sprint(h) {
			out = append(out, fmt.Sprintf("stream %s: %s is %v, provisioned as %v", want.Name, name, h, w))
		}
	}
	differ("subjects", sorted(want.Subjects), sorted(have.Subjects))
	differ("retention", want.Retention, have.Retention)
	differ("storage", want.Storage, have.Storage)
	differ("discard", want.Discard, have.Discard)
	differ("num_replicas", want.Replicas, have.Replicas)
	differ("max_age", want.MaxAge, have.MaxAge)
	differ("max_msgs", unlimited(want.MaxMsgs), unlimited(have.MaxMsgs))
	differ("max_bytes", unlimited(want.MaxBytes), unlimited(have.MaxBytes))
	differ("max_msgs_per_subject", unlimited(want.MaxMsgsPerSubject), unlimited(have.MaxMsgsPerSubject))
	differ("max_msg_size", unlimited(int64(want.MaxMsgSize)), unlimited(int64(have.MaxMsgSize)))
	differ("duplicate_window", want.Duplicates, have.Duplicates)
	differ("deny_delete", want.DenyDelete, have.DenyDelete)
	differ("deny_purge", want.DenyPurge, have.DenyPurge)
	differ("allow_atomic", want.AllowAtomicPublish, have.AllowAtomicPublish)
	differ("allow_msg_schedules", want.AllowMsgSchedules, have.AllowMsgSchedules)
	differ("allow_msg_ttl", want.AllowMsgTTL, have.AllowMsgTTL)
	differ("sealed", want.Sealed, have.Sealed)
	return out
}

// losses names what is missing of the log, whose messages nothing may remove.
func losses(state jetstream.StreamState) []string {
	var out []string
	if state.FirstSeq > 1 && state.LastSeq > 0 {
		out = append(out, fmt.Sprintf("stream %s: events 1 to %d are gone", streamEvents, state.FirstSeq-1))
	}
	if state.NumDeleted > 0 {
		out = append(out, fmt.Sprintf("stream %s: %d events in its middle are gone", streamEvents, state.NumDeleted))
	}
	return out
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}

// unlimited folds the two ways of saying "no limit".
func unlimited(n int64) int64 {
	if n == 0 {
		return -1
	}
	return n
}
