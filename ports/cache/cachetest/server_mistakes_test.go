package cachetest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

// session changes each session by setting hooks.
func session(change func(h *hookedSession)) func(s sharedServer) cache.Server {
	return func(s sharedServer) cache.Server {
		return hookedServer{sharedServer: s, bind: func(identity, epoch string) cache.Session {
			h := &hookedSession{Session: s.Bind(identity, epoch)}
			change(h)
			return h
		}}
	}
}

// server changes the server by setting hooks.
func server(change func(h *hookedServer)) func(s sharedServer) cache.Server {
	return func(s sharedServer) cache.Server {
		h := hookedServer{sharedServer: s}
		change(&h)
		return h
	}
}

// renamed has every tag and name, and every collection, taken for another text.
func renamed(collection, text func(string) string) func(s sharedServer) cache.Server {
	each := func(tags []string) []string {
		taken := make([]string, len(tags))
		for i, tag := range tags {
			taken[i] = text(tag)
		}
		return taken
	}
	return session(func(h *hookedSession) {
		s := h.Session
		all := func(collections []string) []string {
			taken := slices.Clone(collections)
			for i := range taken {
				taken[i] = collection(taken[i])
			}
			return taken
		}
		h.announce = func(ctx context.Context, collections []string, ttl time.Duration) error {
			return s.Announce(ctx, all(collections), ttl)
		}
		h.renew = func(ctx context.Context, collections []string, ttl time.Duration) error {
			return s.Renew(ctx, all(collections), ttl)
		}
		h.read = func(ctx context.Context, c string, tags []string, name string) (cache.Marks, error) {
			return s.Read(ctx, collection(c), each(tags), text(name))
		}
		h.lease = func(ctx context.Context, c string, tags []string, name, token string, within time.Duration) ([]string, bool, error) {
			return s.Lease(ctx, collection(c), each(tags), text(name), token, within)
		}
		h.fill = func(ctx context.Context, c, name string, value []byte, ttl time.Duration) error {
			return s.Fill(ctx, collection(c), text(name), value, ttl)
		}
		h.fence = func(ctx context.Context, c string, tags []string, fence string) error {
			return s.Fence(ctx, collection(c), each(tags), fence)
		}
		h.lift = func(ctx context.Context, c string, tags, fences []string) error {
			return s.Lift(ctx, collection(c), each(tags), fences)
		}
	})
}

func same(text string) string { return text }

// errWrong is an error without a kind.
var errWrong = errors.New("something is wrong")

// lost reports whether the error says that the epoch is lost.
func lost(err error) bool { return err != nil && fault.Of(err).Code == cache.EpochLost }

// filling changes what is filled.
func filling(change func(value []byte, ttl time.Duration) ([]byte, time.Duration)) func(s sharedServer) cache.Server {
	return session(func(h *hookedSession) {
		h.fill = func(ctx context.Context, collection, name string, value []byte, ttl time.Duration) error {
			value, ttl = change(value, ttl)
			return h.Session.Fill(ctx, collection, name, value, ttl)
		}
	})
}

// fencing changes what is fenced.
func fencing(change func(ctx context.Context, s cache.Session, collection string, tags []string, fence string) error) func(s sharedServer) cache.Server {
	return session(func(h *hookedSession) {
		h.fence = func(ctx context.Context, collection string, tags []string, fence string) error {
			return change(ctx, h.Session, collection, tags, fence)
		}
	})
}

// reading changes what is read.
func reading(change func(ctx context.Context, s cache.Session, collection string, tags []string, name string) (cache.Marks, error)) func(s sharedServer) cache.Server {
	return session(func(h *hookedSession) {
		h.read = func(ctx context.Context, collection string, tags []string, name string) (cache.Marks, error) {
			return change(ctx, h.Session, collection, tags, name)
		}
	})
}

// alwaysItself has one name, whatever becomes of it, and takes any for its own.
func alwaysItself(s sharedServer) cache.Server {
	return hookedServer{
		sharedServer: s,
		identity:     func(ctx context.Context) (string, error) { return "itself", ctx.Err() },
		bind: func(_, epoch string) cache.Session {
			now, _ := s.Identity(context.Background())
			return s.Bind(now, epoch)
		},
	}
}

