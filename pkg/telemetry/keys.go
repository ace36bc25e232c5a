package telemetry

// Keys of attributes, in logs, spans and metrics. A new one is added here, so that one thing has one name
// everywhere. Those marked (metric) have few values and may label a metric; the others must not.
const (
	KeyRole     = "role"     // (metric) scanner, planner, gateway, all
	KeyService  = "service"  // (metric) the service that works
	KeyStage    = "stage"    // (metric) worker.Stage.Name
	KeyLane     = "lane"     // (metric) urgent, routine
	KeyOutcome  = "outcome"  // (metric) of a handling or a call: done, repeated, transient, permanent, …
	KeyKind     = "kind"     // (metric) of whatever is spoken of
	KeyName     = "name"     // (metric) of a breaker, stream, consumer, bucket
	KeyState    = "state"    // (metric) of a breaker: closed, half-open, open
	KeyEntity   = "entity"   // (metric) first half of an event's name
	KeyEvent    = "event"    // (metric) an event's name, "scan.completed"
	KeyStream   = "stream"   // (metric) JetStream stream
	KeyConsumer = "consumer" // (metric) durable consumer
	KeyMethod   = "method"   // (metric) of an HTTP request
	KeyRoute    = "route"    // (metric) pattern of an HTTP request, never its path
	KeyStatus   = "status"   // (metric) HTTP status code
	KeyBackend  = "backend"  // (metric) memory, embedded, external

	KeyApp         = "app"       // application
	KeyEventID     = "event_id"  // CloudEvents id
	KeyCause       = "cause"     // id of the event that was handled
	KeyChange      = "change"    // change id
	KeyFinding     = "finding"   // finding id
	KeyPlan        = "plan"      // plan digest
	KeyActor       = "actor"     // person or service
	KeySequence    = "sequence"  // position in the log
	KeySubject     = "subject"   // NATS subject
	KeyAttempt     = "attempt"   // delivery, from 1
	KeyDelay       = "delay"     // until the next attempt
	KeyReason      = "reason"    // why it was decided so
	KeyTarget      = "target"    // what is scanned
	KeySource      = "source"    // manifest or environment in it
	KeyLine        = "line"      // line in Source
	KeyPackage     = "package"   // normalised name
	KeyVersion     = "version"   // of a package or of Drydock
	KeyEcosystem   = "ecosystem" // OSV ecosystem
	KeyDatabase    = "database"  // advisory database
	KeyDigest      = "digest"    // sha256:…
	KeyPath        = "path"      // file or directory
	KeyURL         = "url"       // without credentials
	KeyAddress     = "address"   // host:port
	KeyPID         = "pid"
	KeySeconds     = "seconds"
	KeyCount       = "count"
	KeyBytes       = "bytes"
	KeyConfinement = "confinement" // level reached
	KeyError       = "error"
	KeyTrace       = "trace_id" // set by Logger from the context
	KeySpan        = "span_id"  // set by Logger from the context
)
