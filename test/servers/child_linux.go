package servers

import "syscall"

// child returns how a server is run, which is sent the signal when this process ends,
// however it does.
func child(signal syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: signal}
}
