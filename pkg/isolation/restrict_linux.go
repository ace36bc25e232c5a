package isolation

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/landlock-lsm/go-landlock/landlock"
	llsys "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// configs are Landlock's, by ABI version; the kernel's own version picks one, so that nothing is left to
// go-landlock's best effort, which succeeds without doing anything.
var configs = []landlock.Config{landlock.V1, landlock.V2, landlock.V3, landlock.V4, landlock.V5, landlock.V6,
	landlock.V7, landlock.V8, landlock.V9, landlock.V10, landlock.V11}

// restrict returns the level reached and why it is no higher.
func restrict(roots []string) (Level, error, error) {
	landlocked, err := restrictFiles(roots)
	if err != nil {
		return None, nil, err
	}
	filtered, err := filterSyscalls()
	if err != nil {
		return None, nil, err
	}
	switch {
	case landlocked && filtered:
		return Full, nil, nil
	case landlocked:
		return Landlock, errors.New("the kernel has no seccomp filters for this architecture"), nil
	}
	return None, errors.New("the kernel has no Landlock, or it is not enabled at boot"), nil
}

func restrictFiles(roots []string) (bool, error) {
	abi, err := llsys.LandlockGetABIVersion()
	if err != nil || abi < 1 {
		return false, nil // ENOSYS: not built in; EOPNOTSUPP: disabled at boot
	}
	rules := make([]landlock.Rule, 0, len(roots))
	for _, root := range roots {
		// landlock.RODirs would allow execution too.
		rights := landlock.AccessFSSet(llsys.AccessFSReadFile)
		info, err := os.Stat(root)
		if err != nil {
			return false, fmt.Errorf("landlock rule: %w", err)
		}
		if info.IsDir() {
			rights |= llsys.AccessFSReadDir
		}
		rules = append(rules, landlock.PathAccess(rights, root))
	}
	if err := configs[min(abi, len(configs))-1].Restrict(rules...); err != nil {
		return false, fmt.Errorf("landlock ABI %d: %w", abi, err)
	}
	return true, nil
}

func limit(l Limits) error {
	set := func(name string, resource int, soft, hard uint64) error {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: soft, Max: hard}); err != nil {
			return fmt.Errorf("%s to %d: %w", name, soft, err)
		}
		return nil
	}
	errs := []error{set("RLIMIT_FSIZE", unix.RLIMIT_FSIZE, 0, 0), set("RLIMIT_CORE", unix.RLIMIT_CORE, 0, 0)}
	if l.Data > 0 {
		// The linked program's own data counts too (and the race detector's shadow memory).
		n := l.Data + dataInUse()
		errs = append(errs, set("RLIMIT_DATA", unix.RLIMIT_DATA, n, n))
	}
	if l.CPUSeconds > 0 {
		errs = append(errs, set("RLIMIT_CPU", unix.RLIMIT_CPU, l.CPUSeconds, l.CPUSeconds+1))
	}
	if l.OpenFiles > 0 {
		errs = append(errs, set("RLIMIT_NOFILE", unix.RLIMIT_NOFILE, l.OpenFiles, l.OpenFiles))
	}
	return errors.Join(errs...)
}

// dataInUse is what RLIMIT_DATA counts already, VmData of proc_pid_status(5), in bytes.
func dataInUse() uint64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, ok := bytes.Cut(status, []byte("VmData:"))
	if !ok {
		return 0
	}
	number, _, _ := bytes.Cut(bytes.TrimSpace(rest), []byte(" "))
	kib, err := strconv.ParseUint(string(number), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}
