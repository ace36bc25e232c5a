package validator

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
)

// TestWeigh: of checks that all were carried out, which one decides, whatever the order in which they ended.
func TestWeigh(t *testing.T) {
	well := func(step string) ended { return ended{step: step} }
	no := func(step string) ended {
		return ended{step: step, halt: rejected(events.RejectedTests, "%s says no", step)}
	}
	stop := func(step string) ended {
		return ended{step: step, halt: parked(events.ParkedSetup, "mend it", "%s tells nothing", step)}
	}
	trouble := func(step string) ended { return ended{step: step, err: errors.New("the box of " + step)} }
	changed := ended{step: report.StepVerify, halt: rejected(events.RejectedChanged, "it was changed")}
	for what, try := range map[string]struct {
		all  []ended
		want string // the step that decides; empty: none
	}{
		"nothing ran":                      {nil, ""},
		"all well":                         {[]ended{well(report.StepBaseline), well(report.StepTests), well(report.StepSecurity), well(report.StepSmoke), well(report.StepVerify)}, ""},
		"one says no":                      {[]ended{well(report.StepTests), well(report.StepSecurity), no(report.StepSmoke), well(report.StepVerify)}, report.StepSmoke},
		"two say no":                       {[]ended{well(report.StepTests), no(report.StepSecurity), no(report.StepSmoke), well(report.StepVerify)}, report.StepSecurity},
		"no outweighs what tells nothing":  {[]ended{stop(report.StepTests), no(report.StepSmoke), well(report.StepVerify)}, report.StepSmoke},
		"no outweighs a trouble":           {[]ended{trouble(report.StepBaseline), well(report.StepTests), no(report.StepSecurity), well(report.StepVerify)}, report.StepSecurity},
		"what tells nothing, and trouble":  {[]ended{trouble(report.StepTests), stop(report.StepSecurity), well(report.StepVerify)}, report.StepSecurity},
		"two tell nothing":                 {[]ended{stop(report.StepTests), stop(report.StepSecurity), well(report.StepVerify)}, report.StepTests},
		"a trouble":                        {[]ended{well(report.StepTests), trouble(report.StepSmoke), well(report.StepVerify)}, report.StepSmoke},
		"two troubles":                     {[]ended{trouble(report.StepBaseline), trouble(report.StepSmoke)}, report.StepBaseline},
		"it was changed, and tests say no": {[]ended{no(report.StepTests), no(report.StepSmoke), changed}, report.StepVerify},
		"it was changed, and all is well":  {[]ended{well(report.StepTests), changed}, report.StepVerify},
	} {
		for range 50 {
			rand.Shuffle(len(try.all), func(i, j int) { try.all[i], try.all[j] = try.all[j], try.all[i] })
			got := weigh(slices.Clone(try.all))
			step := got.step
			if got.halt == nil && got.err == nil {
				step = ""
			}
			if step != try.want {
				t.Fatalf("%s: %q decides of %+v, want %q", what, step, try.all, try.want)
			}
		}
	}
}
