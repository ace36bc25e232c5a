package dock

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ChildMain is main of the box's children: the supervisor, and what becomes the program.
func ChildMain() int {
	if len(os.Args) > 2 {
		switch os.Args[2] {
		case "supervise":
			return supervise()
		case "become":
			return become()
		case "stage":
			if len(os.Args) > 3 {
				return setStage(os.Args[3])
			}
		}
	}
	fmt.Fprintln(os.Stderr, "drydock: this is for Drydock's own use")
	return 3
}

// supervisor is pid 1 of its box, or where processes have no namespace of their own, who inherits the orphans.
// It is trusted: nothing it does depends on what the program says.
type supervisor struct {
	spec   spec
	report *os.File
	pid    int // of the program
	alone  bool
	usage  usage
	status atomic.Int32 // of the program; -1: has not ended
	gone   chan struct{}
	result Result
	dying  atomic.Bool
}

func supervise() int {
	runtime.LockOSThread() // capabilities, and the wish to be told of a parent's death, are a thread's
	for fd := fdSpec; fd < fdFirst; fd++ {
		unix.CloseOnExec(fd)
	}
	s := &supervisor{report: os.NewFile(fdReport, "report"), gone: make(chan struct{})}
	s.status.Store(-1)
	// Nobody but the kernel, and the parent through its pipe, tells the supervisor to end.
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGPIPE, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM, syscall.SIGVTALRM, syscall.SIGPROF)
	in := os.NewFile(fdSpec, "spec")
	err := json.NewDecoder(in).Decode(&s.spec)
	_ = in.Close()
	if err != nil {
		return s.fail(Broken, fmt.Errorf("read what to do: %w", err))
	}
	for i := range s.spec.Binds { // opened by the parent
		if fd := s.spec.Binds[i].FD; fd > 0 {
			unix.CloseOnExec(fd)
		}
	}
	s.alone = s.spec.Level == Namespaces || s.spec.Level == Bubblewrap
	go s.watchParent()
	if err := s.setUp(); err != nil {
		return s.fail(Broken, err)
	}
	// No process of the same user reads this one's memory or opens its pipes (ptrace(2), access checks).
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return s.fail(Broken, err)
	}
	began := time.Now()
	if err := s.begin(); err != nil {
		if s.dying.Load() {
			select {}
		}
		return s.fail(err.Kind, fmt.Errorf("%s", err.Text))
	}
	s.follow(began)
	s.result.Wall = time.Since(began)
	s.end()
	rep := report{Started: true, Result: s.result}
	if err := collect(os.NewFile(fdTar, "results"), &s.spec); err != nil {
		rep.Error = &childError{BadResult, err.Error()}
	}
	if s.dying.Load() {
		select {} // what was seen may be the work of watchParent, who ends this process
	}
	_ = json.NewEncoder(s.report).Encode(rep)
	return 0
}

func (s *supervisor) fail(k Kind, err error) int {
	_ = json.NewEncoder(s.report).Encode(report{Error: &childError{k, fmt.Sprintf("set up the box at level %s: %v", s.spec.Level, err)}})
	return 1
}

// watchParent ends everything once the parent is gone, however it went.
func (s *supervisor) watchParent() {
	_, _ = io.Copy(io.Discard, os.NewFile(fdAlive, "alive"))
	s.dying.Store(true)
	if !s.alone {
		for range killRounds {
			if s.killAll() == 0 {
				break
			}
		}
		if s.spec.Scratch != "" {
			removeAll(s.spec.Scratch)
		}
	}
	os.Exit(1) // as pid 1 the kernel ends the rest
}

func (s *supervisor) setUp() error {
	switch s.spec.Level {
	case Namespaces:
		if err := enterRoot(&s.spec); err != nil {
			return err
		}
		return furnish(&s.spec)
	case Bubblewrap:
		if err := limitPlaces(&s.spec); err != nil {
			return err
		}
		return furnish(&s.spec)
	}
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}

