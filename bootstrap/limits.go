package bootstrap

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/limit"
)

// Limits say how much callers may ask. Who asks more is answered with 429 and told how
// long to wait.
type Limits struct {
	// By role, how much each caller with the role may ask. Who has several has the most
	// generous of them; authenticated is everybody with a credential. anonymous is what
	// may be asked without one from each address.
	Tiers Named[Rate] `yaml:"tiers"`
	// How much may be asked from each address, by all callers there together.
	Address *Rate `yaml:"address"`
	// How much all callers may ask together.
	Global *Rate `yaml:"global"`
	// How many credentials from each address may turn out to be none; beyond that none
	// from there is looked at. The default is 60 in 1m.
	FailedAuthentication Rate `yaml:"failed_authentication"`
	// What some requests cost. All others cost 1.
	Costs Costs `yaml:"costs"`
	// By how many the rates are divided in each process while the limiter that several
	// share cannot be reached: how many processes there are. The default is 2.
	Instances int `yaml:"instances" jsonschema:"minimum=1"`
}

func (l *Limits) setDefaults() {
	l.FailedAuthentication = Rate{Requests: 60, Per: time.Minute}
	l.Instances = 2
	l.Costs.setDefaults()
}

// A Rate is how much may be asked in how long.
type Rate struct {
	// How much may be asked in the time of per, in the long run.
	Requests int `yaml:"requests" jsonschema:"required,minimum=1"`
	// The time in which it may be asked, from 1ms to 744h. The default is 1m.
	Per time.Duration `yaml:"per"`
	// How much may be asked at once by who asked nothing for long. 0, which is the
	// default, is as much as requests.
	Burst int `yaml:"burst" jsonschema:"minimum=0"`
}

func (r *Rate) setDefaults() { r.Per = time.Minute }

// of returns the rate as the port has it, that of nil is none.
func (r *Rate) of() limit.Rate {
	if r == nil {
		return limit.Rate{}
	}
	return limit.Rate{Amount: r.Requests, Period: r.Per, Burst: r.Burst}
}

// Costs are what some requests cost.
type Costs struct {
	// Of $aggregate. The default is 10.
	Aggregate int `yaml:"aggregate" jsonschema:"minimum=1"`
	// Of a POST of several records. The default is 10.
	Bulk int `yaml:"bulk" jsonschema:"minimum=1"`
	// Of $delete. The default is 10.
	Delete int `yaml:"delete" jsonschema:"minimum=1"`
	// Of a list as NDJSON or CSV. The default is 5.
	Export int `yaml:"export" jsonschema:"minimum=1"`
	// Of $import. The default is 50.
	Import int `yaml:"import" jsonschema:"minimum=1"`
	// Of $query. The default is 2.
	Query int `yaml:"query" jsonschema:"minimum=1"`
}

func (c *Costs) setDefaults() {
	usual := core.UsualCosts()
	*c = Costs{
		Aggregate: usual[core.CostAggregate], Bulk: usual[core.CostBulk], Delete: usual[core.CostDelete],
		Export: usual[core.CostExport], Import: usual[core.CostImport], Query: usual[core.CostQuery],
	}
}

func (c Costs) of() map[string]int {
	return map[string]int{
		core.CostAggregate: c.Aggregate, core.CostBulk: c.Bulk, core.CostDelete: c.Delete,
		core.CostExport: c.Export, core.CostImport: c.Import, core.CostQuery: c.Query,
	}
}

// checkLimits notes rates that cannot be counted, and a limiter that has nothing to
// count.
func (s *settings) checkLimits(found *mistakes) {
	if s.Limits == nil {
		if s.Limit.given() && s.Accounts == nil {
			found.add(s.document.name, within(s.document.root, []string{"limit"}), "limit",
				"there is nothing to count; write how much callers may ask under limits, or leave this out")
		}
		return
	}
	rates := map[string]limit.Rate{
		"address": s.Limits.Address.of(), "global": s.Limits.Global.of(), "failed_authentication": s.Limits.FailedAuthentication.of(),
	}
	for _, name := range []string{"address", "global", "failed_authentication"} {
		s.checkRate(found, rates[name], "limits", name)
	}
	for _, entry := range s.Limits.Tiers {
		s.checkRate(found, entry.Value.of(), "limits", "tiers", entry.Name)
	}
}

func (s *settings) checkRate(found *mistakes, rate limit.Rate, keys ...string) {
	if rate == (limit.Rate{}) {
		return
	}
	if err := rate.Check(""); err != nil {
		path := ""
		for _, key := range keys {
			path = join(path, key)
		}
		found.add(s.document.name, within(s.document.root, keys), path, "%s", fault.Of(err).Detail)
	}
}

