package core

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/limit"
)

// LimitsConfig is how much callers may ask. A rate of zero does not bound anything.
type LimitsConfig struct {
	Limiter limit.Limiter // counts; required

	// Tiers bound each principal by its roles, of which the most generous counts:
	// policy.Authenticated is everybody's with a credential. policy.Anonymous bounds each
	// address from which somebody asks without one.
	Tiers map[string]limit.Rate

	Address limit.Rate // of each address, whoever asks
	Global  limit.Rate // of all together

	// Failures bound the credentials from each address that turn out to be none. Beyond
	// that no credential from there is looked at.
	Failures limit.Rate

	Costs map[string]int // of what costs more than 1, by its name; those of UsualCosts are known
}

// What may cost more than a request usually does.
const (
	CostAggregate = "aggregate" // $aggregate
	CostBulk      = "bulk"      // a POST of several records
	CostDelete    = "delete"    // $delete
	CostExport    = "export"    // a list as NDJSON or CSV
	CostImport    = "import"    // $import
	CostQuery     = "query"     // $query
)

// UsualCosts returns what is dearer if nothing else is said.
func UsualCosts() map[string]int {
	return map[string]int{CostAggregate: 10, CostBulk: 10, CostDelete: 10, CostExport: 5, CostImport: 50, CostQuery: 2}
}

// A Bound is one of the limits that a request is held to. It never changes.
type Bound struct {
	Name   string // as callers see it: default, address, authentication or global
	Rate   limit.Rate
	kind   string // as metrics have it
	letter byte   // that its keys begin with
}

// The bounds, as metrics have them.
var boundKinds = [...]string{"principal", "anonymous", "address", "authentication", "global"}

// A Standing is how a caller stands with one bound. Its Bound is nil if there is none
// that it should know of.
type Standing struct {
	Bound   *Bound
	Verdict limit.Verdict
}

// Limits say whether a caller may ask once more. They are asked before the API is: by
// [Limits.Arrive] when a request has come, and by [Limits.Admit] when it is known who
// shows a credential. They are safe for concurrent use.
type Limits struct {
	limiter       limit.Limiter
	anonymous     *Bound // and so on: nil if there is none
	authenticated *Bound
	roles         map[string]*Bound
	address       *Bound
	failures      *Bound
	global        *Bound
	costs         map[string]int
	refused       [len(boundKinds)]atomic.Uint64
}

// NewLimits returns Limits. It returns fault.Invalid if a rate cannot be counted, or a
// cost is below 1 or of something that has none.
func NewLimits(config LimitsConfig) (*Limits, error) {
	const op = "core.NewLimits"
	if config.Limiter == nil {
		return nil, fault.New(fault.Invalid, op, "there is no limiter to count")
	}
	l := &Limits{limiter: config.Limiter, roles: make(map[string]*Bound), costs: UsualCosts()}
	for _, b := range []struct {
		into  **Bound
		rate  limit.Rate
		bound Bound
	}{
		{&l.address, config.Address, Bound{Name: "address", kind: "address", letter: 'a'}},
		{&l.global, config.Global, Bound{Name: "global", kind: "global", letter: 'g'}},
		{&l.failures, config.Failures, Bound{Name: "authentication", kind: "authentication", letter: 'f'}},
		{&l.anonymous, config.Tiers[policy.Anonymous], Bound{Name: "default", kind: "anonymous", letter: 'n'}},
		{&l.authenticated, config.Tiers[policy.Authenticated], tier},
	} {
		if b.rate == (limit.Rate{}) {
			continue
		}
		b.bound.Rate = b.rate
		*b.into = &b.bound
	}
	for role, rate := range config.Tiers {
		if role != policy.Anonymous && role != policy.Authenticated {
			b := tier
			b.Rate = rate
			l.roles[role] = &b
		}
	}
	for _, b := range l.Bounds() {
		if err := b.Rate.Check(op); err != nil {
			return nil, err
		}
	}
	for name, cost := range config.Costs {
		if _, known := l.costs[name]; !known || cost < 1 {
			return nil, fault.New(fault.Invalid, op, "%d is no cost of %s", cost, name)
		}
		l.costs[name] = cost
	}
	return l, nil
}

