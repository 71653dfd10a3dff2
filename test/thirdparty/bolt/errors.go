package bolt

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	berrors "go.etcd.io/bbolt/errors"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/repository"
)

// A cause is what an error of bbolt or of the system comes to.
type cause struct {
	is     error
	kind   fault.Kind
	code   string
	detail string
}

// causes are tried in order.
var causes = []cause{
	{berrors.ErrTimeout, fault.Unavailable, "busy", "another process has the file"},
	{syscall.ENOSPC, fault.Unavailable, "disk-full", "there is no room left for the file"},
	{fs.ErrNotExist, fault.Unavailable, "no-file", "the file or its directory is not there"},
	{fs.ErrPermission, fault.Unavailable, "no-access", "the file may not be opened"},
	{berrors.ErrInvalid, fault.Internal, "damaged", "the file is none of bbolt's"},
	{berrors.ErrChecksum, fault.Internal, "damaged", "the file is damaged"},
	{berrors.ErrVersionMismatch, fault.Internal, "damaged", "the file is one of another version"},
}

// busy reports whether another process has the file.
func busy(err error) bool { return errors.Is(err, berrors.ErrTimeout) }

// classified returns the error with its kind. What has one, and that of a done
// context, is returned as it is.
func classified(op string, err error) error {
	var known *fault.Error
	var batch *repository.BatchError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &batch):
		return batch
	case errors.As(err, &known):
		return known
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	}
	for _, c := range causes {
		if errors.Is(err, c.is) {
			return fault.New(c.kind, op, "%s", c.detail).Coded(c.code).Because(err)
		}
	}
	return fault.New(fault.Unavailable, op, "the file could not be used").Because(err)
}
