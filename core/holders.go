package core

import (
	"context"
	"crypto/hmac"
	"encoding/binary"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
)

// Claims of who has an account.
const (
	sidClaim      = "sid"            // the id of the login that a credential is of
	verifiedClaim = "email_verified" // the address of the account was shown to be theirs
)

// Identify returns who presents the credential, as [Identity.Identify] does. It knows
// sessions and passwords itself. Of a token of a login it also asks whether the login
// and the account are still what they were, and takes the roles from there.
func (a *Accounts) Identify(ctx context.Context, credential auth.Credential) (policy.Principal, error) {
	switch credential.Scheme {
	case auth.Session:
		return a.sessionHolder(ctx, credential.Token)
	case auth.Basic:
		return a.passwordHolder(ctx, credential)
	}
	who, err := a.identity.Identify(ctx, credential)
	if err != nil || who.Issuer != a.issuer.Name() {
		return who, err
	}
	sid, _ := who.Claims[sidClaim].(string)
	if sid == "" { // the operator made it, for somebody who need not have an account
		return who, nil
	}
	return a.tokenHolder(ctx, who, record.ID(sid))
}

// sessionHolder returns whom the cookie of a session stands for. One that does not
// exist is told from a wrong or a late one neither by the answer nor by its work.
func (a *Accounts) sessionHolder(ctx context.Context, text string) (policy.Principal, error) {
	id, ok := cookieID(text)
	if !ok {
		return policy.Principal{}, loginOver()
	}
	given, err := hashKey(ctx, a.api.pepper, text)
	if err != nil {
		return policy.Principal{}, err
	}
	l, err := a.login(ctx, id, string(given), func(l *login) bool { return l.kind == LoginCookie && hmac.Equal(l.hash, given) })
	if err != nil {
		return policy.Principal{}, err
	}
	who, err := a.holder(ctx, l)
	if err != nil {
		return policy.Principal{}, err
	}
	if now := a.now(); now.Sub(l.seen) >= a.timing.Idle/10 {
		a.touch(ctx, id, now)
	}
	who.Expires = l.expires
	return who, nil
}

// tokenHolder returns whom a token of the login stands for, whose signature is right.
func (a *Accounts) tokenHolder(ctx context.Context, token policy.Principal, id record.ID) (policy.Principal, error) {
	l, err := a.login(ctx, id, "id/"+string(id), func(l *login) bool { return l.kind == LoginToken })
	if err != nil {
		return policy.Principal{}, err
	}
	if l.account != token.Subject {
		return policy.Principal{}, loginOver()
	}
	who, err := a.holder(ctx, l)
	who.Expires = token.Expires
	return who, err
}

// holder returns whose a login is, if it is not over.
func (a *Accounts) holder(ctx context.Context, l *login) (policy.Principal, error) {
	of, err := a.keptAccount(ctx, l.account)
	if err != nil {
		return policy.Principal{}, err
	}
	if of == nil || of.Disabled || of.generation != l.generation || l.over(a.now(), a.timing) {
		return policy.Principal{}, loginOver()
	}
	return a.principal(of, l.id), nil
}

// principal returns who the account is, by the login if sid is not empty. The address is
// not among the claims: it is nobody's identity, and would be in every token.
func (a *Accounts) principal(of *account, sid string) policy.Principal {
	claims := map[string]any{verifiedClaim: of.Verified}
	if sid != "" {
		claims[sidClaim] = sid
	}
	return policy.Principal{
		Issuer: a.issuer.Name(), Subject: of.ID, Roles: of.Roles, Claims: claims,
		Standing: policy.Standing{Revision: of.revision, Generation: of.generation, Login: sid},
	}
}

func loginOver() error {
	return fault.New(fault.Unauthenticated, "core.Identify", "the login is over").Coded("login-ended").Hinting("log in again")
}

// touch stores that a session is in use. It is done ten times within the time that one
// may be idle, and if it fails the next request does it.
func (a *Accounts) touch(ctx context.Context, id record.ID, now time.Time) {
	row, found, err := a.read(ctx, sessionsSchema, id)
	if err != nil || !found {
		return
	}
	l := loginOf(row)
	if !l.seen.Before(now) {
		return
	}
	l.seen = now
	_ = a.fenced(ctx, sessionsSchema, id, []repository.Mutation{{
		Op: repository.Put, Collection: sessionsSchema, ID: id, If: repository.At(l.revision),
		Revision: record.NewRevision(a.api.now()), Fields: l.fields(),
	}})
}

