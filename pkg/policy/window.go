package policy

import (
	"reflect"
	"slices"
	"strings"
)

// String is "sun 02:00–06:00 UTC, the first of each month", for people.
func (w Window) String() string {
	if w.always() {
		return "any time"
	}
	var parts []string
	if len(w.Days) > 0 {
		parts = append(parts, join(w.Days))
	}
	if w.From != "" {
		parts = append(parts, w.From+"–"+w.To)
	}
	text := strings.Join(append(parts, w.Zone), " ")
	if w.Every != "" {
		text += ", the first of each " + string(w.Every)
	}
	return text
}

func (w Window) always() bool { return len(w.Days) == 0 && w.From == "" && w.Every == "" }

// within says why w is open at a time at which around is not, as far as can be told for every date; "" when
// it never is.
func within(w, around Window) string {
	sameDays := slices.Equal(days(w), days(around))
	switch {
	case around.always(), reflect.DeepEqual(w, around):
		return ""
	case w.Zone != around.Zone:
		return "windows of two time zones can't be compared, so the zone must stay"
	case around.Every != "" && w.Every == "", around.Every == "quarter" && w.Every == "month":
		return "it may only open as seldom, or more so"
	case around.Every != "" && !sameDays:
		return "the first such day of a " + string(around.Every) + " is another one when the days change"
	}
	open, may := w.minutes(), around.minutes()
	for i := range open {
		if open[i] && !may[i] {
			return "it may only get narrower"
		}
	}
	return ""
}

// days are those of a window, in the order of the week.
func days(w Window) []Day {
	all := Day("").Allowed()
	var out []Day
	for _, d := range all {
		if len(w.Days) == 0 || slices.Contains(w.Days, Day(d)) {
			out = append(out, Day(d))
		}
	}
	return out
}

const minutesOfDay = 24 * 60

// minutes marks the minutes of a week at which the window is open. One that ends before it begins goes on
// into the next day.
func (w Window) minutes() []bool {
	open := make([]bool, 7*minutesOfDay)
	from, length := 0, minutesOfDay
	if w.From != "" {
		from = minute(w.From)
		length = (minute(w.To) - from + minutesOfDay) % minutesOfDay
	}
	for i, d := range Day("").Allowed() {
		if !slices.Contains(days(w), Day(d)) {
			continue
		}
		for m := range length {
			open[(i*minutesOfDay+from+m)%len(open)] = true
		}
	}
	return open
}

// minute of "09:30" is 570. Validate has seen to the form.
func minute(clock string) int {
	digit := func(i int) int { return int(clock[i] - '0') }
	return (digit(0)*10+digit(1))*60 + digit(3)*10 + digit(4)
}
