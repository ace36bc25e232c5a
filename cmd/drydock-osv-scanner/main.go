// Command drydock-osv-scanner is the second opinion: google/osv-scanner, offline
// on the same advisory database, behind a small protocol. It is a program and a
// module of its own because linking osv-scanner brings 150 modules, 65 MB and
// minutes of compiling, and because its API takes no context: only a child
// process can be stopped (docs/adr).
//
// It reads one request from stdin and answers it on stdout, as JSON:
//
//	{"db": "<dir>", "packages": [{"name": "flask", "version": "2.2.2", "ecosystem": "PyPI"}]}
//	{"version": "2.5.1", "results": [{"name": "flask", "version": "2.2.2", "ecosystem": "PyPI", "ids": ["PYSEC-2023-62"]}]}
//	{"error": "…"}
//
// db holds osv-scalibr/<Ecosystem>/all.zip or <Ecosystem>/all.zip. There is one
// result for each package asked for, in that order; ids are the matching records,
// sorted, and an empty list means that none matched. With an error nothing is
// known, and the exit code is 4. Temporary files go to $TMPDIR. Once it has read
// the request the process confines itself to these two places where the system
// can (Landlock), and says so in "confinement".
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// maxRequest is far above any application: 100,000 packages.
const maxRequest = 16 << 20

type request struct {
	DB       string `json:"db"`
	Packages []pkg  `json:"packages"`
	Repeat   int    `json:"repeat,omitempty"` // for benchmarks: scan that often and tell the CPU time of one
}

type pkg struct {
	Name      string `json:"name"`
	Version   string `json:"version"`
	Ecosystem string `json:"ecosystem"`
}

type result struct {
	pkg
	IDs []string `json:"ids"`
}

type response struct {
	Version     string   `json:"version,omitempty"`
	Confinement string   `json:"confinement,omitempty"` // landlock or none
	Results     []result `json:"results"`
	CPUSeconds  float64  `json:"cpu_seconds,omitempty"`
	Error       string   `json:"error,omitempty"`
}

func main() {
	os.Exit(run(os.Stdin, os.Stdout, confine))
}

func run(in io.Reader, out io.Writer, confine confiner) int {
	res, err := answer(in, confine)
	code := 0
	if err != nil {
		res, code = response{Error: err.Error()}, 4
	}
	var doc any = res
	if err != nil {
		doc = map[string]string{"error": res.Error} // no empty list that looks like knowledge
	}
	if err := json.NewEncoder(out).Encode(doc); err != nil {
		fmt.Fprintln(os.Stderr, "drydock-osv-scanner: write the answer:", err)
		return 4
	}
	return code
}

func answer(in io.Reader, confine confiner) (response, error) {
	var req request
	data, err := io.ReadAll(io.LimitReader(in, maxRequest+1))
	if err != nil {
		return response{}, fmt.Errorf("read the request: %w", err)
	}
	if len(data) > maxRequest {
		return response{}, fmt.Errorf("the request is larger than %d bytes", maxRequest)
	}
	if err := json.Unmarshal(data, &req); err != nil {
		return response{}, fmt.Errorf("read the request: %w", err)
	}
	if err := check(req); err != nil {
		return response{}, err
	}
	return scan(req, confine)
}
