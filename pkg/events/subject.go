package events

import (
	"fmt"
	"strings"
)

// SubjectPrefix is the first part of every event's NATS subject.
const SubjectPrefix = "drydock.event."

// Subject is the NATS subject of e: drydock.event.<lane>.<app>.<entity>.<verb>.
func Subject(e Event) (string, error) {
	row, ok := Lookup(e.Type())
	if !ok {
		return "", fmt.Errorf("subject of %q: type %q is not in the catalogue", e.ID(), e.Type())
	}
	if err := CheckApp(App(e)); err != nil {
		return "", fmt.Errorf("subject of %s: %w", row.Name(), err)
	}
	if err := checkLane(Lane(Ext(e, ExtLane))); err != nil {
		return "", fmt.Errorf("subject of %s: %w", row.Name(), err)
	}
	return SubjectPrefix + Ext(e, ExtLane) + "." + App(e) + "." + row.Entity + "." + row.Verb, nil
}

// AppFilter matches every event of one application, in both lanes. It is the one filter all appends of
// that application are guarded with (design §4).
func AppFilter(app string) string { return SubjectPrefix + "*." + app + ".>" }

// StageFilter matches one kind of event of all applications in one lane; an empty lane matches both.
func StageFilter(lane Lane, name string) string {
	l := string(lane)
	if l == "" {
		l = "*"
	}
	return SubjectPrefix + l + ".*." + name
}

// AppOfSubject returns the application in an event's subject.
func AppOfSubject(subject string) (string, error) {
	parts := strings.Split(subject, ".")
	if len(parts) != 6 || !strings.HasPrefix(subject, SubjectPrefix) {
		return "", fmt.Errorf("subject %q: want drydock.event.<lane>.<app>.<entity>.<verb>", subject)
	}
	if err := CheckApp(parts[3]); err != nil {
		return "", fmt.Errorf("subject %q: %w", subject, err)
	}
	return parts[3], nil
}

// CountsFor returns the application whose [AppFilter] matches subject, of whatever form the rest is: the server
// compares the next append of that application with the place of such a message, too.
func CountsFor(subject string) (app string, ok bool) {
	parts := strings.Split(subject, ".")
	if len(parts) < 5 || !strings.HasPrefix(subject, SubjectPrefix) || CheckApp(parts[3]) != nil {
		return "", false
	}
	return parts[3], true
}