// tier is the bound of a principal, without its rate.
var tier = Bound{Name: "default", kind: "principal", letter: 'p'}

// Bounds returns all bounds that there are.
func (l *Limits) Bounds() []*Bound {
	var all []*Bound
	for _, b := range []*Bound{l.anonymous, l.authenticated, l.address, l.failures, l.global} {
		if b != nil {
			all = append(all, b)
		}
	}
	for _, b := range l.roles {
		all = append(all, b)
	}
	return all
}

// Cost returns what a request costs that is of the named kind, 1 for the empty name.
func (l *Limits) Cost(name string) int { return max(l.costs[name], 1) }

// Refused yields how many requests each bound has refused.
func (l *Limits) Refused(yield func(bound string, n uint64) bool) {
	for i, kind := range boundKinds {
		if !yield(kind, l.refused[i].Load()) {
			return
		}
	}
}

// Arrive counts a request that has come from the address. Without a credential that is
// all there is to count, and it is nobody's. One that shows a credential is counted for
// its address alone, and only if not too many from there were none: who it is must not
// be looked up otherwise.
//
// It returns fault.Limited if the request is one too many, with the Standing that says
// so; else with that which its caller may know. If it is refused nothing is counted.
func (l *Limits) Arrive(ctx context.Context, from netip.Addr, cost int, credential bool) (Standing, error) {
	if credential {
		return l.take(ctx, holding{l.failures, address(l.failures, from), 0}, holding{l.address, address(l.address, from), cost})
	}
	return l.take(ctx,
		holding{l.address, address(l.address, from), cost}, holding{l.anonymous, address(l.anonymous, from), cost}, holding{l.global, everybody, cost})
}

// Admit counts a request that Arrive has let pass with a credential, now that it is
// known whose it is: for its principal, and for all. It returns what Arrive returns.
func (l *Limits) Admit(ctx context.Context, who policy.Principal, cost int) (Standing, error) {
	b := l.tierOf(who)
	return l.take(ctx, holding{b, principal(b, who), cost}, holding{l.global, everybody, cost})
}

// More counts what a request that has been admitted costs besides, as it turns out. It
// returns what Arrive returns.
func (l *Limits) More(ctx context.Context, who policy.Principal, cost int) (Standing, error) {
	if !who.Known() {
		return l.Arrive(ctx, who.Address, cost, false)
	}
	b := l.tierOf(who)
	return l.take(ctx,
		holding{l.address, address(l.address, who.Address), cost}, holding{b, principal(b, who), cost}, holding{l.global, everybody, cost})
}

// Failed counts a request that showed a credential and ended with err before it was
// known whose it is: it is nobody's then, and if the credential was none that is counted
// too. It returns what Arrive returns.
func (l *Limits) Failed(ctx context.Context, from netip.Addr, err error) (Standing, error) {
	if fault.KindOf(err) == fault.Unauthenticated {
		if _, err := l.take(ctx, holding{l.failures, address(l.failures, from), 1}); err != nil && fault.KindOf(err) != fault.Limited {
			return Standing{}, err
		}
	}
	return l.take(ctx, holding{l.anonymous, address(l.anonymous, from), 1}, holding{l.global, everybody, 1})
}

// A holding is a request held to a bound, which may be nil.
type holding struct {
	bound  *Bound
	key    string
	amount int
}

// everybody is the key of what bounds all.
const everybody = "g"

