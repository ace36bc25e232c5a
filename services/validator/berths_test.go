package validator

import (
	"testing"
	"testing/fstest"
)

// TestHostMemory: the least of what the host has and what its control groups allow.
func TestHostMemory(t *testing.T) {
	const meminfo = "MemTotal:       16384000 kB\nMemFree:          100 kB\n"
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for what, try := range map[string]struct {
		root fstest.MapFS
		want int64
	}{
		"nothing is known":              {fstest.MapFS{}, 0},
		"no number":                     {fstest.MapFS{"proc/meminfo": file("MemTotal: much kB\n")}, 0},
		"no control groups":             {fstest.MapFS{"proc/meminfo": file(meminfo)}, 16384000 << 10},
		"v2, in a container":            {fstest.MapFS{"proc/meminfo": file(meminfo), "proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("4294967296\n")}, 4 << 30},
		"v2, without a limit":           {fstest.MapFS{"proc/meminfo": file(meminfo), "proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("max\n")}, 16384000 << 10},
		"v2, the limit of a parent":     {fstest.MapFS{"proc/meminfo": file(meminfo), "proc/self/cgroup": file("0::/a.slice/b.service\n"), "sys/fs/cgroup/a.slice/memory.max": file("1073741824\n"), "sys/fs/cgroup/a.slice/b.service/memory.max": file("max\n")}, 1 << 30},
		"v1":                            {fstest.MapFS{"proc/meminfo": file(meminfo), "proc/self/cgroup": file("7:cpu:/x\n5:memory:/x\n"), "sys/fs/cgroup/memory/x/memory.limit_in_bytes": file("2147483648\n")}, 2 << 30},
		"v1, more than there is":        {fstest.MapFS{"proc/meminfo": file(meminfo), "proc/self/cgroup": file("5:memory:/\n"), "sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n")}, 16384000 << 10},
		"a group that says no number":   {fstest.MapFS{"proc/meminfo": file(meminfo), "proc/self/cgroup": file("0::/\nrubbish\n"), "sys/fs/cgroup/memory.max": file("-3\n")}, 16384000 << 10},
		"a group above its own root":    {fstest.MapFS{"proc/meminfo": file(meminfo), "proc/self/cgroup": file("0::/../other\n"), "sys/fs/cgroup/memory.max": file("3221225472\n")}, 3 << 30},
		"a limit without the host's":    {fstest.MapFS{"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("4294967296\n")}, 0},
		"another group's is not looked": {fstest.MapFS{"proc/meminfo": file(meminfo), "proc/self/cgroup": file("4:pids:/\n"), "sys/fs/cgroup/memory.max": file("1\n")}, 16384000 << 10},
	} {
		if got := hostMemory(try.root); got != try.want {
			t.Errorf("%s: %d, want %d", what, got, try.want)
		}
	}
}

// TestBerths: boxes beside one another use at most half of the memory, over all validations; what one gives back
// another gets.
func TestBerths(t *testing.T) {
	for _, try := range []struct {
		host, each int64
		want       int
	}{{0, 2 << 30, 0}, {2 << 30, 2 << 30, 0}, {4 << 30, 2 << 30, 1}, {16 << 30, 2 << 30, 4}, {16 << 30, 64 << 20, 128}} {
		if got := boxesBeside(try.host, try.each); got != try.want {
			t.Errorf("%d of %d: %d, want %d", try.each, try.host, got, try.want)
		}
	}
	b := &berths{}
	b.once.Do(func() { b.free = 4 })
	if got := b.take(3, 1); got != 3 {
		t.Errorf("the first gets %d, want 3", got)
	}
	if got := b.take(3, 1); got != 1 {
		t.Errorf("the second gets %d, want what is left", got)
	}
	if got := b.take(3, 1); got != 0 {
		t.Errorf("the third gets %d, want none", got)
	}
	b.leave()
	if got := b.take(3, 1); got != 1 {
		t.Errorf("what was given back: %d, want 1", got)
	}
}
