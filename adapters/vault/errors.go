package vault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/hashicorp/vault/api"

	"github.com/portolan-io/portolan/adapters/internal/kept"
	"github.com/portolan-io/portolan/core/fault"
)

// A class is what a status of Vault means.
type class struct {
	kind         fault.Kind
	code         string
	detail, hint string
}

// classes are the statuses of Vault (https://developer.hashicorp.com/vault/api-docs#http-status-codes).
var classes = map[int]class{
	http.StatusBadRequest:         {fault.Unavailable, "refused", "Vault does not understand the request", "look at mount: it must name a KV engine of version 2"},
	http.StatusForbidden:          {fault.Forbidden, "not-allowed", "Vault does not let this server read the secret", "give its policy the capability read of <mount>/data/<name>"},
	http.StatusPreconditionFailed: {fault.Unavailable, "not-yet", "this node of Vault has not the newest state yet", later},
	http.StatusTooManyRequests:    {fault.Unavailable, "throttled", "a quota of Vault is used up", later},
	472:                           {fault.Unavailable, "standby", "this node of Vault is a recovery secondary, which serves nothing", "let address name the primary cluster"},
	473:                           {fault.Unavailable, "standby", "this node of Vault is a standby, which serves nothing", "let address name the active node"},
	http.StatusServiceUnavailable: {fault.Unavailable, "sealed", "Vault is sealed, or under maintenance", "vault status tells which; vault operator unseal opens it"},
}

const later = "it is asked again by itself"

// statusOf returns the status that the error is, 0 if it is none.
func statusOf(err error) int {
	var answered *api.ResponseError
	if errors.As(err, &answered) {
		return answered.StatusCode
	}
	return 0
}

// classify gives an error of the client its kind. The texts of Vault's answers are not in
// it: what stands between this server and Vault might put anything there.
func classify(op string, header http.Header, err error) error {
	if err == nil {
		return nil
	}
	for _, done := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, done) {
			return done // whose time it was is known where it was given
		}
	}
	status := statusOf(err)
	c, known := classes[status]
	switch {
	case status == 0:
		c = class{fault.Unavailable, "unreachable", "Vault cannot be reached, or its answer cannot be read", "look at address, at ca_file and at the network"}
	case !known:
		c = class{fault.Unavailable, "failed", "Vault has failed", later}
	}
	failed := fault.New(c.kind, op, "%s", c.detail).Coded(c.code).Hinting("%s", c.hint)
	return failed.Because(cause(status, header, err))
}

// loginError is classify of a login, which has no secret that could be forbidden: who is
// refused here cannot read anything for now.
func loginError(header http.Header, err error) error {
	status := statusOf(err)
	if status != http.StatusBadRequest && status != http.StatusForbidden && status != http.StatusNotFound && status != http.StatusUnauthorized {
		return classify("vault.login", header, err)
	}
	return fault.New(fault.Unavailable, "vault.login", "Vault does not accept these credentials").Coded("login-refused").
		Hinting("look at login, auth_mount and role, and whether the credentials have ended or are for another audience").
		Because(cause(status, header, err))
}

// cause says what came, for the log, and when to ask again if Vault said it.
func cause(status int, header http.Header, err error) error {
	if status == 0 {
		var network *url.Error
		if errors.As(err, &network) {
			return network
		}
		return errors.New("the answer is none of Vault's") // what cannot be read may be a secret
	}
	answered := fmt.Errorf("Vault answered %d", status) //nolint:staticcheck // a name
	if wait := kept.RetryAfter(header); wait > 0 {
		return errors.Join(answered, kept.Later{Wait: wait})
	}
	return answered
}