// take takes of each bound, and returns the standing with the first that callers may know
// of, or with that which refuses for the longest.
func (l *Limits) take(ctx context.Context, held ...holding) (Standing, error) {
	takes := make([]limit.Take, 0, limit.MaxTakes)
	var bounds [limit.MaxTakes]*Bound
	for _, h := range held {
		if h.bound != nil {
			bounds[len(takes)] = h.bound
			// Who asks for more at once than there ever is would be refused for ever.
			takes = append(takes, limit.Take{Key: h.key, Rate: h.bound.Rate, Amount: min(h.amount, h.bound.Rate.Most())})
		}
	}
	if len(takes) == 0 {
		return Standing{}, nil
	}
	verdicts, err := l.limiter.Take(ctx, takes...)
	if err != nil {
		return Standing{}, err
	}
	var shown, refuses Standing
	for i, v := range verdicts {
		s := Standing{bounds[i], v}
		switch {
		case !v.Allowed && (refuses.Bound == nil || v.Retry > refuses.Verdict.Retry):
			refuses = s
		case s.Bound.Name == "default", s.Bound.Name == "address" && shown.Bound == nil:
			shown = s
		}
	}
	if refuses.Bound != nil {
		return refuses, l.refuse(refuses.Bound)
	}
	return shown, nil
}

// refuse counts that the bound has refused a request, and returns the error.
func (l *Limits) refuse(b *Bound) error {
	for i, kind := range boundKinds {
		if kind == b.kind {
			l.refused[i].Add(1)
		}
	}
	const op = "core.Limits"
	hint := "wait for as many seconds as Retry-After says"
	switch b.kind {
	case "authentication":
		return fault.New(fault.Limited, op, "too many credentials from this address were not valid").Hinting("%s, and look at the credential", hint)
	case "global":
		return fault.New(fault.Limited, op, "there are too many requests from all callers together").Hinting("%s", hint)
	case "address":
		return fault.New(fault.Limited, op, "there are too many requests from this address").Hinting("%s", hint)
	case "anonymous":
		return fault.New(fault.Limited, op, "there are too many requests without a credential from this address").Hinting("%s, or send a credential", hint)
	}
	return fault.New(fault.Limited, op, "you have sent too many requests").Hinting("%s", hint)
}

// tierOf returns the most generous bound that the principal has a right to, or nil.
func (l *Limits) tierOf(who policy.Principal) *Bound {
	best := l.authenticated
	for _, role := range who.Roles {
		if b := l.roles[role]; b != nil && (best == nil || b.outdoes(best)) {
			best = b
		}
	}
	return best
}

// outdoes reports whether b gives more than the other, in the long run or, if that is
// the same, at once.
func (b *Bound) outdoes(other *Bound) bool {
	mine, others := b.Rate.Interval(), other.Rate.Interval()
	return mine < others || mine == others && b.Rate.Most() > other.Rate.Most()
}

// principal returns the key of a principal, which tells nothing of it.
func principal(b *Bound, who policy.Principal) string {
	if b == nil {
		return ""
	}
	var room [256]byte
	sum := sha256.Sum256(append(append(append(room[:0], who.Issuer...), 0), who.Subject...))
	sum[0] = b.letter
	return string(sum[:17])
}

// address returns the key of an address: of one of IPv6 its /64, which is what one
// subscriber has at least.
func address(b *Bound, from netip.Addr) string {
	if b == nil {
		return ""
	}
	var key [9]byte
	key[0] = b.letter
	if from = from.Unmap(); from.Is4() {
		four := from.As4()
		return string(append(key[:1], four[:]...))
	}
	sixteen := from.As16()
	copy(key[1:], sixteen[:])
	return string(key[:])
}

// Wait returns how long to wait before the same request may succeed, in whole seconds
// and at least one.
func (s Standing) Wait() int { return max(seconds(s.Verdict.Retry), 1) }

// Restored returns after how many seconds all is as if nothing had been asked, which is
// never more than the window of the rate.
func (s Standing) Restored() int { return min(seconds(s.Verdict.Reset), s.Bound.Window()) }

// Window returns the period of the rate in whole seconds, at least one.
func (b *Bound) Window() int { return max(seconds(b.Rate.Period), 1) }

// Quota returns how much may be asked in a Window in the long run, at least one.
func (b *Bound) Quota() int {
	window := time.Duration(b.Window()) * time.Second
	return max(int(float64(b.Rate.Amount)*(float64(window)/float64(b.Rate.Period))), 1)
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
