package redis

import (
	"context"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

// Read implements cache.Session by one MGET of the epoch, the marks and the value,
// which is one step. It is what a hit costs.
func (s *session) Read(ctx context.Context, collection string, tags []string, name string) (cache.Marks, error) {
	const op = "redis.Read"
	if err := s.open(ctx, op); err != nil {
		return cache.Marks{}, err
	}
	get := goredis.NewSliceCmd(ctx, s.namer.wanted(collection, tags, name)...)
	if err := s.client.Process(ctx, get); err != nil {
		return cache.Marks{}, s.failed(ctx, op, err)
	}
	got := get.Val()
	if len(got) <= len(tags) {
		return cache.Marks{}, fault.New(fault.Unavailable, op, "the cache answers with %d values", len(got)).Coded("refused")
	}
	if got[0] == nil {
		return cache.Marks{}, epochLost(op, collection)
	}
	marks := cache.Marks{Tags: make([]string, len(tags))}
	for i := range tags {
		marks.Tags[i], _ = got[1+i].(string) // nil is no mark
	}
	if len(got) > 1+len(tags) {
		if value, kept := got[1+len(tags)].(string); kept {
			marks.Value = []byte(value)
		}
	}
	return marks, nil
}

// wanted returns the command that reads. All keys but that of the epoch, which is kept
// and says where in a cluster it goes, are parts of one text and passed as pointers: a
// text that becomes an any is copied to the heap.
func (n namer) wanted(collection string, tags []string, name string) []any {
	of := n.bases.Get(collection)
	size := (len(tags)+1)*(len(of.base)+1) + len(name)
	for _, tag := range tags {
		size += len(tag)
	}
	var all strings.Builder
	all.Grow(size)
	keys := make([]string, 0, len(tags)+1)
	args := make([]any, 2, len(tags)+3)
	args[0], args[1] = "MGET", of.epoch
	add := func(kind byte, text string) {
		begin := all.Len()
		all.WriteString(of.base)
		all.WriteByte(kind)
		all.WriteString(text)
		keys = append(keys, all.String()[begin:])
		args = append(args, &keys[len(keys)-1])
	}
	for _, tag := range tags {
		add(ofTag, tag)
	}
	if name != "" {
		add(ofName, name)
	}
	return args
}
