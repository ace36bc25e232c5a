package planner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/freeze"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/vex"
	"github.com/drydock-dev/drydock/pkg/waiver"
)

// exceptions are what people decided beside the policy: risks they accept for a time, times when nothing moves,
// and vulnerabilities that do not touch what they run.
type exceptions struct {
	Waivers *waiver.List
	Freezes *freeze.List
	VEX     *vex.Set

	vex []*vex.Document
}

// readExceptions reads the files of the configuration. They are read for every plan, so that a change of them
// counts from the next one on.
func readExceptions(cfg Config) (exceptions, error) {
	var x exceptions
	var errs []error
	take := func(path string, parse func([]byte) error) {
		if path == "" {
			return
		}
		data, err := readBounded(path)
		if err == nil {
			err = parse(data)
		}
		errs = append(errs, err)
	}
	take(cfg.Waivers, func(data []byte) (err error) { x.Waivers, err = waiver.Parse(cfg.Waivers, data); return err })
	take(cfg.Freezes, func(data []byte) (err error) { x.Freezes, err = freeze.Parse(cfg.Freezes, data); return err })
	for _, path := range cfg.VEX {
		take(path, func(data []byte) error {
			d, err := vex.Parse(path, data)
			x.vex = append(x.vex, d)
			return err
		})
	}
	x.VEX = vex.NewSet(slices.DeleteFunc(slices.Clone(x.vex), func(d *vex.Document) bool { return d == nil })...)
	return x, errors.Join(errs...)
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w; check the path", path, errors.Unwrap(err))
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, maxExceptions+1))
	if err != nil {
		return nil, noPath(err, "read "+path)
	}
	if len(data) > maxExceptions {
		return nil, fmt.Errorf("read %s: more than %d bytes; is it the right file?", path, maxExceptions)
	}
	return data, nil
}

// answered is the outcome of a finding that people decided on; false: they did not.
func (x exceptions) answered(app string, f finding, now time.Time, o report.Outcome) (report.Outcome, bool) {
	st, silenced := x.VEX.For(vex.Subject{PURL: f.PURL, Package: f.Package, Version: f.Version, IDs: f.IDs, Application: app}, now)
	if silenced && f.Kind == events.KindVulnerability { // a malicious package is a risk to accept, not a weakness out of reach
		o.Outcome, o.Detail = report.NotAffected, "VEX: "+printable(st.String())
		return o, true
	}
	if w := x.waived(app, f, now).Waiver; w != nil {
		until := w.Expires
		o.Outcome, o.Detail, o.Until = report.AcceptedUntil, "accepted until "+minute(until)+" by "+printable(w.String()), &until
		return o, true
	}
	return o, false
}

func (x exceptions) waived(app string, f finding, now time.Time) waiver.Answer {
	return x.Waivers.For(app, waiver.Subject{Package: f.Package, Ecosystem: f.Ecosystem, Version: f.Version, Kind: f.Kind, IDs: f.IDs}, now)
}

// remind says of a finding that came back that it was accepted before.
func (x exceptions) remind(app string, f finding, now time.Time, o *report.Outcome) {
	if w := x.waived(app, f, now).Expired; w != nil && o.Outcome != report.AcceptedUntil {
		o.Detail += fmt.Sprintf("; was accepted until %s by waiver %s of %s", minute(w.Expires), printable(w.ID), printable(w.Owner))
	}
}

