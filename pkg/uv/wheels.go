package uv

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// wheel is a distribution of uv with everything that is to be known of it before it is fetched: an index, or
// whoever answers in its place, has no say in what is run.
type wheel struct {
	file    string // PEP 427
	sha256  string // of the file
	program string // of the executable in it
	size    int64  // of the executable
	libc    string // "glibc" where it needs that one; static or the system's own otherwise
}

// wheels of Version by GOOS/GOARCH, best first. Names and digests of the files are those of the public index's
// page of uv; those of the programs were computed from these files.
var wheels = map[string][]wheel{
	"linux/amd64": {
		{file: "uv-0.13.9-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", libc: "glibc", size: 38409000,
			sha256:  "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
			program: "b73acdf73b96c3ac9e56d2fa933427b3ee6a901e3cce6ba1e3ecb3f91ca0d86a"},
		{file: "uv-0.13.9-py3-none-musllinux_1_1_x86_64.whl", size: 44198984,
			sha256:  "2c45530751517d6c3bbc69a19473f6effe47cce047bede01ffd8af7ea7b36b25",
			program: "edbfb9a3d00dc84148e6691cd8740781fdc32db6505d7ef88ba6c3e569d5bec9"},
	},
	"linux/arm64": {
		{file: "uv-0.13.9-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl", size: 35584104,
			sha256:  "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
			program: "bbecb5ac518030bb5e84f1999c577228460192832ac24a92bd772735682979f4"},
	},
	"darwin/amd64": {
		{file: "uv-0.13.9-py3-none-macosx_10_12_x86_64.whl", size: 38942464,
			sha256:  "c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5",
			program: "9d275208c058354f9b300ea46a499c7a29de3249ae839503cadff2c01c159d69"},
	},
	"darwin/arm64": {
		{file: "uv-0.13.9-py3-none-macosx_11_0_arm64.whl", size: 28309040,
			sha256:  "66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63",
			program: "0e17c316d23b33b4e840669f516f5cb7f5c1faa816ebd3824052ab50082ecefb"},
	},
	"windows/amd64": {
		{file: "uv-0.13.9-py3-none-win_amd64.whl", size: 32581424,
			sha256:  "6a44b2ed8111d2f60d2b92627c5dccda3f7ed7570b18ce115e569cd68c28246b",
			program: "7e6349bc24cfc7249f892c41298e4371826a19008c3cbcfe13eacd08ac398470"},
	},
}

// member is the path of the executable in a wheel (PEP 427, the scripts of its data folder).
func member() string { return "uv-" + Version + ".data/scripts/" + programName() }

func programName() string {
	if runtime.GOOS == "windows" {
		return "uv.exe"
	}
	return "uv"
}

// usable are the wheels that run on this machine.
func usable() []wheel {
	all := wheels[runtime.GOOS+"/"+runtime.GOARCH]
	if hasGlibc() {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(w wheel) bool { return w.libc == "glibc" })
}

// hasGlibc looks for the loader a program linked with glibc names. Every glibc that such a system still has is
// newer than the 2.17 the wheel needs.
func hasGlibc() bool {
	for _, pattern := range []string{"/lib64/ld-linux-*.so.*", "/lib/ld-linux-*.so.*"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			_, err := os.Stat(found[0])
			return err == nil
		}
	}
	return false
}

// pinned says whether a program of this digest (hex) is a uv of ours for this machine.
func pinned(all []wheel, digest string) bool {
	return slices.ContainsFunc(all, func(w wheel) bool { return w.program == digest })
}
