package isolation

import (
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const auditArch = unix.AUDIT_ARCH_AARCH64

// deniedHere are the calls only some architectures have.
var deniedHere = []uint32{unix.SYS_RENAMEAT, unix.SYS_KEXEC_FILE_LOAD}

func testsHere(func() []bpf.Instruction) []test { return nil }
