package proposal

import (
	"fmt"
	"time"

	"github.com/drydock-dev/drydock/pkg/report"
)

// notKnown stands wherever nobody said: it is never a no (invariant I11).
const notKnown = "not known"

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func plural(n int, one, many string) md {
	if n == 1 {
		return md(one)
	}
	return md(many)
}

// is is the verb that goes with n of something.
func is(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04Z") }

func span(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case seconds < 0 || d < 0:
		return notKnown
	case d < 100*time.Millisecond:
		return "< 0.1 s"
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
}

// age is a time that went by, roughly.
func age(d time.Duration) string {
	switch days := int(d.Hours() / 24); {
	case days < 60:
		return count(days, "day", "days")
	case days < 730:
		return count(days/30, "month", "months")
	default:
		return count(days/365, "year", "years")
	}
}

func size(bytes int64) string {
	switch {
	case bytes < 1000:
		return count(int(bytes), "byte", "bytes")
	case bytes < 1000*1000:
		return fmt.Sprintf("%.1f kB", float64(bytes)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1000/1000)
}

// stepNames say what was done in a step of a validation.
var stepNames = map[string]string{
	report.StepHealth:    "system health",
	report.StepBackup:    "backup verification",
	report.StepCheckout:  "checkout of the base",
	report.StepRead:      "read manifests",
	report.StepManifests: "write updates",
	report.StepFetch:     "fetch by sha256",
	report.StepInstall:   "install, offline",
	report.StepPipCheck:  "pip check",
	report.StepSeal:      "seal",
	report.StepRescan:    "re-scan as installed",
	report.StepBaseline:  "tests before the change",
	report.StepConfirm:   "before the change, once more",
	report.StepTests:     "tests with the change",
	report.StepSecurity:  "security check",
	report.StepSmoke:     "smoke check",
	report.StepVerify:    "verify the seal",
	report.StepBisect:    "bisection",
}

func stepName(step string) md {
	if n, ok := stepNames[step]; ok {
		return md(n)
	}
	return name(step)
}
