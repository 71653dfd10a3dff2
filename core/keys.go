package core

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
)

// KeysCollection is the name of the collection of API keys, of which a cache keeps
// whom they stand for.
const KeysCollection = "_keys"

// keysSchema keeps API keys. The key itself is not among the fields: only an
// HMAC of it is, which is enough because the key has 160 random bits.
var keysSchema = system(schema.Spec{
	Name: KeysCollection,
	ID:   "id",
	Fields: []schema.FieldSpec{
		{Name: "id", Type: "string", Max: "16"},
		{Name: "hash", Type: "bytes", Required: true, Max: "32"},
		{Name: "name", Type: "string", Max: "200"},
		{Name: "subject", Type: "string", Required: true, Max: "200"},
		{Name: "roles", Type: "list", Items: "string"},
		{Name: "created", Type: "time", Required: true},
		{Name: "expires", Type: "time"},
	},
})

// Positions of keysSchema's fields.
const (
	keyID = iota
	keyHash
	keyName
	keySubject
	keyRoles
	keyCreated
	keyExpires
)

// KeyIssuer is the Issuer of principals that show an API key.
const KeyIssuer = "portolan:keys"

// A Key is an API key, without what makes it one.
type Key struct {
	ID      string    `json:"id"` // names the key; it is the first part of the secret
	Name    string    `json:"name,omitempty"`
	Subject string    `json:"subject"`
	Roles   []string  `json:"roles"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero if it does not expire
}

// CreateKey makes an API key for the subject and roles that key names, and
// returns it with its secret, which is shown this once and kept nowhere. Only
// the operator may.
func (a *API) CreateKey(ctx context.Context, who policy.Principal, key Key) (Key, string, error) {
	if err := operator(who, "make a key"); err != nil {
		return Key{}, "", err
	}
	if err := a.vet(key); err != nil {
		return Key{}, "", err
	}
	key.ID = randomText(5)
	key.Created = a.now().UTC().Truncate(time.Microsecond)
	secret := "ptl_" + key.ID + "_" + randomText(20)
	hash, err := hashKey(ctx, a.pepper, secret)
	if err != nil {
		return Key{}, "", err
	}
	err = a.writeKey(ctx, repository.Mutation{
		Op: repository.Put, Collection: keysSchema, ID: record.ID(key.ID), If: repository.Absent,
		Revision: record.NewRevision(a.now()), Fields: key.fields(hash),
	})
	return key, secret, err
}

func (a *API) vet(key Key) error {
	switch {
	case key.Subject == "":
		return fault.New(fault.Invalid, "core.CreateKey", "a key needs a subject: whom it stands for").Coded("invalid-key")
	case !key.Expires.IsZero() && !key.Expires.After(a.now()):
		return fault.New(fault.Invalid, "core.CreateKey", "the key would have expired already").Coded("invalid-key")
	}
	for _, role := range key.Roles {
		if role == policy.Anonymous || role == policy.Authenticated {
			return fault.New(fault.Invalid, "core.CreateKey", "the role %s is implied and never given", role).Coded("invalid-key")
		}
	}
	return nil
}

// Keys returns the API keys that there are, by id. Only the operator may ask.
func (a *API) Keys(ctx context.Context, who policy.Principal) ([]Key, error) {
	if err := operator(who, "list keys"); err != nil {
		return nil, err
	}
	q := query.Query{
		View:  query.View{Collection: keysSchema, Needs: keysSchema.All()},
		Order: []query.Key{{Field: keyID}},
		Limit: MaxFirst,
	}
	var keys []Key
	for {
		page, err := a.store.Find(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, row := range page.Rows {
			keys = append(keys, keyOf(row.Values))
		}
		if q.After = page.Next; q.After == "" {
			return keys, nil
		}
	}
}

// RevokeKey ends the API key with the given id. Only the operator may.
func (a *API) RevokeKey(ctx context.Context, who policy.Principal, id string) error {
	if err := operator(who, "revoke a key"); err != nil {
		return err
	}
	err := a.writeKey(ctx, repository.Mutation{Op: repository.Delete, Collection: keysSchema, ID: record.ID(id), If: repository.Present})
	if fault.KindOf(err) == fault.NotFound {
		return fault.New(fault.NotFound, "core.RevokeKey", "there is no key %s", id).Coded("unknown-key").Because(err)
	}
	return err
}

// writeKey makes or revokes a key, of which an Identity over the same cache is
// never wrong afterwards.
func (a *API) writeKey(ctx context.Context, m repository.Mutation) error {
	write := func(witness []repository.Mutation) error {
		_, err := a.apply(ctx, []repository.Mutation{m}, witness)
		return err
	}
	if a.cache == nil {
		return write(nil)
	}
	return fenced(ctx, a.cache, keysSchema.Name, []string{recordTag(m.ID)}, write)
}

// hashKey returns the HMAC-SHA-256 of the secret under the pepper. A fast hash
// is right here, and only here, because the secret has 160 random bits.
func hashKey(ctx context.Context, pepper secrets.Value, secret string) ([]byte, error) {
	if pepper == nil {
		return nil, fault.New(fault.Unsupported, "core.keys", "API keys are not set up: there is no pepper to hash them with").
			Coded("no-pepper").Hinting("set service.key_pepper")
	}
	key, err := pepper(ctx)
	if err != nil {
		return nil, err
	}
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(secret))
	return h.Sum(nil), nil
}

// randomText returns n random octets, n a multiple of 5, in lower-case base32.
func randomText(n int) string {
	octets := make([]byte, n)
	rand.Read(octets) // never fails, as of Go 1.24
	return strings.ToLower(base32.StdEncoding.EncodeToString(octets))
}

func (k Key) fields(hash []byte) []record.Value {
	roles := make([]record.Value, len(k.Roles))
	for i, role := range k.Roles {
		roles[i] = record.String(role)
	}
	fields := []record.Value{
		keyID: record.String(k.ID), keyHash: record.Bytes(hash), keyName: record.String(k.Name),
		keySubject: record.String(k.Subject), keyRoles: record.List(roles), keyCreated: record.Time(k.Created),
		keyExpires: record.Null,
	}
	if !k.Expires.IsZero() {
		fields[keyExpires] = record.Time(k.Expires)
	}
	return fields
}

func keyOf(fields []record.Value) Key {
	key := Key{
		ID: fields[keyID].AsString(), Name: fields[keyName].AsString(), Subject: fields[keySubject].AsString(),
		Created: fields[keyCreated].AsTime(), Roles: []string{},
	}
	for _, role := range fields[keyRoles].AsList() {
		key.Roles = append(key.Roles, role.AsString())
	}
	if !fields[keyExpires].IsNull() {
		key.Expires = fields[keyExpires].AsTime()
	}
	return key
}
