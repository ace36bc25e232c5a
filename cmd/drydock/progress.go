package main

import (
	"fmt"
	"time"
)

// progress says on stderr what takes longer than a second, and again every ten. The returned function ends
// it. On a terminal one line is written over; elsewhere lines are appended.
func (c *cli) progress(what string) (stop func()) {
	if c.opt.quiet {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	redraw := c.redraws(c.Stderr)
	go func() {
		defer close(ended)
		began, shown := time.Now(), false
		every := 10 * time.Second
		if redraw {
			every = time.Second
		}
		next := time.NewTimer(time.Second)
		defer next.Stop()
		for {
			select {
			case <-done:
				if shown && redraw {
					fmt.Fprint(c.Stderr, "\r\x1b[K")
				}
				return
			case <-next.C:
				shown = true
				line := clean(fmt.Sprintf("%s … %.0f s", what, time.Since(began).Seconds()))
				if redraw {
					fmt.Fprint(c.Stderr, "\r\x1b[K"+line)
				} else {
					fmt.Fprintln(c.Stderr, line)
				}
				next.Reset(every)
			}
		}
	}()
	return func() { close(done); <-ended }
}
