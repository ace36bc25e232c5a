package scanner

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/drydock-dev/drydock/pkg/inventory"
)

// breaker is a source that only tests have: the name of a file says how its parser breaks.
type breaker struct{}

func (breaker) Kind() string { return "breaker" }

func (breaker) Takes(name string) bool {
	switch path.Base(name) { // these break while manifests are looked for
	case "crash.walk":
		os.Exit(3)
	case "panic.walk":
		panic("a bug of discovery")
	case "spin.walk":
		//lint:ignore SA5002 it is to be stopped from outside
		for {
		}
	}
	return strings.HasSuffix(name, ".break")
}

func (b breaker) Read(t *tree, name string) manifest {
	m := manifest{Kind: b.Kind(), Path: name, Ecosystem: "PyPI"}
	switch strings.TrimSuffix(path.Base(name), ".break") {
	case "panic":
		panic("a parser's bug")
	case "crash":
		os.Exit(3)
	case "overflow":
		m.Notes = append(m.Notes, fmt.Sprint(recurse(1)))
	case "hang":
		select {}
	case "spin":
		//lint:ignore SA5002 it is to be stopped from outside
		for {
		}
	case "eat":
		for {
			hoard = append(hoard, make([]byte, 1<<20))
			for i := range hoard[len(hoard)-1] {
				hoard[len(hoard)-1][i] = 1
			}
		}
	case "flood":
		for {
			fmt.Println(`{"manifest":{"kind":"breaker","path":"` + strings.Repeat("x", 1<<20) + `"}}`)
		}
	case "failure": // of a parser that was taken over
		fmt.Println(`{"confinement":"\u001b[2J"}` + "\n" + `{"failed":{"reason":"\u001b[2J","detail":"\u001b[2J"}}`)
	case "start":
		fmt.Println(`{"start":{"kind":"breaker","path":"../\u001b[2J"}}`)
		os.Exit(3)
	case "garbage":
		fmt.Println("\x1b[2Jthis is not JSON")
	case "lies":
		m.Path = "../../etc/passwd"
		m.Packages = []inventory.Package{{Package: "evil\x1b[2J", Pin: inventory.Exact, Version: "1"}, {Package: "fine", Pin: inventory.Exact, Version: "1\x07"},
			{Package: "good", Pin: inventory.Exact, Version: "1.0", Marker: "a\u202eb"}}
	case "probe":
		data, err := t.read(name, maxFile)
		if err != nil {
			m.incomplete(inventory.Unreadable, 0, err.Error())
			return m
		}
		m.Notes = probe(strings.TrimSpace(string(data)))
	}
	return m
}

var hoard [][]byte

func recurse(n int) int {
	if n == 0 {
		return 0
	}
	return recurse(n+1) + 1
}

// probe tries, from inside of the reader, to look at what lies outside of the target.
func probe(outside string) []string {
	var got []string
	try := func(what string, err error) {
		if err == nil {
			got = append(got, what+" succeeded")
		}
	}
	_, err := os.ReadFile(outside)
	try("reading "+outside, err)
	_, err = os.ReadDir(path.Dir(outside))
	try("listing", err)
	_, err = os.ReadFile("/etc/passwd")
	try("reading /etc/passwd", err)
	env, _ := json.Marshal(os.Environ())
	if string(env) != "[]" {
		got = append(got, "environment "+string(env))
	}
	fds, _ := os.ReadDir("/proc/self/fd")
	if len(fds) > 0 {
		got = append(got, "listing /proc/self/fd succeeded")
	}
	return got
}
