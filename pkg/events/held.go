package events

// Held names the result with which producer began to answer cause and which is stored in part only: the
// digest of the evidence ([ExtBatch]) a runner goes on from instead of deciding anew (design §4). It is
// empty when there is none, and of several the one begun last.
func (s *State) Held(cause string, producer Service) string {
	var found string
	var begun uint64
	for batch, records := range s.held {
		first := records[0]
		if Ext(first.Event, ExtCause) == cause && producerOf(first.Event) == producer && first.Sequence >= begun {
			found, begun = batch, first.Sequence
		}
	}
	return found
}

// Seen reports whether the event with this id was folded.
func (o *OrgState) Seen(id string) bool {
	_, ok := o.seen[idOf(id)]
	return ok
}
