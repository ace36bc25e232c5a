package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// helpWidth is what every terminal shows.
const helpWidth = 80

// helpText is what --help prints: cobra's layout, no line wider than helpWidth.
func helpText(cmd *cobra.Command) string {
	p := &page{width: helpWidth}
	local, inherited := cmd.LocalFlags(), cmd.InheritedFlags() // before UseLine, which looks whether there are any
	p.b.WriteString(reflow(first(cmd.Long, cmd.Short)))
	p.b.WriteString("\nUsage:\n")
	if cmd.Runnable() {
		p.wrapped(plain, "      ", "  %s", cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		p.wrapped(plain, "      ", "  %s [command]", cmd.CommandPath())
		p.b.WriteString("\nAvailable Commands:\n")
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				pad := max(sub.NamePadding(), 11)
				p.wrapped(plain, strings.Repeat(" ", pad+3), "  %-*s %s", pad, sub.Name(), sub.Short)
			}
		}
	}
	if local.HasAvailableFlags() {
		p.b.WriteString("\nFlags:\n" + local.FlagUsagesWrapped(helpWidth))
	}
	if inherited.HasAvailableFlags() {
		p.b.WriteString("\nGlobal Flags:\n" + inherited.FlagUsagesWrapped(helpWidth))
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&p.b, "\nUse \"%s [command] --help\" for more about a command.\n", cmd.CommandPath())
	}
	return p.b.String()
}

// reflow breaks paragraphs anew; lines that are indented stay lines of their own.
func reflow(text string) string {
	p := &page{width: helpWidth}
	for i, paragraph := range strings.Split(strings.TrimRight(text, "\n "), "\n\n") {
		if i > 0 {
			p.gap()
		}
		indent := strings.Repeat(" ", 25) // below what an example says
		if !strings.HasPrefix(paragraph, " ") {
			indent, paragraph = "", strings.Join(strings.Fields(paragraph), " ")
		}
		for line := range strings.Lines(paragraph) {
			p.wrapped(plain, indent, "%s", strings.TrimRight(line, "\n"))
		}
	}
	return p.b.String()
}
