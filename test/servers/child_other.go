//go:build !linux

package servers

import "syscall"

// child returns how a server is run. It outlives this process if that is killed.
func child(syscall.Signal) *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
