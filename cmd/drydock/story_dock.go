package main

import (
	"cmp"
	"fmt"

	"github.com/drydock-dev/drydock/pkg/events"
)

// storiesOfTheDock says what happens to a change between its opening and its merge.
var storiesOfTheDock = map[string]func(events.Event) (verb, text string){
	"artifact.sealed": story(func(p events.ArtifactSealed) (string, string) {
		return "sealed", fmt.Sprintf("artifact %s, %s, Python %s, isolation %s", short(p.Artifact), count(p.Files, "file"), p.Interpreter, p.Isolation)
	}),
	"artifact.voided": story(func(p events.ArtifactVoided) (string, string) {
		return "voided", fmt.Sprintf("artifact %s: %s", short(p.Artifact), p.Reason)
	}),
	"change.validated": story(func(p events.ChangeValidated) (string, string) {
		text := fmt.Sprintf("artifact %s, isolation %s", short(p.Artifact), p.Isolation)
		if p.Tests == "" {
			text += ", nothing was tested"
		}
		if n := len(p.Warned); n > 0 {
			text += fmt.Sprintf(", %s that the base has, too", count(n, "failure"))
		}
		return "validated", text
	}),
	"change.rejected": story(func(p events.ChangeRejected) (string, string) { return "rejected", p.Reason }),
	"change.parked": story(func(p events.ChangeParked) (string, string) {
		if p.Retry.IsZero() {
			return "parked", p.Reason
		}
		return "parked", fmt.Sprintf("%s; tried again %s", p.Reason, p.Retry.UTC().Format("2 Jan 15:04Z"))
	}),
	"change.resumed": story(func(p events.ChangeResumed) (string, string) { return "resumed", p.Reason }),
	"change.proposed": story(func(p events.ChangeProposed) (string, string) {
		return "proposed", fmt.Sprintf("branch %s at %s, for %s (%s)", p.Branch, commit(p.Commit), p.Base.Branch, p.Outcome)
	}),
	"change.merged": story(func(p events.ChangeMerged) (string, string) {
		text := fmt.Sprintf("%s is in %s", commit(p.Commit), p.Base.Branch)
		if p.How == "content" {
			text += ", squashed or rebased"
		}
		if !p.SameTree {
			text += ", beside other files than were validated"
		}
		return "merged", text
	}),
	"effect.intended": story(func(p events.EffectIntended) (string, string) {
		return "intended", fmt.Sprintf("%s %s", effectWords(p.Kind), p.Branch)
	}),
	"effect.done": story(func(p events.EffectDone) (string, string) {
		return "done", cmp.Or(p.Detail, fmt.Sprintf("%s: %s", effectWords(p.Kind), p.Result))
	}),
	"effect.refused": story(func(p events.EffectRefused) (string, string) {
		return "refused", fmt.Sprintf("%s: %s", effectWords(p.Kind), p.Reason)
	}),
}

// effectWords is what an effect does to a branch.
func effectWords(kind string) string {
	switch kind {
	case events.EffectPropose:
		return "push"
	case events.EffectClose:
		return "close"
	case events.EffectFastForward:
		return "fast-forward"
	}
	return kind
}

// commit is a commit as people name it.
func commit(id string) string { return id[:min(len(id), 12)] }
