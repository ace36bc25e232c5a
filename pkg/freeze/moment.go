package freeze

import (
	"fmt"
	"time"
)

// written is a moment as people write it: a time with its zone, or a date, which means a whole day in the
// zone of the freeze.
type written struct {
	at   time.Time // of a date only year, month and day
	date bool
}

// UnmarshalText reads RFC 3339 or a date.
func (w *written) UnmarshalText(text []byte) error {
	if t, err := time.Parse(time.DateOnly, string(text)); err == nil {
		*w = written{t, true}
		return nil
	}
	t, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return fmt.Errorf("%q is neither a date nor a time with its zone, such as 2026-12-18 or 2026-12-18T18:00:00+01:00", text)
	}
	*w = written{t.UTC(), false}
	return nil
}

func (w written) zero() bool { return w.at.IsZero() }

// begins is the first moment of what is written.
func (w written) begins(zone *time.Location) time.Time {
	if !w.date {
		return w.at
	}
	return startOfDay(w.at, zone)
}

// ends is the first moment after it: a freeze until the 4th still holds on the 4th.
func (w written) ends(zone *time.Location) time.Time {
	if !w.date {
		return w.at
	}
	return startOfDay(w.at.AddDate(0, 0, 1), zone)
}

// startOfDay is the first moment of a date in a zone, in UTC. Clocks are changed at midnight in some places
// (Havana, Beirut), so that a midnight happens twice or not at all, and time.Date doesn't say what it does then.
func startOfDay(date time.Time, zone *time.Location) time.Time {
	const day = 24 * time.Hour
	y, m, d := date.Date()
	wall := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	var first time.Time
	for _, around := range [...]time.Duration{-day, day} { // one change of the clocks a day at most
		_, offset := wall.Add(around).In(zone).Zone()
		at := wall.Add(-time.Duration(offset) * time.Second)
		local := at.In(zone)
		if local.Day() == d && local.Hour() == 0 && local.Minute() == 0 && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	if first.IsZero() { // skipped: the day begins when the clocks are put forward
		_, first = wall.Add(-day).In(zone).ZoneBounds()
	}
	return first.UTC()
}
