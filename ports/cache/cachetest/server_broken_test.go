package cachetest_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

// A brokenServer is a right server with one thing wrong.
type brokenServer struct {
	name   string
	caught string // the case that must catch it
	with   func(s sharedServer) cache.Server
}

// brokenServers are the mistakes that the suite is known to catch.
var brokenServers = []brokenServer{
	{"another name each time", "Identity", server(func(h *hookedServer) {
		var n atomic.Int64
		h.identity = func(ctx context.Context) (string, error) {
			id, err := h.sharedServer.Identity(ctx)
			return id + strings.Repeat("x", int(n.Add(1))), err
		}
	})},
	{"a long name", "IdentityLength", server(func(h *hookedServer) {
		h.identity = func(context.Context) (string, error) { return strings.Repeat("x", cache.MaxIdentity+1), nil }
	})},
	{"no name", "IdentityLength", server(func(h *hookedServer) {
		h.identity = func(context.Context) (string, error) { return "", nil }
	})},
	{"keeps its name", "IdentityReplaced", alwaysItself},
	{"keeps tokens and values when it is emptied", "Loses", reading(func(ctx context.Context, s cache.Session, collection string, tags []string, name string) (cache.Marks, error) {
		marks, err := s.Read(ctx, collection, tags, name)
		if lost(err) {
			return cache.Marks{Tags: make([]string, len(tags))}, nil
		}
		return marks, err
	})},
	{"sessions of their own", "Bind", func(s sharedServer) cache.Server {
		var n atomic.Int64
		return hookedServer{sharedServer: s, bind: func(identity, epoch string) cache.Session {
			return s.Bind(identity, epoch+strings.Repeat("x", int(n.Add(1))))
		}}
	}},
	{"asks when it binds", "BindAsksNothing", func(s sharedServer) cache.Server {
		return hookedServer{sharedServer: s, bind: func(identity, epoch string) cache.Session {
			if now, err := s.Identity(context.Background()); err != nil || now != identity {
				return nil
			}
			return s.Bind(identity, epoch)
		}}
	}},
	{"any server", "OtherServer", alwaysItself},
	{"fills other servers", "OtherServer", session(func(h *hookedSession) {
		h.fill = func(ctx context.Context, collection, name string, value []byte, ttl time.Duration) error {
			if err := h.Session.Fill(ctx, collection, name, value, ttl); fault.KindOf(err) != fault.Conflict {
				return err
			}
			return nil
		}
	})},
	{"renews anything", "RenewLooks", session(func(h *hookedSession) {
		h.renew = func(ctx context.Context, collections []string, ttl time.Duration) error {
			if len(collections) == 0 {
				return nil
			}
			return h.Session.Renew(ctx, collections, ttl)
		}
	})},
	{"comes back by its third call", "StaysOther", func(s sharedServer) cache.Server {
		return hookedServer{sharedServer: s, bind: func(identity, epoch string) cache.Session {
			h := &hookedSession{Session: s.Bind(identity, epoch)}
			var n atomic.Int64
			h.fill = func(ctx context.Context, collection, name string, value []byte, ttl time.Duration) error {
				if n.Add(1) > 4 {
					return nil
				}
				return h.Session.Fill(ctx, collection, name, value, ttl)
			}
			return h
		}}
	}},
	{"one epoch", "Epochs", func(s sharedServer) cache.Server {
		return hookedServer{sharedServer: s, bind: func(identity, _ string) cache.Session { return s.Bind(identity, "epoch") }}
	}},
	{"one collection", "Collections", renamed(func(string) string { return "one" }, same)},
	{"cuts collections at a brace", "Collections", renamed(func(c string) string { before, _, _ := strings.Cut(c, "}"); return before }, same)},
	{"announces the first", "Announce", session(func(h *hookedSession) {
		h.announce = func(ctx context.Context, collections []string, ttl time.Duration) error {
			return h.Session.Announce(ctx, collections[:min(1, len(collections))], ttl)
		}
	})},
	{"epochs do not end", "AnnounceEnds", session(func(h *hookedSession) {
		h.announce = func(ctx context.Context, collections []string, _ time.Duration) error {
			return h.Session.Announce(ctx, collections, time.Hour)
		}
	})},
	{"renews nothing", "Renew", renewing(func(time.Duration) time.Duration { return 0 })},
	{"renews to the longest", "RenewShorter", renewing(func(ttl time.Duration) time.Duration { return max(ttl, time.Hour) })},
	{"renews by announcing", "RenewLost", session(func(h *hookedSession) {
		h.renew = func(ctx context.Context, collections []string, ttl time.Duration) error {
			err := h.Session.Renew(ctx, collections, ttl)
			if lost(err) {
				_ = h.Session.Announce(ctx, collections, ttl)
			}
			return err
		}
	})},
	{"reads without an epoch", "ReadLost", reading(func(ctx context.Context, s cache.Session, collection string, tags []string, name string) (cache.Marks, error) {
		marks, err := s.Read(ctx, collection, tags, name)
		if len(tags) == 0 && lost(err) {
			return cache.Marks{}, nil
		}
		return marks, err
	})},
	{"fences without an epoch", "FenceLost", fencing(func(ctx context.Context, s cache.Session, collection string, tags []string, fence string) error {
		if err := s.Fence(ctx, collection, tags, fence); !lost(err) {
			return err
		}
		return nil
	})},
	{"marks in the order of the alphabet", "Read", reading(func(ctx context.Context, s cache.Session, collection string, tags []string, name string) (cache.Marks, error) {
		return s.Read(ctx, collection, slices.Sorted(slices.Values(tags)), name)
	})},
	{"one space for tags and names", "Read", func(s sharedServer) cache.Server {
		return reading(func(ctx context.Context, b cache.Session, collection string, tags []string, name string) (cache.Marks, error) {
			marks, err := b.Read(ctx, collection, tags, name)
			for i, tag := range tags {
				if value, _ := b.Read(ctx, collection, nil, tag); value.Value != nil && err == nil {
					marks.Tags[i] = string(value.Value)
				}
			}
			return marks, err
		})(s)
	}},
	{"an empty name is a name", "ReadNoName", reading(func(ctx context.Context, s cache.Session, collection string, tags []string, name string) (cache.Marks, error) {
		marks, err := s.Read(ctx, collection, tags, name)
		if name == "" && err == nil {
			marks.Value = []byte{}
		}
		return marks, err
	})},
	{"ends tags at a zero", "Octets", renamed(same, func(text string) string { before, _, _ := strings.Cut(text, "\x00"); return before })},
	{"tags in small letters", "Octets", renamed(same, strings.ToLower)},
	{"leases what is free of the first only", "Lease", leasing(func(ctx context.Context, s cache.Session, collection string, tags []string, name, token string, within time.Duration) ([]string, bool, error) {
		marks, first, err := s.Lease(ctx, collection, tags[:min(1, len(tags))], name, token, within)
		for len(marks) < len(tags) && err == nil {
			marks = append(marks, token)
		}
		return marks, first, err
	})},
	{"everybody is first", "LeaseFirst", leasing(func(ctx context.Context, s cache.Session, collection string, tags []string, name, token string, within time.Duration) ([]string, bool, error) {
		marks, _, err := s.Lease(ctx, collection, tags, name, token, within)
		return marks, true, err
	})},
	{"a lease does not end", "LeaseFirst", leasing(func(ctx context.Context, s cache.Session, collection string, tags []string, name, token string, _ time.Duration) ([]string, bool, error) {
		return s.Lease(ctx, collection, tags, name, token, time.Hour)
	})},
	{"a token that nobody keeps", "LeaseFull", leasing(func(ctx context.Context, s cache.Session, collection string, tags []string, name, token string, within time.Duration) ([]string, bool, error) {
		marks, first, err := s.Lease(ctx, collection, tags, name, token, within)
		for i := range marks {
			if marks[i] == "" {
				marks[i] = token
			}
		}
		return marks, first, err
	})},
	{"fences the first", "Fence", fencing(func(ctx context.Context, s cache.Session, collection string, tags []string, fence string) error {
		return s.Fence(ctx, collection, tags[:min(1, len(tags))], fence)
	})},
	{"one fence at a time", "Fence", fencing(func(ctx context.Context, s cache.Session, collection string, tags []string, fence string) error {
		for _, tag := range tags {
			marks, _ := s.Read(ctx, collection, []string{tag}, "")
			if len(marks.Tags) == 1 {
				_ = s.Lift(ctx, collection, []string{tag}, cache.Fences(marks.Tags[0]))
			}
		}
		return s.Fence(ctx, collection, tags, fence)
	})},
	{"a fence by the letters in a mark", "FenceAgain", fencing(func(ctx context.Context, s cache.Session, collection string, tags []string, fence string) error {
		marks, err := s.Read(ctx, collection, tags, "")
		if err == nil && len(marks.Tags) > 0 && strings.Contains(marks.Tags[0], fence) {
			return nil
		}
		return s.Fence(ctx, collection, tags, fence)
	})},
	{"a fence is no error if there is no room", "FenceFull", fencing(func(ctx context.Context, s cache.Session, collection string, tags []string, fence string) error {
		if err := s.Fence(ctx, collection, tags, fence); fault.KindOf(err) != fault.Unavailable {
			return err
		}
		return nil
	})},
	{"a fill ends fences", "FenceStays", session(func(h *hookedSession) {
		h.fill = func(ctx context.Context, collection, name string, value []byte, ttl time.Duration) error {
			_ = h.Session.Lift(ctx, collection, []string{name}, []string{"f"})
			return h.Session.Fill(ctx, collection, name, value, ttl)
		}
	})},
	{"lifts the first fence", "Lift", lifting(func(tags, fences []string) ([]string, []string) { return tags, fences[:min(1, len(fences))] })},
	{"lifts of the first tag", "Lift", lifting(func(tags, fences []string) ([]string, []string) { return tags[:min(1, len(tags))], fences })},
	{"an empty fence stays", "Lifted", session(func(h *hookedSession) {
		h.read = func(ctx context.Context, collection string, tags []string, name string) (cache.Marks, error) {
			marks, err := h.Session.Read(ctx, collection, tags, name)
			for i := range marks.Tags {
				if marks.Tags[i] == "" {
					marks.Tags[i] = cache.FenceMark
				}
			}
			return marks, err
		}
	})},
	{"lifts tokens", "LiftNothing", session(func(h *hookedSession) {
		h.lift = func(ctx context.Context, collection string, tags, fences []string) error {
			for _, f := range fences {
				_ = h.Session.Fence(ctx, collection, tags, f)
			}
			return h.Session.Lift(ctx, collection, tags, fences)
		}
	})},
	{"an empty value is none", "Fill", reading(func(ctx context.Context, s cache.Session, collection string, tags []string, name string) (cache.Marks, error) {
		marks, err := s.Read(ctx, collection, tags, name)
		if len(marks.Value) == 0 {
			marks.Value = nil
		}
		return marks, err
	})},
	{"values of 16 bits", "Fill", filling(func(value []byte, ttl time.Duration) ([]byte, time.Duration) {
		return value[:len(value)&0xffff], ttl
	})},
	{"keeps the first", "FillInstead", session(func(h *hookedSession) {
		h.fill = func(ctx context.Context, collection, name string, value []byte, ttl time.Duration) error {
			if marks, err := h.Session.Read(ctx, collection, nil, name); err != nil || marks.Value != nil {
				return err
			}
			return h.Session.Fill(ctx, collection, name, value, ttl)
		}
	})},
	{"values do not end", "FillEnds", filling(func(value []byte, ttl time.Duration) ([]byte, time.Duration) { return value, max(ttl, time.Hour) })},
	{"no ttl is no end", "FillNoTTL", filling(func(value []byte, ttl time.Duration) ([]byte, time.Duration) {
		if ttl <= 0 {
			ttl = time.Hour
		}
		return value, ttl
	})},
	{"keeps the older if the newer has no room", "FillFull", session(func(h *hookedSession) {
		h.fill = func(ctx context.Context, collection, name string, value []byte, ttl time.Duration) error {
			if len(value) > 50_000 {
				return ctx.Err()
			}
			return h.Session.Fill(ctx, collection, name, value, ttl)
		}
	})},
	{"keeps a reference", "FillOwns", keepsReferences},
	{"a step for each tag", "Steps", fencing(func(ctx context.Context, s cache.Session, collection string, tags []string, fence string) error {
		for _, tag := range tags {
			time.Sleep(time.Microsecond)
			if err := s.Fence(ctx, collection, []string{tag}, fence); err != nil {
				return err
			}
		}
		return nil
	})},
	{"fences read and written", "ServerConcurrent", racing},
	{"a session closes the others", "SessionRules", closesOthers},
	{"does not answer", "ServerPing", server(func(h *hookedServer) { h.ping = func(context.Context) error { return errWrong } })},
	{"errors without a kind", "ServerKinds", unkind},
	{"wraps the context's error", "ServerDone", server(func(h *hookedServer) {
		h.identity = func(ctx context.Context) (string, error) {
			id, err := h.sharedServer.Identity(ctx)
			if ctx.Err() != nil {
				err = fault.New(fault.Unavailable, "test", "late").Because(ctx.Err())
			}
			return id, err
		}
	})},
	{"fences with a done context", "ServerDoneDoesNothing", fencing(func(ctx context.Context, s cache.Session, collection string, tags []string, fence string) error {
		if err := s.Fence(context.WithoutCancel(ctx), collection, tags, fence); err != nil {
			return err
		}
		return ctx.Err()
	})},
	{"never closed", "ServerClosed", server(func(h *hookedServer) { h.close = func() error { return nil } })},
	{"says first that it is another", "ServerOrder", saysOtherFirst},
	{"leaves sessions open", "ServerClose", server(func(h *hookedServer) { h.close = func() error { return nil } })},
	{"closed once", "ServerCloseTwice", server(func(h *hookedServer) {
		var n atomic.Int64
		h.close = func() error {
			if n.Add(1) > 1 {
				return errWrong
			}
			return h.sharedServer.Close()
		}
	})},
	{"a session stays open", "SessionClose", session(func(h *hookedSession) { h.close = func() error { return nil } })},
	{"a session is closed once", "SessionCloseTwice", session(func(h *hookedSession) {
		var n atomic.Int64
		h.close = func() error {
			if n.Add(1) > 1 {
				return errWrong
			}
			return h.Session.Close()
		}
	})},
}
