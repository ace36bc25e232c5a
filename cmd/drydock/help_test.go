package main

import (
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

func TestHelpIsNoWiderThanATerminal(t *testing.T) {
	var look func(*cobra.Command)
	look = func(cmd *cobra.Command) {
		text := helpText(cmd)
		for line := range strings.Lines(text) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > helpWidth {
				t.Errorf("%s --help has a line of %d: %s", cmd.CommandPath(), n, line)
			}
		}
		words := strings.Join(strings.Fields(text), " ")
		for _, want := range []string{strings.Join(strings.Fields(first(cmd.Long, cmd.Short)), " "), cmd.UseLine(), "--format FORMAT"} {
			if !strings.Contains(words, want) {
				t.Errorf("%s --help lacks %q", cmd.CommandPath(), want)
			}
		}
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() && !strings.Contains(words, sub.Name()+" "+sub.Short) {
				t.Errorf("%s --help lacks %q", cmd.CommandPath(), sub.Short)
			}
			look(sub)
		}
	}
	look((&cli{Main: &Main{Stdout: io.Discard, Stderr: io.Discard}}).root())
}
