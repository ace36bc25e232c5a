//go:build amd64 || arm64

package dock

import "golang.org/x/sys/unix"

// newNamespaces are the flags of clone(2) that make one.
const newNamespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWTIME

// absent calls answer "not implemented", so that programs fall back to those whose arguments a filter can see, or
// whose use a limit counts: what lies in a file of memory alone counts for no process and no place.
var absent = []uint32{unix.SYS_CLONE3, unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER, unix.SYS_MEMFD_CREATE, unix.SYS_MEMFD_SECRET}

// families of sockets that a network of one's own isolates. AF_VSOCK, for one, it does not.
var families = []uint32{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK}

// denied calls answer EPERM at every level but None.
var denied = []uint32{
	// namespaces, mounts, roots
	unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT,
	unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_MOUNT_SETATTR,
	unix.SYS_STATMOUNT, unix.SYS_LISTMOUNT,
	// other processes
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PROCESS_MADVISE, unix.SYS_PROCESS_MRELEASE, unix.SYS_KCMP,
	unix.SYS_PIDFD_GETFD, unix.SYS_MIGRATE_PAGES, unix.SYS_MOVE_PAGES,
	// the kernel and the host
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_REBOOT,
	unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD, unix.SYS_SYSLOG, unix.SYS_VHANGUP, unix.SYS_NFSSERVCTL,
	unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME, unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX,
	unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_FANOTIFY_INIT, unix.SYS_FANOTIFY_MARK, unix.SYS_PERSONALITY,
}

// deniedLandlock are those that namespaces would isolate: every socket, and what processes of one user share
// without files.
var deniedLandlock = []uint32{
	unix.SYS_SOCKET, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT, unix.SYS_ACCEPT4,
	unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_SHMCTL, unix.SYS_MSGGET, unix.SYS_MSGSND, unix.SYS_MSGRCV, unix.SYS_MSGCTL,
	unix.SYS_SEMGET, unix.SYS_SEMOP, unix.SYS_SEMTIMEDOP, unix.SYS_SEMCTL, unix.SYS_MQ_OPEN, unix.SYS_MQ_UNLINK,
	unix.SYS_INOTIFY_INIT1, unix.SYS_INOTIFY_ADD_WATCH,
}

// byArgument are calls that are harmless with some arguments. A process id of 0 is the caller's own; limits and
// priorities of others of the same user, the supervisor's among them, could be changed with another.
var byArgument = []argument{
	{number: unix.SYS_CLONE, arg: 0, bits: newNamespaces, answer: unix.EPERM},
	{number: unix.SYS_PRLIMIT64, arg: 0, allow: []uint32{0}, answer: unix.EPERM},
	{number: unix.SYS_SETPRIORITY, arg: 0, allow: []uint32{unix.PRIO_PROCESS}, answer: unix.EPERM},
	{number: unix.SYS_SETPRIORITY, arg: 1, allow: []uint32{0}, answer: unix.EPERM},
	{number: unix.SYS_IOPRIO_SET, arg: 0, allow: []uint32{1}, answer: unix.EPERM}, // IOPRIO_WHO_PROCESS
	{number: unix.SYS_IOPRIO_SET, arg: 1, allow: []uint32{0}, answer: unix.EPERM},
	{number: unix.SYS_SCHED_SETAFFINITY, arg: 0, allow: []uint32{0}, answer: unix.EPERM},
	{number: unix.SYS_SCHED_SETSCHEDULER, arg: 0, allow: []uint32{0}, answer: unix.EPERM},
	{number: unix.SYS_SCHED_SETPARAM, arg: 0, allow: []uint32{0}, answer: unix.EPERM},
	{number: unix.SYS_SCHED_SETATTR, arg: 0, allow: []uint32{0}, answer: unix.EPERM},
	{number: unix.SYS_IOCTL, arg: 1, refuse: []uint32{unix.TIOCSTI, unix.TIOCLINUX}, answer: unix.EPERM}, // typing into a terminal
}