// begin starts the program through a child that confines itself first.
func (s *supervisor) begin() *childError {
	fail := func(err error) *childError {
		return &childError{Broken, fmt.Sprintf("start the program: %v", err)}
	}
	specR, specW, err := os.Pipe()
	if err != nil {
		return fail(err)
	}
	sayR, sayW, err := os.Pipe()
	if err != nil {
		return fail(err)
	}
	null, err := os.Open("/dev/null")
	if err != nil {
		return fail(err)
	}
	attr := &syscall.ProcAttr{Dir: "/", Env: ownEnv, Files: []uintptr{null.Fd(), 1, 2, specR.Fd(), sayW.Fd()},
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}}
	s.pid, err = syscall.ForkExec("/proc/self/exe", []string{"drydock", ChildArg, "become"}, attr)
	if err != nil {
		return fail(err)
	}
	_, _, _ = specR.Close(), sayW.Close(), null.Close()
	go s.reap()
	c := confinement{Level: s.spec.Level, Path: s.spec.Path, Args: s.spec.Args, Dir: s.spec.Dir, Env: s.spec.Env, Limits: s.spec.Limits,
		Readable: s.spec.Readable, Writable: s.spec.Places, Probe: s.spec.Probe}
	if !s.alone { // all of the user's count
		c.Processes = threadsOf(os.Getuid())
	}
	if err := json.NewEncoder(specW).Encode(c); err != nil {
		return fail(err)
	}
	_ = specW.Close()
	said, err := io.ReadAll(io.LimitReader(sayR, maxReport)) // ends when the program is in place
	_ = sayR.Close()
	if err != nil {
		return fail(err)
	}
	said, isReady := bytes.CutPrefix(said, []byte(ready))
	if isReady && len(said) == 0 {
		return nil
	}
	s.killAll()
	var told childError
	if err := json.Unmarshal(said, &told); err != nil {
		return fail(fmt.Errorf("it died before it was in place: %q", oneLine(said)))
	}
	return &told
}

// reap collects every child: the program, and orphans of it.
func (s *supervisor) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil { // no child is left; one may still come while the program lives, which it does not
			close(s.gone)
			return
		}
		if pid == s.pid {
			s.status.Store(int32(status))
		}
	}
}

// follow waits for the program's end or a limit.
func (s *supervisor) follow(began time.Time) {
	l := s.spec.Limits
	look := time.NewTicker(tick)
	defer look.Stop()
	quick := time.NewTicker(time.Millisecond) // for short programs, whose end is not worth a wake-up of its own
	defer quick.Stop()
	deadline := time.NewTimer(l.Time)
	defer deadline.Stop()
	for n := 0; s.status.Load() < 0; {
		select {
		case <-s.gone:
		case <-quick.C:
			if time.Since(began) > tick {
				quick.Reset(tick / 10)
			}
		case <-deadline.C:
			s.stop(OutOfTime, LimitTime)
			s.result.TimedOut = true
			return
		case <-look.C:
			n++
			s.usage = s.look()
			s.result.Peak = max(s.result.Peak, s.usage.resident)
			if s.usage.threads >= l.Processes {
				s.reached(LimitProcesses)
			}
			switch {
			case s.usage.cpu > l.CPU:
				s.stop(OutOfCPU, LimitCPU)
				return
			case s.usage.resident > l.Memory:
				s.stop(OutOfMem, LimitMemory)
				return
			case n%diskTicks == 0 && s.overDisk():
				s.stop(OutOfDisk, LimitDisk)
				return
			}
		}
	}
}

func (s *supervisor) stop(e End, l Limit) {
	s.result.Ended, s.result.ExitCode = e, -1
	s.reached(l)
}

func (s *supervisor) reached(l Limit) {
	if !slices.Contains(s.result.Reached, l) {
		s.result.Reached = append(s.result.Reached, l)
	}
}

// end says how the program ended and ends what it left.
func (s *supervisor) end() {
	if s.result.Ended == "" {
		status := syscall.WaitStatus(s.status.Load())
		s.result.Ended, s.result.ExitCode = Exited, status.ExitStatus()
		if status.Signaled() {
			s.result.Ended, s.result.Signal, s.result.ExitCode = Signalled, int(status.Signal()), -1
			if status.Signal() == syscall.SIGXCPU {
				s.reached(LimitCPU)
			}
		}
		left := s.look()
		if s.result.Left = left.processes; s.result.Left > 0 {
			s.reached(LimitChildren)
		}
		if left.threads >= s.spec.Limits.Processes {
			s.reached(LimitProcesses)
		}
	}
	over := false
	for i := range s.spec.Writable {
		over = s.full(i) || over
	}
	if over && s.result.Ended == Exited { // before anybody looked
		s.stop(OutOfDisk, LimitDisk)
	}
	for range killRounds {
		if s.killAll() == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	select {
	case <-s.gone:
	case <-time.After(grace / 3):
	}
	var all syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_CHILDREN, &all) == nil {
		s.result.CPU = time.Duration(all.Utime.Nano() + all.Stime.Nano())
	}
}
