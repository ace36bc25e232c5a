package strictyaml

import (
	"fmt"
	"time"
)

// Until is a moment at which something ends: a date alone means the end of that day in UTC, so that what is
// granted until the 31st still holds on the 31st.
type Until struct{ time.Time }

// UnmarshalText reads RFC 3339 or a date.
func (u *Until) UnmarshalText(text []byte) error {
	t, date, err := moment(string(text))
	if err == nil && date {
		t = t.AddDate(0, 0, 1)
	}
	u.Time = t
	return err
}

// moment reads a time with its zone (RFC 3339), in UTC, or a date, the first moment of which in UTC it is.
func moment(text string) (t time.Time, date bool, err error) {
	if t, err = time.Parse(time.DateOnly, text); err == nil {
		return t, true, nil
	}
	if t, err = time.Parse(time.RFC3339, text); err == nil {
		return t.UTC(), false, nil
	}
	return t, false, fmt.Errorf("%q is neither a date nor a time with its zone, such as 2026-12-31 or 2026-12-31T17:00:00Z", text)
}
