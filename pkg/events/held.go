package events

// Held names the result with which producer began to answer cause and which is stored in part only: the
// digest of the evidence ([ExtBatch]) a runner goes on from instead of deciding anew (design §4). It is
// empty when there is none.
func (s *State) Held(cause string, producer Service) string {
	for batch, records := range s.held {
		if len(records) == 0 || Ext(records[0].Event, ExtCause) != cause {
			continue
		}
		if row, ok := Lookup(records[0].Event.Type()); ok && row.Producer == producer {
			return batch
		}
	}
	return ""
}
