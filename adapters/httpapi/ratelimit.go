package httpapi

import (
	"strconv"
	"strings"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
)

// The fields that tell how a caller stands, in the canonical form of Go. They are
// structured fields, as draft-ietf-httpapi-ratelimit-headers-10 has them.
const (
	headerRateLimit       = "Ratelimit"
	headerRateLimitPolicy = "Ratelimit-Policy"
)

// policiesOf returns RateLimit-Policy of each bound. Header.Add copies a slice that is
// full, so these may be shared.
func policiesOf(limits *core.Limits) map[*core.Bound][]string {
	policies := make(map[*core.Bound][]string)
	if limits != nil {
		for _, b := range limits.Bounds() {
			policies[b] = []string{`"` + b.Name + `";q=` + strconv.Itoa(b.Quota()) + ";w=" + strconv.Itoa(b.Window())}
		}
	}
	return policies
}

// arrive counts the request, before anything is read of it but its path and its method.
// Whether this process lives and is ready anybody may ask as often as he likes.
func (x *exchange) arrive() error {
	if x.site.limits == nil {
		return nil
	}
	var op operation
	if x.resource != nil {
		op, _ = x.resource.operation(x.r.Method)
	}
	if op.unlimited {
		return nil
	}
	x.cost = x.site.limits.Cost(op.cost)
	if op.records {
		x.as, _ = represent(x.r.Header["Accept"]) // what is wrong with it is said in its turn
		if x.as != nil && x.as.format != "" {
			x.cost = max(x.cost, x.site.limits.Cost(core.CostExport))
		}
	}
	x.uncounted = !op.nameless && (len(x.r.Header["Authorization"])+len(x.r.Header["X-Api-Key"]) > 0 || x.site.logins.carries(x.r))
	return x.stand(x.site.limits.Arrive(x.r.Context(), x.site.trusted.client(x.r), x.cost, x.uncounted))
}

// admit counts the request for whom it turned out to be from.
func (x *exchange) admit() error {
	if !x.uncounted {
		return nil
	}
	x.uncounted = false
	return x.stand(x.site.limits.Admit(x.r.Context(), x.who, x.cost))
}

// authenticateAfterAll finds out who asks, for an operation that need not know: the
// request is counted as any other that shows a credential, beside what it was counted as.
func (x *exchange) authenticateAfterAll() error {
	if x.site.limits != nil {
		x.uncounted = true
		if err := x.stand(x.site.limits.Arrive(x.r.Context(), x.who.Address, 0, true)); err != nil {
			return err
		}
	}
	if err := x.authenticate(); err != nil {
		return err // which is counted as every other one, see unadmitted
	}
	return x.admit()
}

// unadmitted returns the error that a request ends with before it was known whose it
// is. It is counted as nobody's.
func (x *exchange) unadmitted(err error) error {
	if err == nil || !x.uncounted || fault.KindOf(err) == fault.Limited {
		return err
	}
	x.uncounted = false
	if limited := x.stand(x.site.limits.Failed(x.r.Context(), x.site.trusted.client(x.r), err)); fault.KindOf(limited) == fault.Limited {
		return limited
	}
	return err
}

// costs counts what the request costs beyond what it was taken for, now that it is
// known to be of the named kind.
func (x *exchange) costs(name string) error {
	if x.site.limits == nil {
		return nil
	}
	more := x.site.limits.Cost(name) - x.cost
	if more <= 0 {
		return nil
	}
	x.cost += more
	return x.stand(x.site.limits.More(x.r.Context(), x.who, more))
}

// stand keeps how the caller stands, for the answer.
func (x *exchange) stand(now core.Standing, err error) error {
	if now.Bound != nil {
		x.standing = now
	}
	if fault.KindOf(err) == fault.Limited {
		x.set("Retry-After", strconv.Itoa(now.Wait()))
	}
	return err
}

// tellStanding sets the fields of the answer that tell how the caller stands. What others
// may keep and hand on tells nothing of who asked for it.
func (x *exchange) tellStanding() {
	b, h := x.standing.Bound, x.Header()
	if b == nil || len(h["Cache-Control"]) == 1 && strings.HasPrefix(h["Cache-Control"][0], "public") {
		return
	}
	h[headerRateLimitPolicy] = x.site.policies[b]
	var room [64]byte
	field := append(append(append(room[:0], '"'), b.Name...), `";r=`...)
	field = strconv.AppendInt(field, int64(x.standing.Verdict.Remaining), 10)
	field = strconv.AppendInt(append(field, ";t="...), int64(x.standing.Restored()), 10)
	x.set(headerRateLimit, string(field))
}
