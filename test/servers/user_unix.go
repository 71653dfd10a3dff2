//go:build unix

package servers

import "syscall"

// runAs makes a server run as the user.
func runAs(attributes *syscall.SysProcAttr, uid, gid int) {
	attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
