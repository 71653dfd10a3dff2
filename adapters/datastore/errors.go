package datastore

import (
	"context"
	"errors"
	"io"
	"strings"

	"cloud.google.com/go/datastore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/repository"
)

const (
	aborted = codes.Aborted
	later   = "repeat the request later"
)

// A class is what a status of the server means.
type class struct {
	kind         fault.Kind
	code         string
	detail, hint string
}

// classes are the statuses of Datastore
// (https://cloud.google.com/datastore/docs/concepts/errors).
var classes = map[codes.Code]class{
	codes.Aborted:            {fault.Unavailable, "overtaken", "other writes of the same records came between too often", later},
	codes.AlreadyExists:      {fault.Unavailable, "overtaken", "other writes of the same records came between too often", later},
	codes.DeadlineExceeded:   {fault.Unavailable, "timeout", "Datastore did not answer in time", later},
	codes.Unavailable:        {fault.Unavailable, "unreachable", "Datastore cannot be reached", later},
	codes.ResourceExhausted:  {fault.Unavailable, "quota", "a quota of the project is used up", later},
	codes.PermissionDenied:   {fault.Unavailable, "not-allowed", "these credentials may not read and write the database", "grant them the role roles/datastore.user"},
	codes.Unauthenticated:    {fault.Unavailable, "login-refused", "Datastore does not accept these credentials", "set up Application Default Credentials"},
	codes.NotFound:           {fault.Unavailable, "no-database", "there is no such database in the project", "create it in Datastore mode, or name another one in database"},
	codes.FailedPrecondition: {fault.Refused, "query-needs-index", "Datastore has no index that serves this, or still builds it", "deploy the index.yaml that portolan validate writes, and wait until it is built"},
	codes.InvalidArgument:    {fault.Invalid, "refused", "Datastore does not take this", "a record has at most 1 MiB there, and an id at most 1500 octets"},
}

// codeOf returns the status that the error is or means, Unknown if it is none.
func codeOf(err error) codes.Code {
	if err == nil {
		return codes.OK
	}
	if errors.Is(err, datastore.ErrConcurrentTransaction) {
		return codes.Aborted
	}
	var multi datastore.MultiError
	if errors.As(err, &multi) {
		for _, each := range multi {
			if each != nil {
				return codeOf(each)
			}
		}
	}
	said, ok := status.FromError(err)
	if !ok && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		return codes.Unavailable // gRPC says so of an answer that is cut off at some places
	}
	if said.Code() == codes.InvalidArgument && strings.Contains(strings.ToLower(said.Message()), "transaction") {
		return codes.Aborted // it took too long, or others came between
	}
	return said.Code()
}

// fail returns the error of the contract that err is. The error of a done ctx comes
// first.
func fail(ctx context.Context, op string, err error) error {
	var batch *repository.BatchError
	var known *fault.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &batch):
		return batch
	case errors.As(err, &known):
		return known
	}
	return classify(op, err)
}

func classify(op string, err error) *fault.Error {
	code := codeOf(err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		code = codes.DeadlineExceeded
	case code == codes.ResourceExhausted && strings.Contains(err.Error(), "message"): // and not a quota
		return &fault.Error{Kind: fault.TooLarge, Code: "batch-too-large", Detail: "this is more than Datastore takes at once", Hint: "send less at once", Op: op, Cause: err}
	}
	c, known := classes[code]
	if !known {
		c = class{fault.Internal, "internal", "Datastore could not be asked", ""}
	}
	return &fault.Error{Kind: c.kind, Code: c.code, Detail: c.detail, Hint: c.hint, Op: op, Cause: err}
}

// unsent returns the error of a write that was not sent, which err keeps from it: what
// there is forbids it, or the client does not take it. What a server says stays.
func unsent(op string, err error) error {
	var batch *repository.BatchError
	var known *fault.Error
	_, said := status.FromError(err)
	switch {
	case said, codeOf(err) != codes.Unknown, errors.As(err, &batch), // said is true of nil
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &known):
		if known.Code == "stored-value" && known.Kind == fault.Internal {
			forbidden := *known
			forbidden.Kind = fault.Conflict
			return &forbidden
		}
		return err
	}
	c := classes[codes.InvalidArgument]
	return &fault.Error{Kind: c.kind, Code: c.code, Detail: c.detail, Hint: c.hint, Op: op, Cause: err}
}

// unopened says of a database that cannot be opened what would help.
func unopened(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	const op = "datastore.Open"
	failed := classify(op, err)
	switch failed.Code {
	case "unreachable", "timeout": // it is tried again until the time is over
		failed.Code, failed.Detail = "unreachable", "Datastore cannot be reached"
		failed.Hint = "look at the network, and at emulator if that is set"
	case "internal":
		failed = fault.New(fault.Unavailable, op, "Datastore cannot be opened").Coded("not-opened").Because(err).
			Hinting("name the project, and set up Application Default Credentials")
	}
	return failed
}
