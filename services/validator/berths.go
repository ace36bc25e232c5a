package validator

import (
	"cmp"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
)

// berths are the boxes that may run beside the one that every validation has, over all validations of this process:
// as many as there is memory for. A validation that gets none has its checks run one after another, with the same
// limits, so what a check says does not depend on how much room there was.
type berths struct {
	once sync.Once
	mu   sync.Mutex
	free int
}

// take gives at most n, and never waits.
func (b *berths) take(n int, memory int64) int {
	b.once.Do(func() { b.free = boxesBeside(hostMemory(os.DirFS("/")), memory) })
	b.mu.Lock()
	defer b.mu.Unlock()
	n = min(n, b.free)
	b.free -= n
	return n
}

func (b *berths) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free++
}

// boxesBeside is how many boxes that may use so much memory each fit into half of a host's: the other half is for what
// they write (docs/isolation.md: that is memory, too), for the first box of each validation, and for everything else.
// Of a host that does not say how much it has none is assumed.
func boxesBeside(host, each int64) int { return int(max(0, host/2/each)) }

// hostMemory is the memory of this host in bytes, or what the control group of this process may use of it, whichever
// is less (proc_meminfo(5); cgroups(7); memory.max of cgroup v2, memory.limit_in_bytes of v1). 0: it is not known.
func hostMemory(root fs.FS) int64 {
	least := int64(0)
	see := func(n int64, err error) {
		if err == nil && n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	text, _ := fs.ReadFile(root, "proc/meminfo") // not there: not known
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			see(kib<<10, err)
		}
	}
	if least == 0 {
		return 0
	}
	groups, _ := fs.ReadFile(root, "proc/self/cgroup") // not there: no control groups
	for line := range strings.Lines(string(groups)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) < 3 || fields[1] != "" && fields[1] != "memory" {
			continue
		}
		top, name := "sys/fs/cgroup", "memory.max"
		if fields[1] == "memory" {
			top, name = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		}
		for at := path.Clean("/" + fields[2]); ; at = path.Dir(at) { // a parent's limit holds, too
			if limit, err := fs.ReadFile(root, path.Join(top, at, name)); err == nil {
				see(strconv.ParseInt(cmp.Or(strings.TrimSpace(string(limit)), "max"), 10, 64)) // "max": none
			}
			if at == "/" {
				break
			}
		}
	}
	return least
}
