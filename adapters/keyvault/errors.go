package keyvault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/portolan-io/portolan/adapters/internal/kept"
	"github.com/portolan-io/portolan/core/fault"
)

const (
	op    = "keyvault.Secret"
	later = "it is asked again by itself"
)

// errNoVault is what does not answer as Key Vault does.
var errNoVault = errors.New("the answer is none of Key Vault's") // what cannot be read may be a secret

// named is a credential whose errors are known for its own: most of azidentity's have no
// type.
type named struct{ azcore.TokenCredential }

// GetToken is that of azcore.TokenCredential.
func (n named) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := n.TokenCredential.GetToken(ctx, options)
	if err != nil && ctx.Err() == nil {
		err = &identityError{err}
	}
	return token, err
}

// An identityError is why there is no token.
type identityError struct{ cause error }

func (e *identityError) Error() string { return e.cause.Error() }

// NonRetriable has azcore give up at once.
func (e *identityError) NonRetriable() {}

// A class is what a status of Key Vault means.
type class struct {
	kind         fault.Kind
	code         string
	detail, hint string
}

// classes are the statuses of Key Vault
// (https://learn.microsoft.com/azure/key-vault/general/rest-error-codes).
var classes = map[int]class{
	http.StatusBadRequest:      {fault.Unavailable, "refused", "Key Vault does not understand the request", "look at url: it must be that of a vault"},
	http.StatusUnauthorized:    {fault.Unavailable, "login-refused", "Key Vault does not accept the token of this server", "look whether its identity is of the vault's tenant, and whether the clock is right"},
	http.StatusForbidden:       {fault.Forbidden, "not-allowed", "Key Vault does not let this server read the secret, or the secret is disabled", "give its identity the role Key Vault Secrets User, and let the vault's firewall know its network"},
	http.StatusNotFound:        {fault.NotFound, "no-secret", "Key Vault has no such secret, or not in that version, or it was deleted", "az keyvault secret list shows what there is"},
	http.StatusTooManyRequests: {fault.Unavailable, "throttled", "Key Vault has been asked too often", later},
}

// classify gives an error of the client its kind. The texts of answers are not in it: what
// stands between this server and Key Vault might put anything there.
func classify(err error) error {
	for _, done := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, done) {
			return done // whose time it was is known where it was given
		}
	}
	var answered *azcore.ResponseError
	var identity *identityError
	var network *url.Error
	switch {
	case errors.As(err, &identity):
		return fault.New(fault.Unavailable, op, "Microsoft Entra gives this server no token").Coded("login-refused").Because(identity.cause).
			Hinting("look whether the identity is there, and for workload identity at the federated credential's subject and audience")
	case errors.As(err, &answered):
		return ofStatus(answered)
	case errors.As(err, &network):
		err = network
	default:
		err = errNoVault
	}
	return fault.New(fault.Unavailable, op, "Key Vault cannot be reached, or its answer cannot be read").Coded("unreachable").Because(err).
		Hinting("look at url, at the network and at private endpoints")
}

func ofStatus(answered *azcore.ResponseError) error {
	c, known := classes[answered.StatusCode]
	if !known {
		c = class{fault.Unavailable, "failed", "Key Vault has failed", later}
	}
	cause := fmt.Errorf("Key Vault answered %d", answered.StatusCode) //nolint:staticcheck // a name
	if answered.RawResponse != nil {
		if wait := kept.RetryAfter(answered.RawResponse.Header); wait > 0 {
			cause = errors.Join(cause, kept.Later{Wait: wait})
		}
	}
	return fault.New(c.kind, op, "%s", c.detail).Coded(c.code).Hinting("%s", c.hint).Because(cause)
}
