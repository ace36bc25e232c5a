package dock

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// identity is who the command is on the host. As root that is nobody: root mapped to root would read what root
// reads, and no limit of processes binds it.
type identity struct {
	uid, gid int
	dropped  bool
}

// The range that no account should have; systemd gives its dynamic users of it, for as short a time.
const firstUnused, unusedIDs = 61184, 4336

var boxes atomic.Uint32

// nobody is a number that no account has and no other box of this host, of this process or another one, until free
// is called: who has the same number could signal this box, and killUser would end what is no part of it.
func nobody() (_ identity, free func()) {
	passwd, _ := os.ReadFile("/etc/passwd")
	group, _ := os.ReadFile("/etc/group")
	first := uint32(os.Getpid())*61 + boxes.Add(1)
	for i := range uint32(unusedIDs) {
		id := firstUnused + int((first+i)%unusedIDs)
		mark := fmt.Appendf(nil, ":%d:", id)
		if bytes.Contains(passwd, mark) || bytes.Contains(group, mark) {
			continue
		}
		if free, taken := claim(id); !taken {
			return identity{id, id, true}, free
		}
	}
	id := firstUnused + int(first%unusedIDs) // somebody holds every name
	return identity{id, id, true}, func() {}
}

// claim takes the number among all that run boxes: the name of an abstract socket (unix(7)) that nobody listens on. It
// leaves no file, and the kernel gives it back with the process that holds it, however that ends. Where no socket
// is to be had the number is taken without.
func claim(id int) (free func(), taken bool) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return func() {}, false
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: fmt.Sprintf("@drydock-box-%d", id)}); err != nil {
		_ = unix.Close(fd)
		return func() {}, errors.Is(err, unix.EADDRINUSE)
	}
	return func() { _ = unix.Close(fd) }, false
}
