package redis

import (
	"context"
	"slices"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

// What needs more than a command is a script, which Redis runs as one step. It is
// called by its hash, and sent whole where the server does not know it (yet).
// Whether there is room is decided at the first write of a script: what begins to
// write is written.

// fenceScript adds ARGV[1] to the marks KEYS[2…], if the epoch KEYS[1] is known.
// A fence has no end: SET takes away that of a token.
const fenceScript = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for i = 2, #KEYS do
  local mark = redis.call('GET', KEYS[i])
  if not mark or string.sub(mark, 1, 1) ~= '!' then
    redis.call('SET', KEYS[i], '!' .. ARGV[1])
  elseif not string.find(',' .. string.sub(mark, 2) .. ',', ',' .. ARGV[1] .. ',', 1, true) then
    redis.call('SET', KEYS[i], mark .. ',' .. ARGV[1])
  end
end
return 1`

// liftScript takes ARGV[…] from the marks KEYS[…]. It deletes before it shortens,
// because a full server takes what comes after.
const liftScript = `
local lifted, keys, marks = {}, {}, {}
for _, fence in ipairs(ARGV) do lifted[fence] = true end
for _, key in ipairs(KEYS) do
  local mark = redis.call('GET', key)
  if mark and string.sub(mark, 1, 1) == '!' then
    local left, fewer = {}, false
    for fence in string.gmatch(string.sub(mark, 2), '[^,]+') do
      if lifted[fence] then fewer = true else left[#left + 1] = fence end
    end
    if #left == 0 then
      redis.call('DEL', key)
    elseif fewer then
      keys[#keys + 1] = key
      marks[#marks + 1] = '!' .. table.concat(left, ',')
    end
  end
end
for i, key in ipairs(keys) do redis.call('SET', key, marks[i]) end
return 1`

// leaseScript gives the token ARGV[1] to those of KEYS[3…] without a mark, for
// ARGV[3] ms, and keeps all marks under KEYS[1] for ARGV[2] ms if they are not what is
// kept there. It returns whether that was so, and the marks. A full server gives no
// tokens, and none gives one twice: a call whose answer was lost is sent again in a
// cluster, and what was filled meanwhile may have been written since. KEYS[2] tells.
const leaseScript = `
local function keep(key, text, ms)
  local kept = redis.pcall('SET', key, text, 'PX', ms)
  if kept.err and not string.find(kept.err, 'OOM', 1, true) then return false, kept end
  return not kept.err
end
local answer, fresh = {0}, nil
for i = 3, #KEYS do
  local mark = redis.call('GET', KEYS[i])
  if not mark then
    if fresh == nil then
      local noted = redis.pcall('SET', KEYS[2], '1', 'NX', 'PX', 60000)
      if noted and noted.err and not string.find(noted.err, 'OOM', 1, true) then return noted end
      fresh = noted and not noted.err
    end
    local kept, failed = false, nil
    if fresh then kept, failed = keep(KEYS[i], ARGV[1], ARGV[3]) end
    if failed then return failed end
    mark = kept and ARGV[1] or ''
  end
  answer[i - 1] = mark
end
local marks = table.concat(answer, '\n', 2)
if redis.call('GET', KEYS[1]) ~= marks then
  answer[1] = 1
  if ARGV[2] ~= '0' then
    local _, failed = keep(KEYS[1], marks, ARGV[2])
    if failed then return failed end
  end
end
return answer`

// scripts are what the server knows by its hash.
var scripts = struct{ fence, lift, lease, take *goredis.Script }{
	goredis.NewScript(fenceScript), goredis.NewScript(liftScript), goredis.NewScript(leaseScript), goredis.NewScript(takeScript),
}

// Fence implements cache.Session.
func (s *session) Fence(ctx context.Context, collection string, tags []string, fence string) error {
	const op = "redis.Fence"
	if err := s.open(ctx, op); err != nil {
		return err
	}
	known, err := scripts.fence.Run(ctx, s.client, keys(s.namer.base(collection), ofEpoch, "", tags), fence).Int()
	if err != nil {
		return s.failed(ctx, op, err)
	}
	if known == 0 {
		return epochLost(op, collection)
	}
	return nil
}

// Lift implements cache.Session.
func (s *session) Lift(ctx context.Context, collection string, tags, fences []string) error {
	const op = "redis.Lift"
	if err := s.open(ctx, op); err != nil || len(tags) == 0 || len(fences) == 0 {
		return err
	}
	lifted := make([]any, len(fences))
	for i, fence := range fences {
		lifted[i] = fence
	}
	marks := keys(s.namer.base(collection), ofTag, tags[0], tags[1:])
	return s.failed(ctx, op, scripts.lift.Run(ctx, s.client, marks, lifted...).Err())
}

// Lease implements cache.Session.
func (s *session) Lease(ctx context.Context, collection string, tags []string, name, token string, within time.Duration) (marks []string, first bool, err error) {
	const op = "redis.Lease"
	if err := s.open(ctx, op); err != nil {
		return nil, false, err
	}
	var ms int64
	if within > 0 {
		ms = milliseconds(within).Milliseconds()
	}
	base := s.namer.base(collection)
	wanted := keys(base, ofLease, name, tags)
	wanted = slices.Insert(wanted, 1, key(base, ofLease, name+"\x00"+token))
	answer, err := scripts.lease.Run(ctx, s.client, wanted, token, ms, cache.TokenTTL.Milliseconds()).Slice()
	if err != nil {
		return nil, false, s.failed(ctx, op, err)
	}
	if len(answer) != 1+len(tags) {
		return nil, false, fault.New(fault.Unavailable, op, "the cache answers with %d values", len(answer)).Coded("refused")
	}
	marks = make([]string, len(tags))
	for i := range marks {
		marks[i], _ = answer[1+i].(string)
	}
	return marks, answer[0] == int64(1), nil
}
