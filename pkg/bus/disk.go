package bus

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Free space below which nothing more is stored. The server does not refuse a write on a full disk: it never
// answers and stays wedged after space returns (docs/nats.md), so it must not come to that. Design §4 says a
// tenth of the disk; on a large one the floor is enough.
const (
	diskReservePercent = 10
	diskFloor          = 256 << 20
)

// disk is a file system's size and what is left of it for us, in bytes.
type disk struct{ size, free uint64 }

func statDisk(dir string) (disk, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return disk{}, fmt.Errorf("look at the disk below %s: %w", dir, err)
	}
	return disk{size: st.Blocks * uint64(st.Bsize), free: st.Bavail * uint64(st.Bsize)}, nil
}

// reserve is what must stay free.
func (d disk) reserve() uint64 { return min(d.size/100*diskReservePercent, diskFloor) }