// A limiting is what bounds callers: limits are nil if nothing does.
type limiting struct {
	limits  *core.Limits
	limiter limit.Limiter               // nil if there is nothing to count
	ping    func(context.Context) error // of a limiter elsewhere, else nil
	fell    func() uint64               // how often it was done without
}

// openLimits opens the limiter that the configuration names, or one in this process. One
// elsewhere is done without while it cannot be reached.
func openLimits(ctx context.Context, s *settings, w *watching, opened *closers, log *slog.Logger) (limiting, error) {
	if s.Limits == nil && s.Accounts == nil {
		return limiting{}, nil
	}
	key := fmt.Sprintf("limit %s %d", s.limit.key(), s.shares())
	opening, err := lend(opened, key, func(own *closers) (limiting, error) { return openLimiter(ctx, s, own, log) })
	if err != nil || s.Limits == nil {
		return opening, err
	}
	config := core.LimitsConfig{
		Limiter: opening.limiter, Tiers: make(map[string]limit.Rate), Address: s.Limits.Address.of(), Global: s.Limits.Global.of(),
		Failures: s.Limits.FailedAuthentication.of(), Costs: s.Limits.Costs.of(),
	}
	for _, entry := range s.Limits.Tiers {
		config.Tiers[entry.Name] = entry.Value.of()
	}
	if opening.limits, err = core.NewLimits(config); err != nil {
		return limiting{}, err
	}
	for _, counter := range w.limits {
		w.figures = append(w.figures, func() error { return counter.Limits(opening.limits.Refused, opening.fell) })
	}
	return opening, nil
}

// openLimiter opens what counts.
func openLimiter(ctx context.Context, s *settings, opened *closers, log *slog.Logger) (limiting, error) {
	own, err := memory.OpenLimiter(ctx, memory.LimiterConfig{})
	if err != nil {
		return limiting{}, err
	}
	opening := limiting{limiter: own, fell: func() uint64 { return 0 }}
	if s.Limit.given() {
		chosen, err := open[limit.Limiter](ctx, s.limit)
		if err != nil {
			return limiting{}, err
		}
		opening.limiter = chosen
		if elsewhere, ok := chosen.(interface{ Ping(context.Context) error }); ok {
			sharing := layer.Share(chosen, own, s.shares(), limitLogger(log, s.shares()))
			opening.limiter, opening.ping, opening.fell = sharing, elsewhere.Ping, sharing.Fell
		}
	}
	opened.addClose(opening.limiter.Close)
	return opening, nil
}

// shares returns by how many rates are divided while the limiter cannot be reached.
func (s *settings) shares() int {
	if s.Limits != nil {
		return s.Limits.Instances
	}
	var usual Limits
	usual.setDefaults()
	return usual.Instances
}

// A limitCounter is an observer that takes the figures of limits.
type limitCounter interface {
	Limits(refused func(yield func(bound string, n uint64) bool), fell func() uint64) error
}

// limitLogger returns what writes a line when the limiter that instances share cannot be
// reached any more, and when it can again.
func limitLogger(log *slog.Logger, instances int) func(reachable bool, err error) {
	return func(reachable bool, err error) {
		if reachable {
			log.Info("the limiter is reached again")
			return
		}
		log.Warn("the limiter cannot be reached; each instance allows its share of the limits", "share", instances, "error", err)
	}
}

// warnOfLimits says at the start what callers from elsewhere are not bounded by.
func (s *settings) warnOfLimits(l limiting, log *slog.Logger) {
	switch {
	case l.limits == nil && !isLoopback(s.Service.Listen):
		log.Warn("nothing bounds how much callers may ask; write it under limits", "listen", s.Service.Listen)
	case l.limiter != nil && l.ping == nil && s.Service.Instances == "many":
		log.Warn("each instance counts for itself what callers ask, so that together they allow as many times as much; choose a limiter that they share")
	case l.limits != nil && s.Limits.unbounded() && !isLoopback(s.Service.Listen):
		log.Warn("nothing bounds how much callers without a credential may ask; write limits.tiers.anonymous or limits.address")
	}
}

// unbounded reports whether nothing bounds callers without a credential.
func (l *Limits) unbounded() bool {
	for _, name := range l.Tiers.names() {
		if name == policy.Anonymous {
			return false
		}
	}
	return l.Address == nil && l.Global == nil
}