// login returns the login with the id that fits, from what is kept under the text or
// from the store. What does not fit is not kept.
func (a *Accounts) login(ctx context.Context, id record.ID, text string, fits func(*login) bool) (*login, error) {
	key := cache.Key{Collection: SessionsCollection, Text: text, Tags: []string{recordTag(id), bulkTag}}
	kept, lease := a.look(ctx, key)
	if l, ok := decodeLogin(kept); ok {
		l.id = string(id)
		return l, nil
	}
	row, found, err := a.read(ctx, sessionsSchema, id)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, loginOver()
	}
	l := loginOf(row)
	if !fits(l) {
		return nil, loginOver()
	}
	if lease != "" {
		a.api.cache.Fill(ctx, key, lease, encodeLogin(l), verifiedFor)
	}
	return l, nil
}

// keptAccount returns the account from what is kept, without its hash and its address,
// or as it is stored; nil if there is none.
func (a *Accounts) keptAccount(ctx context.Context, id string) (*account, error) {
	key := cache.Key{Collection: AccountsCollection, Text: id, Tags: []string{recordTag(record.ID(id)), bulkTag}}
	kept, lease := a.look(ctx, key)
	if of, ok := decodeAccount(kept); ok {
		of.ID = id
		return of, nil
	}
	of, err := a.account(ctx, id)
	if err == nil && of != nil && lease != "" {
		a.api.cache.Fill(ctx, key, lease, encodeAccount(of), verifiedFor)
	}
	return of, err
}

// look returns what is kept, or else the lease to keep it, if it may be kept.
func (a *Accounts) look(ctx context.Context, key cache.Key) ([]byte, cache.Lease) {
	if a.api.cache == nil {
		return nil, ""
	}
	found := a.api.cache.Look(ctx, key)
	if found.State != cache.Hit {
		return nil, found.Lease
	}
	return found.Value, ""
}

// encodeLogin returns a login as it is kept: without what it is shown by.
func encodeLogin(l *login) []byte {
	kept := []byte{keptPresent}
	for _, n := range []int64{l.generation, l.seen.UnixMicro(), l.expires.UnixMicro()} {
		kept = binary.AppendVarint(kept, n)
	}
	return appendText(appendText(kept, string(l.kind)), l.account)
}

func decodeLogin(kept []byte) (*login, bool) {
	from := keptReader{rest: kept}
	if !from.begins(keptPresent) {
		return nil, false
	}
	l := &login{generation: from.number()}
	l.seen, l.expires = time.UnixMicro(from.number()).UTC(), time.UnixMicro(from.number()).UTC()
	l.kind, l.account = LoginKind(from.text()), from.text()
	return l, from.whole()
}

// keptRevised is the first octet of an account that is kept with its revision. Processes
// of the version before, which kept it without, read neither theirs here nor ours there.
const keptRevised = 0xa2

// encodeAccount returns an account as it is kept: without its hash and its address. A
// cache may hold what is personal for longer than it is told to.
func encodeAccount(of *account) []byte {
	var flags int64
	if of.Disabled {
		flags |= 1
	}
	if of.Verified {
		flags |= 2
	}
	kept := binary.AppendVarint(binary.AppendVarint([]byte{keptRevised}, of.generation), flags)
	kept = appendText(kept, string(of.revision))
	for _, role := range of.Roles {
		kept = appendText(kept, role)
	}
	return kept
}

func decodeAccount(kept []byte) (*account, bool) {
	from := keptReader{rest: kept}
	if !from.begins(keptRevised) {
		return nil, false
	}
	of := &account{generation: from.number()}
	flags := from.number()
	of.Disabled, of.Verified, of.Roles = flags&1 != 0, flags&2 != 0, []string{}
	of.revision = record.Revision(from.text())
	for !from.failed && len(from.rest) > 0 {
		of.Roles = append(of.Roles, from.text())
	}
	return of, from.whole()
}

func appendText(kept []byte, text string) []byte {
	return append(binary.AppendUvarint(kept, uint64(len(text))), text...)
}

// A keptReader reads what was kept. What cannot be read is zero, and whole says so.
type keptReader struct {
	rest   []byte
	failed bool
}

func (r *keptReader) begins(kind byte) bool {
	if len(r.rest) == 0 || r.rest[0] != kind {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

func (r *keptReader) number() int64 {
	n, size := binary.Varint(r.rest)
	if size <= 0 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *keptReader) text() string {
	length, size := binary.Uvarint(r.rest)
	if size <= 0 || length > uint64(len(r.rest)-size) {
		r.failed, r.rest = true, nil
		return ""
	}
	text := string(r.rest[size : size+int(length)])
	r.rest = r.rest[size+int(length):]
	return text
}

func (r *keptReader) whole() bool { return !r.failed && len(r.rest) == 0 }
