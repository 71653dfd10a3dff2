package core

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/limit"
)

// How often a password may be tried. What counts for an account counts for one address
// of the network alone: who guesses elsewhere locks nobody out.
var (
	triesForAccount = limit.Rate{Amount: 1, Period: 30 * time.Second, Burst: 10}
	triesOfAddress  = limit.Rate{Amount: 1, Period: 2 * time.Second, Burst: 100}
)

// refreshesOfAddress is how often tokens may be refreshed. Nobody guesses these; it
// bounds what looking for old ones costs, and many may have one address.
var refreshesOfAddress = limit.Rate{Amount: 10, Period: time.Second, Burst: 200}

// attempt counts that who tries something for which one could guess: with the account
// of the e-mail address, or with any if that is empty. Right ones count too, because
// many may be tried before the first is known to be wrong. If it cannot be counted,
// nothing is tried.
func (a *Accounts) attempt(ctx context.Context, who policy.Principal, email string) error {
	return attempt(ctx, a.limiter, who, email)
}

func attempt(ctx context.Context, limiter limit.Limiter, who policy.Principal, email string) error {
	if who.Local {
		return nil
	}
	from := "auth/" + neighbourhood(who.Address)
	takes := []limit.Take{{Key: from, Rate: triesOfAddress, Amount: 1}}
	if email != "" {
		takes = append(takes, limit.Take{Key: from + "/" + string(addressID(email)), Rate: triesForAccount, Amount: 1})
	}
	return count(ctx, limiter, takes...)
}

// countRefresh counts that who refreshes tokens.
func countRefresh(ctx context.Context, limiter limit.Limiter, who policy.Principal) error {
	return count(ctx, limiter, limit.Take{Key: "refresh/" + neighbourhood(who.Address), Rate: refreshesOfAddress, Amount: 1})
}

// count takes all, or says when there is enough.
func count(ctx context.Context, limiter limit.Limiter, takes ...limit.Take) error {
	verdicts, err := limiter.Take(ctx, takes...)
	if err != nil {
		return err
	}
	var wait time.Duration
	for _, verdict := range verdicts {
		wait = max(wait, verdict.Retry)
		if !verdict.Allowed {
			wait = max(wait, time.Second)
		}
	}
	if wait == 0 {
		return nil
	}
	return &delayed{after: wait, why: fault.New(fault.Limited, "core.accounts", "there were too many attempts").
		Coded("too-many-attempts").Hinting("try again in %d seconds", seconds(wait))}
}

// neighbourhood returns what addresses are counted by: an IPv4 address, or the network
// of 64 bits of which one customer has all addresses.
func neighbourhood(address netip.Addr) string {
	address = address.Unmap()
	if !address.Is6() {
		return address.String()
	}
	network, err := address.WithZone("").Prefix(64)
	if err != nil {
		return address.String()
	}
	return network.String()
}

// A delayed error is over after a while.
type delayed struct {
	why   *fault.Error
	after time.Duration
}

func (d *delayed) Error() string { return d.why.Error() }

// Unwrap returns the error itself.
func (d *delayed) Unwrap() error { return d.why }

// RetryAfter returns after how long what failed with err may be tried again, in whole
// seconds, or 0 if err does not say.
func RetryAfter(err error) time.Duration {
	var d *delayed
	if !errors.As(err, &d) {
		return 0
	}
	return time.Duration(seconds(d.after)) * time.Second
}
