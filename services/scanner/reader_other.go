//go:build !linux

package scanner

import (
	"os"
	"syscall"
)

func closeInherited() {}

func childAttr() *syscall.SysProcAttr { return nil }

func groupAttr() *syscall.SysProcAttr { return nil }

func self() (string, error) { return os.Executable() }
