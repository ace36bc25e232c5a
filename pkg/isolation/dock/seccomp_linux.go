//go:build amd64 || arm64

package dock

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const hasFilter = true

// Offsets in struct seccomp_data (seccomp(2)); both architectures are little-endian, the low half of an argument
// comes first.
const (
	offNumber = 0
	offArch   = 4
	offArgs   = 16
)

// newest is the last system call the lists were written against: what a newer kernel adds does not exist inside.
const newest = unix.SYS_MSEAL

// argument decides on a call by the low half of one argument.
type argument struct {
	number, arg uint32
	refuse      []uint32 // these values; with allow: all but those
	allow       []uint32
	bits        uint32 // or any of these bits
	answer      unix.Errno
}

// filter is the deny-list of a level. It is a second wall: behind the namespaces there is little to reach, and
// these calls are where kernels had their holes.
func filter(l Level) []bpf.Instruction {
	prog := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: auditArch, SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS}, // 32-bit calls have other numbers
		bpf.LoadAbsolute{Off: offNumber, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: newest, SkipFalse: 1}, // and x32, which has bit 30 set
		answer(unix.ENOSYS),
	}
	for _, n := range absent {
		prog = append(prog, bpf.JumpIf{Cond: bpf.JumpEqual, Val: n, SkipFalse: 1}, answer(unix.ENOSYS))
	}
	calls := append(denied, deniedHere...)
	arguments := append([]argument{}, byArgument...)
	if l == Landlock {
		calls = append(calls, deniedLandlock...)
		arguments = append(arguments, argument{number: unix.SYS_SOCKETPAIR, arg: 0, allow: []uint32{unix.AF_UNIX}, answer: unix.EAFNOSUPPORT})
	} else {
		for _, n := range []uint32{unix.SYS_SOCKET, unix.SYS_SOCKETPAIR} {
			arguments = append(arguments, argument{number: n, arg: 0, allow: families, answer: unix.EAFNOSUPPORT})
		}
	}
	for _, n := range calls {
		prog = append(prog, bpf.JumpIf{Cond: bpf.JumpEqual, Val: n, SkipFalse: 1}, answer(unix.EPERM))
	}
	for _, a := range arguments {
		body := a.body()
		prog = append(prog, bpf.JumpIf{Cond: bpf.JumpEqual, Val: a.number, SkipFalse: uint8(len(body))})
		prog = append(prog, body...)
	}
	return append(prog, bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW})
}

func answer(e unix.Errno) bpf.Instruction {
	return bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(e)}
}

// body refuses or falls through with the number in the accumulator again: two arguments of one call may be
// looked at.
func (a argument) body() []bpf.Instruction {
	out := []bpf.Instruction{bpf.LoadAbsolute{Off: offArgs + 8*a.arg, Size: 4}}
	if a.bits != 0 {
		out = append(out, bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: a.bits, SkipFalse: 1}, answer(a.answer))
	}
	for _, v := range a.refuse {
		out = append(out, bpf.JumpIf{Cond: bpf.JumpEqual, Val: v, SkipFalse: 1}, answer(a.answer))
	}
	for i, v := range a.allow {
		out = append(out, bpf.JumpIf{Cond: bpf.JumpEqual, Val: v, SkipTrue: uint8(len(a.allow) - i)})
	}
	if len(a.allow) > 0 {
		out = append(out, answer(a.answer))
	}
	return append(out, bpf.LoadAbsolute{Off: offNumber, Size: 4})
}

// installFilter installs the filter of l on the calling thread, which execve makes the only one.
func installFilter(l Level) error {
	raw, err := bpf.Assemble(filter(l))
	if err != nil {
		return fmt.Errorf("assemble the seccomp filter: %w", err)
	}
	insns := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		insns[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	prog := unix.SockFprog{Len: uint16(len(insns)), Filter: &insns[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(insns)
	if errno != 0 {
		return fmt.Errorf("install the seccomp filter: %w", errno)
	}
	return nil
}
