package core

import (
	"context"
	"crypto/hmac"
	"encoding/base32"
	"strconv"
	"strings"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// What is allowed to refresh tokens.
const (
	// refreshGrace is how long the token before the current one still works: two tabs
	// of a browser refresh at once, and an answer may be lost on its way.
	refreshGrace = 10 * time.Second

	// mostTurns is how much older than the current one a token may be to be known for
	// one that was used up. It is 40 days of one every quarter of an hour.
	mostTurns = 4096
)

// A refresh is a refresh token: ptr_id_turn_secret. Each secret follows from the one
// before it and the pepper, so that of any earlier one it can be told that it was one,
// though only the current one's hash is stored.
type refresh struct {
	id     string
	turn   int64
	secret string
}

func (r refresh) String() string {
	return "ptr_" + r.id + "_" + strconv.FormatInt(r.turn, 36) + "_" + r.secret
}

func parseRefresh(text string) (refresh, bool) {
	parts := strings.Split(text, "_")
	if len(text) > 100 || len(parts) != 4 || parts[0] != "ptr" || len(parts[1]) != 16 || len(parts[3]) != 32 {
		return refresh{}, false
	}
	turn, err := strconv.ParseInt(parts[2], 36, 64)
	r := refresh{parts[1], turn, parts[3]}
	return r, err == nil && turn >= 0 && r.String() == text
}

// next returns the token that replaces r.
func (a *Accounts) next(ctx context.Context, r refresh) (refresh, error) {
	sum, err := hashKey(ctx, a.api.pepper, "next of "+r.String())
	if err != nil {
		return refresh{}, err
	}
	return refresh{r.id, r.turn + 1, strings.ToLower(base32.StdEncoding.EncodeToString(sum[:20]))}, nil
}

// Refresh returns a new access token for a refresh token, and the refresh token that
// replaces it. Within ten seconds the same token gives the same replacement again.
// After that it says that somebody else has the token or had it: the login is ended,
// for both. So does any token that came before.
func (a *Accounts) Refresh(ctx context.Context, who policy.Principal, token string) (Login, error) {
	if err := countRefresh(ctx, a.limiter, who); err != nil {
		return Login{}, err
	}
	shown, ok := parseRefresh(token)
	if !ok {
		return Login{}, badRefresh()
	}
	for range attempts {
		answer, err := a.refreshOnce(ctx, shown)
		if !lost(err, 0) {
			return answer, err
		}
	}
	return Login{}, busy()
}

func badRefresh() error {
	return fault.New(fault.Unauthenticated, "core.Refresh", "the refresh token is not valid").Coded("bad-refresh-token").
		Hinting("log in again")
}

// refreshOnce is Refresh, unless the login changes meanwhile.
func (a *Accounts) refreshOnce(ctx context.Context, shown refresh) (Login, error) {
	row, found, err := a.read(ctx, sessionsSchema, record.ID(shown.id))
	if err != nil {
		return Login{}, err
	}
	if !found {
		return Login{}, badRefresh()
	}
	l := loginOf(row)
	genuine, err := a.genuine(ctx, shown, l)
	if err != nil {
		return Login{}, err
	}
	now := a.now()
	if !genuine || l.over(now, a.timing) {
		return Login{}, badRefresh()
	}
	if shown.turn != l.turn && (shown.turn != l.turn-1 || now.Sub(l.seen) >= refreshGrace) {
		if err := a.end(ctx, row.ID); err != nil {
			return Login{}, err
		}
		a.reused(l.account, l.id)
		return Login{}, badRefresh()
	}
	of, err := a.account(ctx, l.account)
	if err != nil {
		return Login{}, err
	}
	if of == nil || of.Disabled || of.generation != l.generation {
		return Login{}, badRefresh()
	}
	replacement, err := a.next(ctx, shown)
	if err != nil {
		return Login{}, err
	}
	if shown.turn == l.turn {
		if err := a.turn(ctx, l, replacement, now); err != nil {
			return Login{}, err
		}
	}
	return a.shown(ctx, of, l, replacement.String())
}

// genuine reports whether the token was given for the login, be it long ago.
func (a *Accounts) genuine(ctx context.Context, shown refresh, l *login) (bool, error) {
	if l.kind != LoginToken || shown.turn > l.turn || l.turn-shown.turn > mostTurns {
		return false, nil
	}
	var err error
	for shown.turn < l.turn {
		if shown, err = a.next(ctx, shown); err != nil {
			return false, err
		}
	}
	hash, err := hashKey(ctx, a.api.pepper, shown.String())
	return hmac.Equal(hash, l.hash), err
}

// turn stores that the login is shown by another token from now on. Nothing of what
// that changes is kept by a cache.
func (a *Accounts) turn(ctx context.Context, l *login, to refresh, now time.Time) (err error) {
	l.turn, l.seen = to.turn, now
	if l.hash, err = hashKey(ctx, a.api.pepper, to.String()); err != nil {
		return err
	}
	_, err = a.api.apply(ctx, []repository.Mutation{{
		Op: repository.Put, Collection: sessionsSchema, ID: record.ID(l.id), If: repository.At(l.revision),
		Revision: record.NewRevision(a.api.now()), Fields: l.fields(),
	}}, nil)
	return err
}
