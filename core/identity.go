package core

import (
	"context"
	"crypto/hmac"
	"strings"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
)

// An Identity says who presents a credential. API keys it looks up itself; of
// the authenticators it asks one after the other. It is safe for concurrent use.
type Identity struct {
	store          repository.Store
	cache          cache.Coherent // nil keeps nothing
	pepper         secrets.Value
	peppers        []secrets.Value // accepted beside it
	authenticators []auth.Authenticator
	now            func() time.Time
}

// NewIdentity returns an Identity over the same store, cache and pepper as the
// API's, and authenticators in the order in which they are asked.
func NewIdentity(config Config, authenticators []auth.Authenticator) *Identity {
	identity := &Identity{
		store: config.Store, cache: config.Cache, pepper: config.Pepper, peppers: config.Peppers, authenticators: authenticators, now: config.Now,
	}
	if identity.now == nil {
		identity.now = time.Now
	}
	return identity
}

// Identify returns who presents the credential, fault.Unauthenticated if
// nobody knows it, and fault.Unavailable if that cannot be told now.
func (i *Identity) Identify(ctx context.Context, credential auth.Credential) (policy.Principal, error) {
	if credential.Scheme == auth.APIKey {
		return i.keyHolder(ctx, credential.Token)
	}
	for _, authenticator := range i.authenticators {
		who, err := authenticator.Authenticate(ctx, credential)
		if fault.KindOf(err) != fault.Unsupported {
			return who, err
		}
	}
	return policy.Principal{}, fault.New(fault.Unauthenticated, "core.Identify", "no issuer configured here gave this credential").
		Coded("unknown-issuer")
}

// keyHolder returns whom an API key stands for. A key that does not exist is
// told from a wrong or an expired one neither by the answer nor by its work.
func (i *Identity) keyHolder(ctx context.Context, secret string) (policy.Principal, error) {
	refused := fault.New(fault.Unauthenticated, "core.Identify", "the API key is not valid").Coded("bad-key")
	prefix, rest, _ := strings.Cut(secret, "_")
	id, _, complete := strings.Cut(rest, "_")
	if prefix != "ptl" || !complete || len(id) != 8 || len(secret) > 100 {
		return policy.Principal{}, refused
	}
	given, err := hashKey(ctx, i.pepper, secret)
	if err != nil {
		return policy.Principal{}, err
	}
	verified := verifiedKey(record.ID(id), given)
	who, known, lease := i.recall(ctx, verified)
	who.Key = id
	if known {
		return who, nil
	}
	view := query.View{Collection: keysSchema, Needs: keysSchema.All()}
	rows, err := i.store.Get(ctx, view, []record.ID{record.ID(id)})
	if err != nil {
		return policy.Principal{}, err
	}
	fields := make([]record.Value, len(keysSchema.Fields))
	if len(rows) == 1 {
		fields = rows[0].Values
	}
	if !hmac.Equal([]byte(fields[keyHash].AsString()), given) {
		lease = "" // what rests on another pepper ends with it, so nothing of it is kept
		other, err := i.underAnother(ctx, secret, fields[keyHash].AsString())
		if err != nil {
			return policy.Principal{}, err
		}
		if !other {
			return policy.Principal{}, refused
		}
	}
	key := keyOf(fields)
	if !key.Expires.IsZero() && !i.now().Before(key.Expires) {
		return policy.Principal{}, refused
	}
	who = policy.Principal{Issuer: KeyIssuer, Subject: key.Subject, Roles: key.Roles, Expires: key.Expires, Key: id}
	i.remember(ctx, verified, lease, who)
	return who, nil
}

// underAnother reports whether the hash is the secret's under one of the peppers that are
// accepted beside the one that counts. One that is gone is accepted no longer.
func (i *Identity) underAnother(ctx context.Context, secret, hash string) (bool, error) {
	found := false
	for _, pepper := range i.peppers {
		given, err := hashKey(ctx, pepper, secret)
		switch kind := fault.KindOf(err); {
		case kind == fault.NotFound || kind == fault.Forbidden:
			continue
		case err != nil:
			return false, err
		}
		found = hmac.Equal([]byte(hash), given) || found
	}
	return found, nil
}
