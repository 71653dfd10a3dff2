//go:build !unix

package servers

import "syscall"

// runAs has nobody to run a server as.
func runAs(*syscall.SysProcAttr, int, int) {}
