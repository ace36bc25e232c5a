package dock

import (
	"fmt"
	"os"

	ll "github.com/landlock-lsm/go-landlock/landlock"
	llsys "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// leastABI is the first that keeps signals and abstract sockets within the box (LANDLOCK_SCOPE_*, Linux 6.12).
const leastABI = 6

// landlocked says why the level is not there, nil where it is.
func landlocked() error {
	abi, err := llsys.LandlockGetABIVersion()
	if err != nil {
		return &LevelError{Level: Landlock, Missing: "the kernel has no Landlock, or it is not enabled at boot", Do: remedy[Landlock]}
	}
	if abi < leastABI {
		return &LevelError{Level: Landlock, Missing: fmt.Sprintf("the kernel's Landlock has ABI %d, and only from %d on it holds signals back", abi, leastABI), Do: remedy[Landlock]}
	}
	return nil
}

// hostFiles are the few of /etc that programs ask for and that say nothing of anybody.
var hostFiles = []string{"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/localtime", "/etc/nsswitch.conf", "/etc/ssl/openssl.cnf", "/etc/mime.types"}

// landlock leaves this process the readable paths, with execution, and the writable ones; no TCP, no signals out
// of the box, no abstract socket of others. ABI 6 is asked for exactly: what a newer kernel adds could
// refuse what programs need.
func landlock(readable, writable []string) error {
	var rules []ll.Rule
	for _, p := range readable {
		info, err := os.Stat(p)
		if err != nil {
			return err
		}
		if info.IsDir() {
			rules = append(rules, ll.RODirs(p))
		} else {
			rules = append(rules, ll.ROFiles(p))
		}
	}
	for _, p := range hostFiles {
		if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() {
			rules = append(rules, ll.ROFiles(p))
		}
	}
	rules = append(rules, ll.RWFiles(devices...), ll.RWDirs(writable...).WithRefer())
	return ll.V6.Restrict(rules...)
}
