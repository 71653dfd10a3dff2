package redis

import (
	"context"
	"strconv"
	"sync/atomic"

	goredis "github.com/redis/go-redis/v9"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/limit"
)

// limiterPrefix is what the keys of a limiter begin with if nothing else is
// configured. It is not the cache's, so that the one can be emptied without the other.
const limiterPrefix = "portolan-limit"

// A Limiter is a limit.Limiter over Redis, which counts by its own clock. A call is
// one script, and takes as long as its context and the waits of [Config] let it.
type Limiter struct {
	cfg    Config
	client goredis.UniversalClient
	prefix string
	closed atomic.Bool
}

var _ limit.Limiter = (*Limiter)(nil)

// OpenLimiter connects as [Open] does, with the same configuration and the same
// errors; a server that cannot be reached now is none. An empty Config.Prefix is
// portolan-limit.
func OpenLimiter(ctx context.Context, cfg Config) (*Limiter, error) {
	silence()
	if cfg.Prefix == "" {
		cfg.Prefix = limiterPrefix
	}
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	link, err := cfg.link(ctx)
	if err != nil {
		return nil, err
	}
	l := &Limiter{cfg: cfg, client: link.client(nil, nil), prefix: "{" + cfg.Prefix + "}:"}
	if err := l.Ping(ctx); err != nil && (ctx.Err() != nil || fault.Of(err).Code != unreachable) {
		_ = l.client.Close() // what it held is let go, whatever it says
		return nil, err
	}
	return l, nil
}

// takeScript takes of each of KEYS what four of ARGV say: how much may be taken at
// once, how many microseconds give one back, how much is wanted, and the milliseconds
// that all of the burst lasts. It answers whether all was taken, and for each key what
// there was room for and how many microseconds were owed, before anything was taken.
// It is limit.Take.Room and Enough, by the server's clock.
//
// A key holds when all is given back, in microseconds since 2026: a double has room for
// a fraction of one. Scripts of Redis before 7 may only write after they asked for the
// time if they hand on what they do.
const takeScript = `
if redis.replicate_commands then redis.replicate_commands() end
local time = redis.call('TIME')
local now = (time[1] - 1767225600) * 1000000 + time[2]
local answer, owed, all = {1}, {}, true
for i, key in ipairs(KEYS) do
  local at = (i - 1) * 4
  local most, interval, amount = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  owed[i] = math.max((tonumber(redis.call('GET', key) or '') or now) - now, 0)
  if owed[i] > most * interval then
    owed[i] = most * interval
    redis.call('SET', key, string.format('%.17g', now + owed[i]), 'PX', ARGV[at + 4])
  end
  local room = math.floor(most - owed[i] / interval + 0.000001)
  if room < math.max(amount, 1) then all = false end
  answer[i * 2] = room
  answer[i * 2 + 1] = string.format('%.17g', owed[i])
end
if not all then
  answer[1] = 0
  return answer
end
for i, key in ipairs(KEYS) do
  local at = (i - 1) * 4
  local amount = tonumber(ARGV[at + 3])
  if amount > 0 then
    redis.call('SET', key, string.format('%.17g', now + owed[i] + amount * ARGV[at + 2]), 'PX', ARGV[at + 4])
  end
end
return answer`

// Take implements limit.Limiter.
func (l *Limiter) Take(ctx context.Context, takes ...limit.Take) ([]limit.Verdict, error) {
	const op = "redis.Take"
	if err := l.open(ctx, op); err != nil {
		return nil, err
	}
	if err := limit.Check(op, takes); err != nil {
		return nil, err
	}
	if len(takes) == 0 {
		return []limit.Verdict{}, nil
	}
	keys, args := make([]string, len(takes)), make([]any, 0, 4*len(takes))
	for i, take := range takes {
		most, interval := take.Rate.Most(), take.Rate.Interval()
		keys[i] = l.prefix + take.Key
		args = append(args, most, strconv.FormatFloat(interval, 'g', -1, 64), take.Amount, int64(float64(most)*interval/1000)+1)
	}
	answer, err := scripts.take.Run(ctx, l.client, keys, args...).Slice()
	if err != nil {
		if done := l.open(ctx, op); done != nil {
			return nil, done
		}
		return nil, classify(op, err)
	}
	return verdicts(op, takes, answer)
}

// verdicts reads what the script answered.
func verdicts(op string, takes []limit.Take, answer []any) ([]limit.Verdict, error) {
	all := make([]limit.Verdict, len(takes))
	if len(answer) != 1+2*len(takes) {
		return nil, fault.New(fault.Unavailable, op, "the limiter answers with %d values", len(answer)).Coded("refused")
	}
	for i, take := range takes {
		room, _ := answer[1+2*i].(int64)
		text, _ := answer[2+2*i].(string)
		owed, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fault.New(fault.Unavailable, op, "the limiter answers with no number").Coded("refused").Because(err)
		}
		all[i] = take.Judge(int(room), owed, answer[0] == int64(1))
	}
	return all, nil
}

// open returns why nothing can be asked.
func (l *Limiter) open(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.closed.Load() {
		return closed(op)
	}
	return nil
}

// Ping returns nil if the server answers.
func (l *Limiter) Ping(ctx context.Context) error {
	const op = "redis.Ping"
	if err := l.open(ctx, op); err != nil {
		return err
	}
	if err := l.client.Ping(ctx).Err(); err != nil {
		if done := l.open(ctx, op); done != nil {
			return done
		}
		return classify(op, err)
	}
	return nil
}

// Close closes all connections.
func (l *Limiter) Close() error {
	if !l.closed.Swap(true) {
		_ = l.client.Close() // what it held is let go, whatever it says
	}
	return nil
}
