package layer

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
)

// Bounds of what is remembered.
const (
	// recheck is how long a credential is believed without asking again. What ends
	// it before its time thus takes that much longer, but for a key that is gone where
	// the authenticator has an Epoch.
	recheck = 30 * time.Second

	// maxRemembered is how many credentials are remembered; one takes a few
	// kilobytes at most, and only valid ones are kept.
	maxRemembered = 4096
)

// Remember returns authenticator with whom it recognised remembered for 30
// seconds, or until the credential expires if that is sooner: to verify a
// signature costs several times what answering from a cache does. If authenticator has a
// method Epoch(context.Context) uint64, what was remembered in another epoch is forgotten:
// one ends when a key is gone by which credentials were verified. Refusals and
// failures are never remembered. A credential is kept as its SHA-256 alone. The
// principals are shared by those who present the same credential, so their roles
// and claims must not be changed. A nil clock is time.Now.
func Remember(authenticator auth.Authenticator, clock func() time.Time) auth.Authenticator {
	if clock == nil {
		clock = time.Now
	}
	return &remembering{Authenticator: authenticator, now: clock, known: map[fingerprint]recognised{}}
}

type remembering struct {
	auth.Authenticator
	now func() time.Time

	mu    sync.RWMutex
	known map[fingerprint]recognised
}

// A fingerprint stands for a credential.
type fingerprint struct {
	scheme auth.Scheme
	token  [sha256.Size]byte
}

// A recognised is whom a credential names, and until when that is believed.
type recognised struct {
	who   policy.Principal
	until time.Time
	epoch uint64
}

// epochOf returns the epoch of the authenticator, 0 for ever if it has none.
func epochOf(ctx context.Context, authenticator auth.Authenticator) uint64 {
	if it, ok := authenticator.(interface {
		Epoch(ctx context.Context) uint64
	}); ok {
		return it.Epoch(ctx)
	}
	return 0
}

// Authenticate returns whom it remembers, or asks.
func (r *remembering) Authenticate(ctx context.Context, credential auth.Credential) (policy.Principal, error) {
	if err := ctx.Err(); err != nil {
		return policy.Principal{}, err
	}
	var room [1024]byte // for most tokens, so that the heap need not have any
	print, now := fingerprint{credential.Scheme, sha256.Sum256(append(room[:0], credential.Token...))}, r.now()
	r.mu.RLock()
	known, ok := r.known[print]
	r.mu.RUnlock()
	epoch := epochOf(ctx, r.Authenticator) // before the credential is verified
	if ok && now.Before(known.until) && known.epoch == epoch {
		return known.who, nil
	}
	who, err := r.Authenticator.Authenticate(ctx, credential)
	if err != nil {
		return who, err
	}
	until := now.Add(recheck)
	if !who.Expires.IsZero() && who.Expires.Before(until) {
		until = who.Expires
	}
	r.keep(print, recognised{who, until, epoch}, now)
	return who, nil
}

// keep remembers one more. If there are too many it forgets those that have to
// be asked about again anyway, and if these are few, any others.
func (r *remembering) keep(print fingerprint, new recognised, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= maxRemembered {
		for each, old := range r.known {
			if !now.Before(old.until) {
				delete(r.known, each)
			}
		}
		for each := range r.known {
			if len(r.known) <= maxRemembered*3/4 {
				break
			}
			delete(r.known, each)
		}
	}
	r.known[print] = new
}

// Close forgets everything, and closes the authenticator.
func (r *remembering) Close() error {
	r.mu.Lock()
	clear(r.known)
	r.mu.Unlock()
	return r.Authenticator.Close()
}
