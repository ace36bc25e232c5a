package dock

import (
	"fmt"
	"strings"
)

// Strength is how surely a level holds a property.
type Strength string

// The strengths.
const (
	Held       Strength = "held"        // refused by the kernel; a hostile program of the tests tries it
	BestEffort Strength = "best effort" // noticed or bounded, with a gap that the note names
	NotHeld    Strength = "not held"
)

// Property is something that a command must not be able to do, and how surely each level keeps it from it.
type Property struct {
	Name string             `json:"name"` // stable
	What string             `json:"what"` // what is kept from happening
	By   map[Level]Strength `json:"by"`
	Note string             `json:"note,omitempty"` // the gap, where one is left
}

func by(namespaces, landlock, none Strength) map[Level]Strength {
	return map[Level]Strength{Bubblewrap: namespaces, Namespaces: namespaces, Landlock: landlock, None: none}
}

// Properties is the table. docs/isolation.md shows it, and tests try every Held on every level a host offers.
func Properties() []Property {
	return []Property{
		{"home", "reading the user's home, and any file that is not mounted", by(Held, Held, NotHeld), "Landlock: that a path exists, its size and its times can be asked"},
		{"environment", "reading the environment of Drydock", by(Held, Held, NotHeld), ""},
		{"shadow", "reading what only root may, such as /etc/shadow, when Drydock is root", by(Held, Held, NotHeld), ""},
		{"tcp", "TCP to this host or any other", by(Held, Held, NotHeld), "bubblewrap, namespaces: a loopback device of the box's own is there; Landlock: no socket at all"},
		{"udp", "UDP to this host or any other", by(Held, Held, NotHeld), ""},
		{"unix", "unix sockets of this host, named or abstract", by(Held, Held, NotHeld), "bubblewrap, namespaces: a socket in a folder that is mounted can be spoken to"},
		{"fork", "forking without end", by(Held, BestEffort, NotHeld), "Landlock: unless Drydock is root, every process of the user counts, and more of them elsewhere leave fewer here"},
		{"disk", "filling the disk: bytes", by(Held, BestEffort, NotHeld), "Landlock: looked at every half second; what is written between is too much"},
		{"inodes", "filling the disk: files", by(Held, BestEffort, NotHeld), "as above"},
		{"memory", "using all memory", by(BestEffort, BestEffort, BestEffort), "each process: held; all together: looked at every tenth of a second, what System V objects hold included. What is written to a tmpfs is memory up to its limit; shared memory that nobody touches any more and buffers of sockets count for nobody, and a kernel short of memory ends the processes of boxes first"},
		{"outlive", "outliving the command or Drydock, however it ends", by(Held, Held, BestEffort), "Landlock, unless Drydock is root: when the kernel itself, short of memory, kills the supervisor, the last it would choose; none: who kills the supervisor first gets away"},
		{"signal", "signalling processes outside", by(Held, Held, NotHeld), ""},
		{"processes", "seeing other processes", by(Held, BestEffort, NotHeld), "Landlock: nothing of them can be read, but that a process number is in use can be found out"},
		{"ptrace", "tracing processes outside, or reading their memory", by(Held, Held, NotHeld), ""},
		{"namespaces", "making new namespaces and mounts", by(Held, Held, NotHeld), ""},
		{"write", "writing outside the writable places", by(Held, BestEffort, NotHeld), "Landlock: contents and names are held; mode, times and attributes of files that the user owns are not (as root: nothing is owned)"},
	}
}

// Table is the table of Properties in Markdown.
func Table() string {
	var b strings.Builder
	b.WriteString("| property: kept from | bubblewrap | namespaces | landlock | none |\n|---|---|---|---|---|\n")
	notes := 0
	var below strings.Builder
	for _, p := range Properties() {
		mark := ""
		if p.Note != "" {
			notes++
			mark = fmt.Sprintf(" [%d]", notes)
			fmt.Fprintf(&below, "%d. %s\n", notes, p.Note)
		}
		fmt.Fprintf(&b, "| %s%s | %s | %s | %s | %s |\n", p.What, mark, p.By[Bubblewrap], p.By[Namespaces], p.By[Landlock], p.By[None])
	}
	return b.String() + "\n" + below.String()
}
