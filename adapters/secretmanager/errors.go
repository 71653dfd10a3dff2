package secretmanager

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/portolan-io/portolan/adapters/internal/kept"
	"github.com/portolan-io/portolan/core/fault"
)

const (
	op    = "secretmanager.Secret"
	later = "it is asked again by itself"
)

// A class is what a status of Secret Manager means.
type class struct {
	kind         fault.Kind
	code         string
	detail, hint string
}

// classes are the statuses of Secret Manager
// (https://cloud.google.com/secret-manager/docs/reference/rpc/google.rpc#google.rpc.Code).
var classes = map[codes.Code]class{
	codes.NotFound:           {fault.NotFound, "no-secret", "Secret Manager has no such secret, or not in that version", "gcloud secrets versions list shows what there is"},
	codes.FailedPrecondition: {fault.NotFound, "no-version", "the version of the secret is disabled or destroyed", "enable it, or add another version"},
	codes.InvalidArgument:    {fault.Invalid, "refused", "Secret Manager does not take this name", "look at project and at the version"},
	codes.PermissionDenied:   {fault.Forbidden, "not-allowed", "Secret Manager does not let this server read the secret", "grant its service account the role roles/secretmanager.secretAccessor"},
	codes.Unauthenticated:    {fault.Unavailable, "login-refused", "Secret Manager does not accept these credentials", "set up Application Default Credentials, and look whether the clock is right"},
	codes.ResourceExhausted:  {fault.Unavailable, "throttled", "a quota of the project is used up", later},
	codes.DeadlineExceeded:   {fault.Unavailable, "timeout", "Secret Manager did not answer in time", later},
	codes.Unavailable:        {fault.Unavailable, "unreachable", "Secret Manager cannot be reached", later},
}

// classify gives an error of the client its kind. The texts of answers are not in it: what
// stands between this server and Secret Manager might put anything there. The error of a
// done ctx comes first.
func classify(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	said := status.Convert(err)
	c, known := classes[said.Code()]
	if !known {
		c = class{fault.Unavailable, "failed", "Secret Manager has failed", later}
	}
	cause := fmt.Errorf("Secret Manager answered %s", said.Code()) //nolint:staticcheck // a name
	for _, detail := range said.Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok && retry.GetRetryDelay().AsDuration() > 0 {
			cause = errors.Join(cause, kept.Later{Wait: retry.GetRetryDelay().AsDuration()})
		}
	}
	return fault.New(c.kind, op, "%s", c.detail).Coded(c.code).Hinting("%s", c.hint).Because(cause)
}

// unopened says of a client that cannot be made what would help.
func unopened(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fault.New(fault.Unavailable, "secretmanager.Open", "Secret Manager cannot be asked").Coded("login-refused").Because(err).
		Hinting("name the project, and set up Application Default Credentials")
}