// hold marks the planned findings that a freeze keeps from production: now, or on the day of their deadline. The
// plan goes on beside it, so that everything but production is ready. Each phase warns once of each freeze, for the
// earliest of its deadlines: that is the one of its change.
func (x exceptions) hold(app string, now time.Time, vs []verdict) []string {
	var warned []freezeWarning
	warn := func(phase, name string, at time.Time, text string) {
		w := freezeWarning{phase, name, at, fmt.Sprintf("%s: a deadline of %s %s", phase, minute(at), text)}
		i := slices.IndexFunc(warned, func(o freezeWarning) bool { return o.phase == phase && o.freeze == name })
		switch {
		case i < 0:
			warned = append(warned, w)
		case at.Before(warned[i].at):
			warned[i] = w
		}
	}
	for i := range vs {
		v := &vs[i]
		if v.Outcome.Outcome != report.Planned {
			continue
		}
		at := v.deadline.At
		f, frozen := x.Freezes.At(app, v.Phase, now)
		if frozen {
			free := x.Freezes.Free(app, v.Phase, now)
			v.Outcome.Outcome, v.Outcome.Until = report.Frozen, &free
			v.Detail += "; held by the freeze " + printable(f.String())
			switch {
			case at.IsZero() || !at.Before(free):
			case at.Before(f.From):
				v.Detail += fmt.Sprintf("; its deadline %s was over before: only break-glass, or an end of the freeze, lets it go on sooner", minute(at))
				warn(v.Phase, f.Name, at, fmt.Sprintf("was over before the freeze %s, in force until %s: only break-glass, or an end of the freeze, lets it go on sooner", printable(f.Name), minute(free)))
			default:
				inside, which := x.Freezes.At(app, v.Phase, at)
				where := "falls inside"
				if which && inside.Name != f.Name {
					where += " the freeze " + printable(inside.Name) + ", which follows without a gap"
				}
				v.Detail += fmt.Sprintf("; its deadline %s %s: only break-glass, or an end of the freeze, keeps it", minute(at), where)
				warn(v.Phase, inside.Name, at, fmt.Sprintf("falls inside the freeze %s, in force until %s: only break-glass, or an end of the freeze, keeps it", printable(inside.Name), minute(inside.Until)))
			}
			continue
		}
		if at.IsZero() {
			continue
		}
		if g, inside := x.Freezes.At(app, v.Phase, at); inside {
			from := x.Freezes.Since(app, v.Phase, g.From) // others may lie right before it
			v.Detail += fmt.Sprintf("; its deadline %s falls inside the freeze %s: it must be in production before %s", minute(at), printable(g.Name), minute(from))
			warn(v.Phase, g.Name, at, fmt.Sprintf("falls inside the freeze %s: it must be in production before %s", printable(g.Name), minute(from)))
		}
	}
	var out []string
	for _, w := range warned {
		out = append(out, w.text)
	}
	return out
}

// freezeWarning is what a freeze means for the deadline of a phase.
type freezeWarning struct {
	phase, freeze string
	at            time.Time
	text          string
}

// next is when the exceptions change by themselves: a waiver ends, a freeze begins, a statement
// counts from then on. nil: never.
func (x exceptions) next(app string, now time.Time) *time.Time {
	var at *time.Time
	for _, t := range []*time.Time{x.Waivers.Next(app, now), x.Freezes.Next(app, now), x.VEX.Next(now)} {
		if t != nil {
			at = earlier(at, t)
		}
	}
	return at
}

// exceptionTexts names the texts in evidence.
type exceptionTexts struct {
	Waivers string   `json:"waivers,omitempty"`
	Freezes string   `json:"freezes,omitempty"`
	VEX     []string `json:"vex,omitempty"`
}

func (x exceptions) keep(ctx context.Context, store evidence.Store) (exceptionTexts, error) {
	var out exceptionTexts
	put := func(text []byte, name *string) error {
		d, err := store.Put(ctx, text)
		*name = string(d)
		return err
	}
	if x.Waivers != nil {
		if err := put(x.Waivers.Text(), &out.Waivers); err != nil {
			return out, err
		}
	}
	if x.Freezes != nil {
		if err := put(x.Freezes.Text(), &out.Freezes); err != nil {
			return out, err
		}
	}
	for _, d := range x.vex {
		name := ""
		if err := put(d.Text(), &name); err != nil {
			return out, err
		}
		out.VEX = append(out.VEX, name)
	}
	return out, nil
}

// read is the reverse of keep.
func (t exceptionTexts) read(ctx context.Context, store evidence.Store) (exceptions, error) {
	var x exceptions
	get := func(what, digest string, parse func([]byte) error) error {
		data, err := store.Get(ctx, evidence.Digest(digest))
		if err == nil {
			err = parse(data)
		}
		if err != nil {
			return &Divergence{what, err.Error()}
		}
		return nil
	}
	if t.Waivers != "" {
		if err := get("waivers", t.Waivers, func(d []byte) (err error) { x.Waivers, err = waiver.Parse(t.Waivers, d); return err }); err != nil {
			return x, err
		}
	}
	if t.Freezes != "" {
		if err := get("freezes", t.Freezes, func(d []byte) (err error) { x.Freezes, err = freeze.Parse(t.Freezes, d); return err }); err != nil {
			return x, err
		}
	}
	for _, digest := range t.VEX {
		if err := get("vex", digest, func(d []byte) error {
			doc, err := vex.Parse(digest, d)
			x.vex = append(x.vex, doc)
			return err
		}); err != nil {
			return x, err
		}
	}
	x.VEX = vex.NewSet(x.vex...)
	return x, nil
}
