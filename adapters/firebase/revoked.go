package firebase

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/portolan-io/portolan/adapters/internal/bearer"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
)

const (
	recheck   = time.Second // for how long it is believed what Google says of a user
	maxUsers  = 4096        // whose state is remembered
	revokings = 3           // how often it is tried to revoke, of which each takes a second at most
)

// revocations remember for a second who may come.
type revocations struct {
	mu    sync.Mutex
	users map[string]standing // by tenant and uid
}

// A standing is how a user stands at Google.
type standing struct {
	refused bool  // disabled, or gone
	since   int64 // tokens of logins before this second are revoked
	until   time.Time
}

func (r *revocations) find(key string, now time.Time) (standing, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.users[key]
	return s, ok && now.Before(s.until)
}

func (r *revocations) keep(key string, s standing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users == nil || len(r.users) >= maxUsers {
		r.users = make(map[string]standing)
	}
	r.users[key] = s
}

func (r *revocations) forgetAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.users)
}

func userKey(claims map[string]any, uid string) string { return tenantOf(claims) + "/" + uid }

// checkRevoked returns an error if the user of the token is disabled or gone, or if the
// login that gave the token was revoked. What Google said is believed for a second.
func (a *Authenticator) checkRevoked(ctx context.Context, token bearer.Token) error {
	key, now := userKey(token.Claims, token.Subject), time.Now()
	s, ok := a.revoked.find(key, now)
	if !ok {
		found, err := a.google.lookup(ctx, tenantOf(token.Claims), token.Subject)
		switch {
		case fault.KindOf(err) == fault.Forbidden: // nobody has this uid
			s.refused = true
		case err != nil:
			return err
		default:
			s.refused = found.Disabled
			s.since, _ = strconv.ParseInt(found.ValidSince, 10, 64) // without one nothing was ever revoked
		}
		s.until = now.Add(recheck)
		a.revoked.keep(key, s)
	}
	if s.refused || authTime(token.Claims) < s.since {
		return a.tokens.Refuse("token-revoked", "the token was revoked, or its user may not come any more").Hinting("sign in again")
	}
	return nil
}

func authTime(claims map[string]any) int64 {
	at, _ := claims["auth_time"].(float64)
	return int64(at)
}

// Revoke ends all logins of who asks. Google counts seconds: within the second of the
// login that asks it would end all but that one, so Revoke waits for the next.
func (a *Authenticator) Revoke(ctx context.Context, who policy.Principal) error {
	if err := a.checkOwn(who); err != nil {
		return err
	}
	tenant := tenantOf(who.Claims)
	defer a.revoked.forgetAll()
	for range revokings {
		var done struct{}
		now := strconv.FormatInt(time.Now().Unix(), 10)
		if err := a.google.asOwner(ctx, tenant, "accounts:update", map[string]any{"localId": who.Subject, "validSince": now}, &done); err != nil {
			return err
		}
		is, err := a.google.lookup(ctx, tenant, who.Subject)
		if err != nil {
			return err
		}
		if since, err := strconv.ParseInt(is.ValidSince, 10, 64); err == nil && authTime(who.Claims) < since {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
	return fault.New(fault.Unavailable, "firebase.Revoke", "Firebase does not end the login, because its clock is behind").
		Hinting("log out again")
}
