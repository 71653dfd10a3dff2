package core

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
)

// The tags of a collection, of which answers depend on some and a write changes
// some. Every answer depends on bulkTag: a bulk load cannot name what it changes.
const (
	wholeTag = "c" // changed by every write of the collection
	bulkTag  = "b" // changed by bulk loads alone
)

// EveryTag is the tag of a collection on which every answer about it depends.
const EveryTag = bulkTag

// TagScheme says how the tags of the collection are made: processes whose schemes
// of a collection are the same fence, by the tags of a write, what the others keep.
// It has no spaces.
func (c *Collection) TagScheme() string {
	names := make([]string, len(c.Cache.Scopes))
	for i, position := range c.Cache.Scopes {
		names[i] = c.Schema.Fields[position].Name
	}
	return tagVersion + strings.Join(names, ",")
}

// KeysTagScheme is that of API keys, accounts and logins.
const KeysTagScheme = tagVersion

// tagVersion changes with how tags are made.
const tagVersion = "1:"

// recordTag is the tag of what shows one record.
func recordTag(id record.ID) string { return "r/" + string(id) }

// scopeTag is the tag of pages that show only records with this value in the field.
func scopeTag(field string, v record.Value) string {
	return string(record.AppendValue([]byte("s/"+field+"/"), v))
}

// scopeTags appends the tags of the scopes in which a record with these fields lies.
func (c *collection) scopeTags(tags []string, fields []record.Value) []string {
	for _, position := range c.caching.Scopes {
		tags = append(tags, scopeTag(c.Fields[position].Name, fields[position]))
	}
	return tags
}

// left notes the scopes in which a record lay before the batch, by their values
// in the order of the collection's scopes. The record is still as it was then,
// by the precondition of its mutation.
func (b *batch) left(scopes []record.Value) {
	for i, position := range b.c.caching.Scopes {
		b.leaves = append(b.leaves, scopeTag(b.c.Fields[position].Name, scopes[i]))
	}
}

// tags returns what the batch changes: its records, the scopes in which they lie
// before and after, and the collection.
func (b *batch) tags() []string {
	tags := append(make([]string, 0, 1+4*len(b.records)), wholeTag)
	tags = append(tags, b.leaves...)
	if b.was != nil {
		tags = b.c.scopeTags(tags, b.was)
	}
	for _, m := range b.records {
		tags = append(tags, recordTag(m.ID))
		if m.Op == repository.Put {
			tags = b.c.scopeTags(tags, m.Fields)
		}
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

// everything returns the tag of a write that cannot say which records it changes.
func everything() []string { return []string{bulkTag} }

// fenced does a write of the collection behind a fence of the tags. Though it is not
// cached here, another instance may cache it, as while a new configuration replaces
// an old one.
func (a *API) fenced(ctx context.Context, c *collection, tags func() []string, write witnessed) error {
	if a.cache == nil {
		return write(nil)
	}
	return fenced(ctx, a.cache, c.Name, tags(), write)
}

// A witnessed write stores the witness with what it is about, and returns
// errUnwitnessed if it stored nothing because the witness does not hold any more.
type witnessed func(witness []repository.Mutation) error

// errUnwitnessed is that what a fence witnesses ended before the write.
var errUnwitnessed = fault.New(fault.Stale, "core.write", "the fence of the write has ended")

// fenced does the write behind a fence of the tags, and behind another one if that
// ended before the write.
func fenced(ctx context.Context, c cache.Coherent, collection string, tags []string, write witnessed) error {
	for range attempts {
		err := fencedOnce(ctx, c, collection, tags, write)
		if !errors.Is(err, errUnwitnessed) {
			return err
		}
	}
	return busy()
}

// fencedOnce does the write behind one fence. If the cache cannot be told that it
// is done, the write is not acknowledged: somebody may still be answered with what
// was there before.
func fencedOnce(ctx context.Context, c cache.Coherent, collection string, tags []string, write witnessed) error {
	fence, err := c.Fence(ctx, collection, tags)
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // what is stored is published, whoever still waits for it
	returned := false
	defer func() {
		if !returned { // it panicked, and nobody knows how far it came
			_ = fence.Publish(ctx, false)
		}
	}()
	err = write(fence.Witness)
	returned = true
	if errors.Is(err, errUnwitnessed) {
		fence.Abandon()
		return err
	}
	if failed := fence.Publish(ctx, settled(err)); failed != nil && err == nil {
		return fault.New(fault.Unavailable, "core.write", "the write is stored, but the cache could not be told, so others may not see it yet").
			Coded(codeUnpublished).Hinting("send it again with the same Idempotency-Key").Because(failed)
	}
	return err
}

// codeUnpublished is the code of a write that is stored, and not acknowledged.
const codeUnpublished = "unpublished-write"

// settled reports whether it is known what the store made of a write that ended
// with err. A store that says why it did not do a batch, or that the context was
// done first, stored nothing; one that failed may have stored it, or may yet.
func settled(err error) bool {
	var failed *repository.BatchError
	var classified *fault.Error
	switch {
	case err == nil, errors.As(err, &failed):
		return true
	case !errors.As(err, &classified):
		return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	}
	return classified.Kind != fault.Unavailable && classified.Kind != fault.Internal
}
