package events

import (
	"reflect"
	"strconv"
)

// Service names a worker that produces or consumes events.
type Service string

// The services of design §5 that take part so far.
const (
	Gateway Service = "gateway"
	Scanner Service = "scanner"
	Planner Service = "planner"
	// Validator does what happens in the dock, and up to the merge.
	Validator Service = "validator"
)

// Row is one kind of event.
type Row struct {
	Entity, Verb string
	Version      int
	Producer     Service
	Consumers    []Service
	OrgOnly      bool   // of the organisation: its subject carries "_" for the application
	Sentence     string // past tense, for people
	Payload      any    // zero value of the payload type; each type stands in one row only
}

// Catalog is the catalogue: every event Drydock knows, in story order. Subjects, docs/events.md, the JSON
// Schemas and `drydock events types` are generated from it.
var Catalog = []Row{
	// declared
	{"application", "declared", 1, Gateway, nil, false, "An application was named and its source recorded.", ApplicationDeclared{}},
	{"policy", "changed", 1, Gateway, to(Planner), true, "The policy in force changed.", PolicyChanged{}},
	{"database", "updated", 1, Gateway, to(Scanner), true, "An advisory database was imported or updated, or a list of what is exploited.", DatabaseUpdated{}},
	// in
	{"scan", "requested", 1, Gateway, to(Scanner), false, "A scan of an application was asked for.", ScanRequested{}},
	// scan
	{"scan", "completed", 1, Scanner, to(Planner, Validator), false, "A scan read its target and matched what it found; the closing event of its batch.", ScanCompleted{}},
	{"scan", "failed", 1, Scanner, nil, false, "A scan ended without an inventory.", ScanFailed{}},
	{"finding", "opened", 1, Scanner, to(Planner), false, "A vulnerability was found in a package of the application.", FindingOpened{}},
	{"finding", "reprioritized", 1, Scanner, to(Planner), false, "What is known of an open finding's urgency changed.", FindingReprioritized{}},
	{"finding", "closed", 1, Scanner, to(Planner), false, "A complete scan no longer saw the finding.", FindingClosed{}},
	// plan
	{"plan", "generated", 1, Planner, nil, false, "A plan answered the open findings of the application; the closing event of its batch.", PlanGenerated{}},
	{"plan", "superseded", 1, Planner, nil, false, "A newer plan took the place of this one.", PlanSuperseded{}},
	{"change", "opened", 1, Planner, to(Validator), false, "A phase of a plan started its way to production.", ChangeOpened{}},
	{"change", "superseded", 1, Planner, to(Validator), false, "A change ended because a newer plan answers its findings.", ChangeSuperseded{}},
	{"deadline", "approaching", 1, Planner, nil, false, "A share of the time a change has went by.", DeadlineApproaching{}},
	{"deadline", "breached", 1, Planner, nil, false, "A change was not closed by its deadline.", DeadlineBreached{}},
	// dock
	{"artifact", "sealed", 1, Validator, nil, false, "What a change installs was built, sealed and named by its digest.", ArtifactSealed{}},
	{"change", "validated", 1, Validator, to(Validator), false, "An artifact passed every check in the dock.", ChangeValidated{}},
	{"change", "rejected", 1, Validator, to(Planner, Validator), false, "A change ended because it failed in the dock, or somebody turned it down.", ChangeRejected{}},
	{"change", "parked", 1, Validator, nil, false, "A change stopped until a person, or time, mends something.", ChangeParked{}},
	{"change", "resumed", 1, Validator, to(Validator), false, "A change that had stopped was taken up again.", ChangeResumed{}},
	{"artifact", "voided", 1, Validator, to(Validator), false, "An artifact no longer counts, because its base moved.", ArtifactVoided{}},
	{"change", "proposed", 1, Validator, nil, false, "A change was put up as a branch for people to look at.", ChangeProposed{}},
	{"change", "merged", 1, Validator, nil, false, "A proposed change arrived in the base branch.", ChangeMerged{}},
	// always
	{"effect", "intended", 1, Validator, to(Validator), false, "Something outside was about to be done.", EffectIntended{}},
	{"effect", "done", 1, Validator, nil, false, "What was intended took place.", EffectDone{}},
	{"effect", "refused", 1, Validator, nil, false, "What was intended did not take place, and will not.", EffectRefused{}},
}

func to(s ...Service) []Service { return s }

// Name is "<entity>.<verb>", as people and options call the event.
func (r Row) Name() string { return r.Entity + "." + r.Verb }

// Type is the CloudEvents type.
func (r Row) Type() string {
	return "dev.drydock." + r.Entity + "." + r.Verb + ".v" + strconv.Itoa(r.Version)
}

var (
	byType    = indexBy(Row.Type)
	byPayload = indexBy(func(r Row) reflect.Type { return reflect.TypeOf(r.Payload) })
)

func indexBy[K comparable](key func(Row) K) map[K]Row {
	m := make(map[K]Row, len(Catalog))
	for _, r := range Catalog {
		m[key(r)] = r
	}
	return m
}

// Lookup finds the row of a CloudEvents type.
func Lookup(typ string) (Row, bool) {
	r, ok := byType[typ]
	return r, ok
}

// LookupName finds the newest row called "<entity>.<verb>".
func LookupName(name string) (Row, bool) {
	var best Row
	for _, r := range Catalog {
		if r.Name() == name && r.Version > best.Version {
			best = r
		}
	}
	return best, best.Version > 0
}

// RowOf finds the row whose payload type is that of p (a value or a pointer).
func RowOf(p any) (Row, bool) {
	if p == nil {
		return Row{}, false
	}
	t := reflect.TypeOf(p)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	r, ok := byPayload[t]
	return r, ok
}
