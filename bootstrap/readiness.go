package bootstrap

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/portolan-io/portolan/adapters/httpapi"
	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
)

// A usage is how the last call of each adapter went that is not asked how it is. It outlives
// a reload, as the adapters may. It is safe for concurrent use.
type usage struct{ adapters sync.Map }

// usageOf returns the usage of the process.
func usageOf(opened *closers) (*usage, error) {
	return lend(opened, "usage", func(*closers) (*usage, error) { return &usage{}, nil })
}

// of returns what is noted of the adapter, which the key of its driver names.
func (u *usage) of(key string) *layer.Lately {
	noted, _ := u.adapters.LoadOrStore(key, &layer.Lately{})
	return noted.(*layer.Lately)
}

// port returns a port that is told of by how its last call went.
func (u *usage) port(name, driver, key string) httpapi.Port {
	lately := u.of(key)
	return httpapi.Port{Name: name, Driver: driver, Last: calling(lately.Last), Failed: calling(lately.Failed)}
}

// patience is how long a port may take to say how it is.
const patience = 2 * time.Second

// asked returns a port that is asked how it is by whoever wants to know: what it failed with last is what
// any of them met, also one that did not wait for it, as probes have less patience.
func (u *usage) asked(name, driver, key string, ping func(context.Context) error) httpapi.Port {
	lately := u.of(key)
	return httpapi.Port{Name: name, Driver: driver, Failed: calling(lately.Failed), Ping: func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		begun := time.Now()
		err := ping(ctx)
		lately.NoteOwn(begun, err)
		return err
	}}
}

// calling returns call as /readyz tells of it.
func calling(call func() layer.Call) func() httpapi.Call {
	return func() httpapi.Call { return httpapi.Call(call()) }
}

// undelivered is for how long telemetry that was not delivered is told of: what is delivered
// is so at least once a minute.
const undelivered = 2 * time.Minute

// delivering returns an observer as a port that is failing while what it should deliver is
// not. Of it nothing is noted but what failed.
func delivering(name, driver string, failed *layer.Lately) httpapi.Port {
	return httpapi.Port{Name: name, Driver: driver, Failed: calling(failed.Failed), Ping: func(context.Context) error {
		if last := failed.Failed(); time.Since(last.At) < undelivered {
			return last.Err
		}
		return nil
	}}
}

// needed returns the ports without which the server is not ready.
func (s *served) needed(used *usage) []httpapi.Port {
	driver, key := s.settings.Repository.Driver, s.settings.repository.key()
	fits := &fitting{store: s.store, collections: s.api.Schemas()}
	return []httpapi.Port{used.asked("repository", driver, key, s.store.Ping), used.asked("migrations", driver, "migrations "+key, fits.ping)}
}

// optional returns the ports without which requests are answered all the same, or most of
// them.
func (s *served) optional(l limiting, noted *auditing, w *watching, used *usage) []httpapi.Port {
	var ports []httpapi.Port
	if s.cache.ping != nil {
		ports = append(ports, used.asked("cache", s.settings.Cache.Driver, s.settings.cache.key(), s.cache.ping))
	}
	if s.settings.secret != nil {
		ports = append(ports, used.asked("secrets", s.settings.Secrets.Driver, s.settings.secrets.key(), func(ctx context.Context) error {
			_, err := s.settings.secret(ctx)
			return err
		}))
	}
	if l.ping != nil {
		ports = append(ports, used.asked("limit", s.settings.Limit.Driver, s.settings.limit.key(), l.ping))
	}
	for i, driver := range s.settings.auth {
		ports = append(ports, used.port(join("auth", index(i)), driver.name, driver.key()))
	}
	for _, name := range slices.Sorted(maps.Keys(s.oauth)) {
		ports = append(ports, used.port(oauthKey(name), "oauth", oauthKey(name)))
	}
	if s.settings.Keys.given() {
		ports = append(ports, used.port("keys", s.settings.keys.name, s.settings.keys.key()))
	}
	if s.settings.Mail.given() {
		ports = append(ports, used.port("mail", s.settings.mail.name, s.settings.mail.key()))
	}
	if noted.to != nil {
		ports = append(ports, used.port("audit", "file", auditKey(s.settings)))
	}
	return append(ports, w.ports...)
}

// oauthKey names a provider where people sign in.
func oauthKey(name string) string { return join("accounts.oauth", name) }

// notedProvider is a provider with its calls noted.
type notedProvider struct {
	httpapi.Provider
	lately *layer.Lately
}

func (n notedProvider) Begin(ctx context.Context, attempt auth.Attempt) (string, error) {
	begun := time.Now()
	to, err := n.Provider.Begin(ctx, attempt)
	n.lately.Note(begun, err)
	return to, err
}

func (n notedProvider) Finish(ctx context.Context, attempt auth.Attempt, back auth.Return) (policy.Principal, error) {
	begun := time.Now()
	who, err := n.Provider.Finish(ctx, attempt, back)
	n.lately.Note(begun, err)
	return who, err
}
