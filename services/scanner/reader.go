package scanner

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"syscall"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/isolation"
)

// ReaderMain is the whole life of the confined child: it takes a request from standard input, gives up its
// rights, reads and writes messages to standard output. It ends the process with its exit code. Call it before
// anything else of the program has started.
func ReaderMain() int {
	code := readerMain()
	syscall.Exit(code) // not os.Exit, whose hooks write files (coverage) or wait a second (the race detector)
	return code
}

func readerMain() int {
	closeInherited()
	debug.SetMemoryLimit(readerHeap)
	var req request
	if err := json.NewDecoder(io.LimitReader(os.Stdin, readerLine)).Decode(&req); err != nil {
		fmt.Fprintf(os.Stderr, "reader: this is an inner part of drydock and reads its request from drydock: %v\n", err)
		return 2
	}
	_ = os.Stdin.Close()
	r := &reader{out: bufio.NewWriterSize(os.Stdout, 64<<10), req: req}
	if err := r.run(); err != nil {
		r.send(message{Failed: err})
		r.out.Flush()
		return 1
	}
	if r.send(message{End: true}); r.out.Flush() != nil {
		return 1
	}
	return 0
}

// reader is the state of the child.
type reader struct {
	req   request
	out   *bufio.Writer
	tree  *tree
	queue []task
	known map[task]bool
}

func (r *reader) run() *readError {
	if err := isolation.Limit(isolation.Limits{Data: readerData, CPUSeconds: readerCPU, OpenFiles: readerFiles}); err != nil {
		return &readError{Reason: "confinement", Detail: err.Error()}
	}
	roots := r.req.Git.roots()
	if r.req.Root != "" {
		roots = append(roots, r.req.Root)
	}
	level, err := isolation.Restrict(roots, isolation.Level(r.req.Minimum))
	if weak := (*isolation.ErrTooWeak)(nil); errors.As(err, &weak) {
		return &readError{Reason: "confinement", Detail: weak.Error()}
	} else if err != nil {
		return &readError{Reason: "confinement", Detail: err.Error()}
	}
	r.send(message{Confinement: string(level)})
	r.known = map[task]bool{}
	for _, t := range r.req.Done {
		r.known[t] = true
	}
	if git := (task{Kind: taskGit}); r.req.Git.Dir != "" && !r.known[git] {
		r.start(git)
		facts := readGit(r.req.Git)
		r.send(message{Git: &facts})
	}
	if r.req.Root == "" {
		return nil
	}
	return r.readTarget()
}

func (r *reader) readTarget() *readError {
	r.start(task{Kind: taskDiscovery})
	var err error
	if r.tree, err = openTree(r.req.Root); err != nil {
		return &readError{Reason: "unreadable", Detail: fmt.Sprintf("%s can't be opened: %v; check its permissions", r.req.Root, cause(err))}
	}
	tasks, result := r.discover()
	r.send(message{Found: &result})
	r.add(tasks...)
	r.add(r.req.Extra...)
	for len(r.queue) > 0 {
		t := r.queue[0]
		r.queue = r.queue[1:]
		r.start(t)
		m := r.read(t)
		if includes := includeTasks(m); len(r.known)+len(includes) > 2*maxManifests { // as many again as discovery finds
			m.incomplete(inventory.Unreadable, 0, fmt.Sprintf("%s: more than %d files are included; scan the folders one by one", m.Path, maxManifests))
			m.Includes = nil
		}
		r.add(includeTasks(m)...)
		r.send(message{Manifest: &m})
	}
	return nil
}

func (r *reader) discover() ([]task, found) {
	switch {
	case r.req.Environment:
		return discoverEnvironment(r.tree)
	case r.req.File != "":
		return []task{{Kind: sourceOf(r.req.File, true).Kind(), Path: r.req.File}}, found{Tasks: 1, Python: declaredPython(r.tree)}
	}
	return discover(r.tree)
}

// read runs one source. A panic costs that source; what a recover can't catch costs it too, by way of the
// parent (run.go).
func (r *reader) read(t task) (m manifest) {
	defer func() {
		if p := recover(); p != nil {
			m = failedManifest(t, inventory.Unparsed, fmt.Sprintf("the parser failed: %.200q", fmt.Sprint(p)))
		}
	}()
	s := sourceKind(t.Kind)
	if s == nil {
		return failedManifest(t, inventory.Unparsed, fmt.Sprintf("no reader for kind %q", t.Kind))
	}
	m = s.Read(r.tree, t.Path)
	m.Kind, m.Path = t.Kind, t.Path
	return m
}

func failedManifest(t task, reason, detail string) manifest {
	m := manifest{Kind: t.Kind, Path: t.Path, Unread: true}
	m.incomplete(reason, 0, detail)
	return m
}

func includeTasks(m manifest) []task {
	tasks := make([]task, 0, len(m.Includes))
	for _, i := range m.Includes {
		tasks = append(tasks, task{Kind: m.Kind, Path: i.Path})
	}
	return tasks
}

// add queues what was not read before.
func (r *reader) add(tasks ...task) {
	for _, t := range tasks {
		if !r.known[t] {
			r.known[t] = true
			r.queue = append(r.queue, t)
		}
	}
}

// start says which task is to blame from here on. It also hands on what came before.
func (r *reader) start(t task) {
	r.send(message{Start: &t})
	if err := r.out.Flush(); err != nil {
		os.Exit(1) // nobody listens any more
	}
}

func (r *reader) send(m message) {
	line, err := json.Marshal(m)
	if err != nil {
		fmt.Fprintf(os.Stderr, "reader: %v\n", err)
		os.Exit(1)
	}
	_, _ = r.out.Write(append(line, '\n')) // a bufio.Writer keeps its error for Flush
}
