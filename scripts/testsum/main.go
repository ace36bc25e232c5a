// Command testsum reads the stream of "go test -json" and prints what a person
// wants of it: each package's closing line as it comes, the output of what
// failed, and last one line with the counts.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	failed, err := summarize(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(4)
	}
	if failed {
		os.Exit(1)
	}
}

// event is one line of the stream (cmd/test2json).
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build output
	Test        string
	Output      string
	FailedBuild string
}

// counts is what the closing line tells. A package that fails without a failed
// test (it does not build, panics, runs out of time) counts as one failure.
type counts struct {
	passed, failed, skipped int
	bad                     map[string]int // failed tests by package
}

func summarize(in io.Reader, out io.Writer) (failed bool, err error) {
	c := counts{bad: map[string]int{}}
	kept := map[string]*strings.Builder{} // output of running tests
	r := bufio.NewReader(in)
	for {
		line, rerr := r.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil {
				fmt.Fprint(out, line) // go itself speaks: downloads, errors before any test
			} else if err := c.take(e, kept, out); err != nil {
				return true, err
			}
		}
		if rerr == io.EOF {
			break
		}
		if rerr != nil {
			return true, fmt.Errorf("read the test stream: %w", rerr)
		}
	}
	fmt.Fprintf(out, "%d passed, %d failed", c.passed, c.failed)
	if c.skipped > 0 {
		fmt.Fprintf(out, ", %d skipped", c.skipped)
	}
	fmt.Fprintln(out)
	return c.failed > 0 || c.passed == 0, nil
}

func (c *counts) take(e event, kept map[string]*strings.Builder, out io.Writer) error {
	key := e.Package + "\x00" + e.Test
	switch e.Action {
	case "build-output":
		_, err := fmt.Fprint(out, e.Output)
		return err
	case "output":
		return keep(e, key, kept, out)
	case "pass", "skip", "fail":
		if e.Test != "" {
			c.test(e, key, kept, out)
		} else if e.Action == "fail" {
			if b := kept[e.Package+"\x00"]; b != nil {
				fmt.Fprint(out, b)
			}
			if c.bad[e.Package] == 0 {
				c.failed++
			}
		}
		delete(kept, key)
	}
	return nil
}

// keep prints the closing lines of packages at once and holds back everything
// else until it is known whether it belongs to a failure.
func keep(e event, key string, kept map[string]*strings.Builder, out io.Writer) error {
	if e.Test == "" && closing(e.Output) {
		_, err := fmt.Fprint(out, e.Output)
		return err
	}
	b := kept[key]
	if b == nil {
		b = &strings.Builder{}
		kept[key] = b
	}
	b.WriteString(e.Output)
	return nil
}

func closing(line string) bool {
	return strings.HasPrefix(line, "ok  \t") || strings.HasPrefix(line, "FAIL\t")
}

func (c *counts) test(e event, key string, kept map[string]*strings.Builder, out io.Writer) {
	switch e.Action {
	case "pass":
		c.passed++
	case "fail":
		c.failed++
		c.bad[e.Package]++
		if b := kept[key]; b != nil {
			fmt.Fprint(out, b)
		}
	case "skip":
		c.skipped++
		if b := kept[key]; b != nil {
			for line := range strings.Lines(b.String()) { // why it was skipped is worth a line
				if !strings.HasPrefix(strings.TrimSpace(line), "===") {
					fmt.Fprint(out, line)
				}
			}
		}
	}
}