func renewing(taken func(ttl time.Duration) time.Duration) func(s sharedServer) cache.Server {
	return session(func(h *hookedSession) {
		h.renew = func(ctx context.Context, collections []string, ttl time.Duration) error {
			if ttl = taken(ttl); ttl == 0 {
				return nil
			}
			return h.Session.Renew(ctx, collections, ttl)
		}
	})
}

func leasing(change func(ctx context.Context, s cache.Session, collection string, tags []string, name, token string, within time.Duration) ([]string, bool, error)) func(s sharedServer) cache.Server {
	return session(func(h *hookedSession) {
		h.lease = func(ctx context.Context, collection string, tags []string, name, token string, within time.Duration) ([]string, bool, error) {
			return change(ctx, h.Session, collection, tags, name, token, within)
		}
	})
}

func lifting(taken func(tags, fences []string) ([]string, []string)) func(s sharedServer) cache.Server {
	return session(func(h *hookedSession) {
		h.lift = func(ctx context.Context, collection string, tags, fences []string) error {
			tags, fences = taken(tags, fences)
			return h.Session.Lift(ctx, collection, tags, fences)
		}
	})
}

// keepsReferences answers with the very octets that it was given.
func keepsReferences(s sharedServer) cache.Server {
	var mu sync.Mutex
	kept := make(map[string][]byte)
	return session(func(h *hookedSession) {
		h.fill = func(ctx context.Context, collection, name string, value []byte, ttl time.Duration) error {
			mu.Lock()
			defer mu.Unlock()
			kept[name] = value
			return h.Session.Fill(ctx, collection, name, value, ttl)
		}
		h.read = func(ctx context.Context, collection string, tags []string, name string) (cache.Marks, error) {
			mu.Lock()
			defer mu.Unlock()
			marks, err := h.Session.Read(ctx, collection, tags, name)
			if marks.Value != nil {
				marks.Value = kept[name]
			}
			return marks, err
		}
	})(s)
}

// racing writes the fences that it has read anew.
func racing(s sharedServer) cache.Server {
	return session(func(h *hookedSession) {
		h.lift = func(ctx context.Context, collection string, tags, fences []string) error {
			for _, tag := range tags {
				marks, err := h.Session.Read(ctx, collection, []string{tag}, "")
				if err != nil {
					return err
				}
				standing := cache.Fences(marks.Tags[0])
				time.Sleep(10 * time.Microsecond)
				_ = h.Session.Lift(ctx, collection, []string{tag}, append(fences, "fence0", "fence1", "fence2", "fence3", "fence4", "fence5", "fence6", "fence7"))
				for _, f := range standing {
					if !slices.Contains(fences, f) {
						_ = h.Session.Fence(ctx, collection, []string{tag}, f)
					}
				}
			}
			return nil
		}
	})(s)
}

// closesOthers closes all sessions with one.
func closesOthers(s sharedServer) cache.Server {
	return session(func(h *hookedSession) { h.close = s.Close })(s)
}

// unkind returns what has no kind when it does not know the epoch.
func unkind(s sharedServer) cache.Server {
	return reading(func(ctx context.Context, s cache.Session, collection string, tags []string, name string) (cache.Marks, error) {
		marks, err := s.Read(ctx, collection, tags, name)
		if lost(err) {
			err = errWrong
		}
		return marks, err
	})(s)
}

// saysOtherFirst says that it is another before that it is closed.
func saysOtherFirst(s sharedServer) cache.Server {
	var id string
	return hookedServer{sharedServer: s, bind: func(identity, epoch string) cache.Session {
		if id == "" {
			id, _ = s.Identity(context.Background())
		}
		b := s.Bind(identity, epoch)
		return &hookedSession{Session: b, read: func(ctx context.Context, collection string, tags []string, name string) (cache.Marks, error) {
			marks, err := b.Read(ctx, collection, tags, name)
			if identity != id && ctx.Err() == nil {
				err = fault.New(fault.Conflict, "test", "another").Coded(cache.OtherServer)
			}
			return marks, err
		}}
	}}
}
