//go:build amd64 || arm64

package isolation

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data (seccomp(2)). Both architectures are little-endian: the low half of an
// argument comes first, and but for one pointer every argument looked at here is a 32-bit value.
const (
	offNumber = 0
	offArch   = 4
	offArgs   = 16
)

// newest is the last system call the lists were written against. What a newer kernel adds does not exist for
// the process, and the x32 calls of amd64, which have bit 30 set, do not either.
const newest = unix.SYS_MSEAL

const writeFlags = unix.O_WRONLY | unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC | unix.O_APPEND

// test is what decides on a system call by one of its arguments.
type test struct {
	number uint32
	arg    uint32
	insns  func() []bpf.Instruction // A holds the argument; must return on every path
}

// filter is the deny-list as a program for the kernel's filter machine.
func filter() []bpf.Instruction {
	deny := bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)}
	absent := bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)}
	allow := bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}
	prog := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: auditArch, SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS}, // 32-bit calls have other numbers
		bpf.LoadAbsolute{Off: offNumber, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: newest, SkipFalse: 1},
		absent,
	}
	for _, n := range missing {
		prog = append(prog, bpf.JumpIf{Cond: bpf.JumpEqual, Val: n, SkipFalse: 1}, absent)
	}
	for _, n := range append(denied, deniedHere...) {
		prog = append(prog, bpf.JumpIf{Cond: bpf.JumpEqual, Val: n, SkipFalse: 1}, deny)
	}
	anyBit := func(bits uint32, set, unset bpf.Instruction) func() []bpf.Instruction {
		return func() []bpf.Instruction {
			return []bpf.Instruction{bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: bits, SkipFalse: 1}, set, unset}
		}
	}
	self := func() []bpf.Instruction {
		return []bpf.Instruction{bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(os.Getpid()), SkipFalse: 1}, allow, deny}
	}
	tests := []test{
		{unix.SYS_CLONE, 0, func() []bpf.Instruction { // threads, but neither processes nor namespaces
			return []bpf.Instruction{bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: namespaces, SkipFalse: 1}, deny,
				bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: unix.CLONE_THREAD, SkipFalse: 1}, allow, deny}
		}},
		{unix.SYS_OPENAT, 2, anyBit(writeFlags, deny, allow)},
		{unix.SYS_KILL, 0, self},
		{unix.SYS_TGKILL, 0, self}, // Go pre-empts its own threads by signal
		{unix.SYS_PRLIMIT64, 2, func() []bpf.Instruction { // reading limits is harmless: no new limit is given
			return []bpf.Instruction{bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 1}, deny,
				bpf.LoadAbsolute{Off: offArgs + 8*2 + 4, Size: 4}, bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipFalse: 1}, allow, deny}
		}},
		{unix.SYS_FCNTL, 1, func() []bpf.Instruction {
			var p []bpf.Instruction
			for _, cmd := range deniedFcntl {
				p = append(p, bpf.JumpIf{Cond: bpf.JumpEqual, Val: cmd, SkipFalse: 1}, deny)
			}
			return append(p, allow)
		}},
	}
	for _, t := range append(tests, testsHere(anyBit(writeFlags, deny, allow))...) {
		body := append([]bpf.Instruction{bpf.LoadAbsolute{Off: offArgs + 8*t.arg, Size: 4}}, t.insns()...)
		prog = append(prog, bpf.JumpIf{Cond: bpf.JumpEqual, Val: t.number, SkipFalse: uint8(len(body))})
		prog = append(prog, body...)
	}
	return append(prog, allow)
}

// filterSyscalls installs the filter on all threads. It returns false where the kernel has no filters.
func filterSyscalls() (bool, error) {
	raw, err := bpf.Assemble(filter())
	if err != nil {
		return false, fmt.Errorf("assemble the seccomp filter: %w", err)
	}
	insns := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		insns[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	// no_new_privs is this thread's; TSYNC hands it on to the others together with the filter.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return false, fmt.Errorf("set no_new_privs: %w", err)
	}
	prog := unix.SockFprog{Len: uint16(len(insns)), Filter: &insns[0]}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(insns)
	switch {
	case errors.Is(errno, unix.ENOSYS), errors.Is(errno, unix.EINVAL):
		return false, nil // built without filters
	case errno != 0:
		return false, fmt.Errorf("install the seccomp filter: %w", errno)
	case thread != 0:
		return false, fmt.Errorf("install the seccomp filter: thread %d has another one", thread)
	}
	return true, nil
}
