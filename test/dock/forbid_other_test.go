//go:build !linux

package dock

import "syscall"

// forbidding: there are no namespaces.
func forbidding() *syscall.SysProcAttr { return nil }
