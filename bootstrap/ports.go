package bootstrap

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"log/slog"
	"regexp"

	"go.uber.org/fx"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/envelope"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
)

// minSecretBytes is the least length of what hashes and signatures are keyed
// with, as RFC 2104 advises for SHA-256.
const minSecretBytes = 32

// graph is everything but the task: from the drivers and the document to the
// server. fx opens of it what the task needs.
func graph(ctx context.Context, doc *document, drivers []Driver, env environment, opened *closers) fx.Option {
	options := []fx.Option{
		fx.Supply(doc, env, opened, fx.Annotate(ctx, fx.As(new(context.Context)))),
		fx.Provide(openSettings, openTelemetry, openKeys, openRepository, openCache, openAuth, openProviders, openLimits, newCore, newLog, openUploads, openAudit, openCertificate, newGeneration),
	}
	for _, driver := range drivers {
		options = append(options, fx.Supply(fx.Annotate(driver, fx.ResultTags(`group:"drivers"`))))
	}
	return fx.Options(options...)
}

// unopened are the drivers of the table and those that a third party adds.
type unopened struct {
	fx.In
	Drivers []Driver `group:"drivers"`
}

// openSettings reads the document, opens the secrets port, and reads the
// document again with what the secrets hold.
func openSettings(ctx context.Context, doc *document, all unopened, env environment, to logTo, opened *closers) (*settings, error) {
	if err := checkDrivers(all.Drivers); err != nil {
		return nil, err
	}
	s, err := doc.read(all.Drivers, env, nil)
	if err != nil {
		return nil, err
	}
	if _, err := s.collections(); err != nil {
		return nil, err
	}
	var source secrets.Source
	if s.Secrets.given() {
		log := newLog(s, to)
		s.secrets.telling(func(err error) {
			why := fault.Of(err)
			log.Warn("a secret cannot be read again, and what it was serves meanwhile", "code", why.Code, "error", why.Detail, "cause", why.Cause, "hint", why.Hint)
		})
		if source, err = lendDriver[secrets.Source](ctx, opened, s.secrets); err != nil {
			return nil, err
		}
		watcher, err := laterWatcher(opened)
		if err != nil {
			return nil, err
		}
		source = layer.TraceSecrets(source, watcher)
	}
	var first secrets.Value
	bind := binder(ctx, source)
	s, err = doc.read(all.Drivers, env, func(ref secrets.Ref) (secrets.Value, string, error) {
		value, now, err := bind(ref)
		if first == nil {
			first = value
		}
		return value, now, err
	})
	if s != nil {
		s.secret = first
	}
	return s, err
}

// binder returns what binds references to the secrets of the source. It asks for
// each at once, so that one which is not there stops the start.
func binder(ctx context.Context, source secrets.Source) binding {
	return func(ref secrets.Ref) (secrets.Value, string, error) {
		if source == nil {
			return nil, "", fault.New(fault.Invalid, "bootstrap.secrets", "no secrets port is configured; write secrets: {driver: env}, for one")
		}
		now, err := source.Secret(ctx, ref)
		return func(ctx context.Context) (string, error) { return source.Secret(ctx, ref) }, now, err
	}
}

// unwatched is the store without a trace, for what asks it every second.
type unwatched struct{ repository.Store }

// openRepository opens the store, and returns what can be asked of it beyond the
// contract too, because layers do not pass that on.
func openRepository(ctx context.Context, s *settings, sealer *envelope.Sealer, w *watching, opened *closers) (*layer.Encrypted, unwatched, inspector, error) {
	store, err := lendDriver[repository.Store](ctx, opened, s.repository)
	if err != nil {
		return nil, unwatched{}, inspector{}, err
	}
	w.watchPools(store)
	return layer.Encrypt(layer.Trace(store, w), sealer), unwatched{store}, inspectorOf(store), nil
}

func openAuth(ctx context.Context, s *settings, opened *closers) ([]auth.Authenticator, error) {
	var all []auth.Authenticator
	for _, driver := range s.auth {
		authenticator, err := lendDriver[auth.Authenticator](ctx, opened, driver)
		if err != nil {
			return nil, err
		}
		all = append(all, authenticator)
	}
	return all, nil
}

// A served is the API with who may use it.
type served struct {
	settings *settings
	store    *layer.Encrypted
	tables   inspector
	cache    caches
	api      *core.API
	identity *core.Identity
	rereads  *core.Rereads  // nil without a cache
	accounts *core.Accounts // nil if there are none here
	oauth    signingIn
	issuer   issuing // nil if none of the authenticators makes tokens

	elsewhere *core.AccountsElsewhere // nil if there are none there
	unsigned  bool                    // whatever tokens say is believed
}

func newCore(ctx context.Context, s *settings, store *layer.Encrypted, sealer *envelope.Sealer, tables inspector, kept caches, authenticators []auth.Authenticator, providers signingIn, l limiting, w *watching, opened *closers, log *slog.Logger) (*served, error) {
	cursorKey, err := lentKey(ctx, opened, "service.cursor_key", s.Service.CursorKey)
	if err != nil {
		return nil, err
	}
	s.revisionKey = derivedKey(cursorKey, "revisions")
	collections, err := s.collections()
	if err != nil {
		return nil, err
	}
	config := core.Config{CursorKey: cursorKey, Store: store, Sealer: sealer, Cache: kept.coherent, CacheShared: kept.many && !s.NearCache.given(), Collections: collections}
	if config.CursorKeys, err = s.otherCursorKeys(ctx); err != nil {
		return nil, err
	}
	if config.Pepper, config.Peppers, err = s.peppers(ctx, opened, log); err != nil {
		return nil, err
	}
	config.Rereads = newRereads(s, w, log)
	api, err := core.New(config)
	if err != nil {
		return nil, err
	}
	issuer, unsigned := issuerOf(authenticators), believed(authenticators)
	elsewhere, err := newElsewhere(ctx, s, directoryOf(s, authenticators), l.limiter, opened, log)
	if err != nil {
		return nil, err
	}
	used, err := usageOf(opened)
	if err != nil {
		return nil, err
	}
	identity := core.NewIdentity(config, s.layered(authenticators, w, used))
	accounts, err := newAccounts(ctx, s, api, identity, issuer, l.limiter, opened, log)
	if err != nil {
		return nil, err
	}
	return &served{
		settings: s, store: store, tables: tables, cache: kept, api: api,
		identity: identity, rereads: config.Rereads, accounts: accounts, issuer: issuer, oauth: providers, elsewhere: elsewhere, unsigned: unsigned,
	}, nil
}

// layered returns the authenticators with what they recognised remembered, where that
// may be, and beneath that counted and noted, so that metrics count what is verified.
func (s *settings) layered(authenticators []auth.Authenticator, w *watching, used *usage) []auth.Authenticator {
	all := make([]auth.Authenticator, len(authenticators))
	for i, authenticator := range authenticators {
		all[i] = layer.TraceAuth(layer.NoteAuth(authenticator, used.of(s.auth[i].key())), w)
		if asked, ok := authenticator.(interface{ Revocable() bool }); !ok || !asked.Revocable() {
			all[i] = layer.Remember(all[i], nil)
		}
	}
	return all
}

// believed reports whether one of the authenticators takes tokens that nobody signed.
func believed(authenticators []auth.Authenticator) bool {
	for _, each := range authenticators {
		if emulated, ok := each.(interface{ Unsigned() bool }); ok && emulated.Unsigned() {
			return true
		}
	}
	return false
}

// pepper returns what keys the hashes of API keys. Where a key is made at every
// start and no pepper is given, one lives as long as the process.
func (s *settings) pepper() secrets.Value {
	if s.Service.KeyPepper == nil && s.Development.AdminKey {
		return secrets.Fixed(rand.Text() + rand.Text())
	}
	return s.Service.KeyPepper
}

// peppers returns pepper, the same for as long as the process lives if it is made here, and
// those that are accepted beside it. All of them may rotate.
func (s *settings) peppers(ctx context.Context, opened *closers, log *slog.Logger) (secrets.Value, []secrets.Value, error) {
	if s.Service.KeyPepper == nil {
		if len(s.Service.OtherKeyPeppers) > 0 {
			return nil, nil, fault.New(fault.Invalid, "bootstrap.newCore", "service.other_key_peppers is given, but no key_pepper").
				Hinting("write key_pepper: secret://name, which new keys are made under")
		}
		made, err := lend(opened, "pepper", func(*closers) (secrets.Value, error) { return s.pepper(), nil })
		return made, nil, err
	}
	counts, err := rotate(ctx, "service.key_pepper", s.Service.KeyPepper, log)
	if err != nil {
		return nil, nil, err
	}
	var others []secrets.Value
	for i, value := range s.Service.OtherKeyPeppers {
		other, err := rotate(ctx, join("service.other_key_peppers", index(i)), value, log)
		if err != nil {
			return nil, nil, err
		}
		other.ended = true
		others = append(others, other.value)
	}
	return counts.value, others, nil
}

// otherCursorKeys returns the keys that cursors may be signed with as well, as they are now.
func (s *settings) otherCursorKeys(ctx context.Context) ([][]byte, error) {
	var others [][]byte
	for i, value := range s.Service.OtherCursorKeys {
		key, err := keyOf(ctx, join("service.other_cursor_keys", index(i)), value)
		if err != nil {
			return nil, err
		}
		others = append(others, key)
	}
	return others, nil
}

// lentKey is keyOf, but of no key one that lives as long as the process.
func lentKey(ctx context.Context, opened *closers, path string, value secrets.Value) ([]byte, error) {
	if value != nil {
		return keyOf(ctx, path, value)
	}
	return lend(opened, path, func(*closers) ([]byte, error) {
		key := make([]byte, minSecretBytes)
		_, _ = rand.Read(key) // it never fails
		return key, nil
	})
}

// derivedKey returns a key for another purpose than that of the key that it is made of.
func derivedKey(key []byte, purpose string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("portolan " + purpose)) // which never fails
	return mac.Sum(nil)
}

// keyOf returns the octets of a key now, nil if there is none. One that is short
// could be guessed.
func keyOf(ctx context.Context, path string, value secrets.Value) ([]byte, error) {
	if value == nil {
		return nil, nil
	}
	text, err := value(ctx)
	if err != nil {
		return nil, err
	}
	if len(text) < minSecretBytes {
		return nil, fault.New(fault.Invalid, "bootstrap.newCore", "%s has %d octets, but must have %d or more", path, len(text), minSecretBytes).
			Hinting(makeKey)
	}
	if guessable(text) {
		return nil, fault.New(fault.Invalid, "bootstrap.newCore", "%s is an example or a pattern, which anybody can guess", path).
			Hinting(makeKey)
	}
	return []byte(text), nil
}

// makeKey says where a key comes from.
const makeKey = "make one with openssl rand -base64 32, and keep it where secrets are kept"

// examples are parts of keys that stand in documentation, to be replaced.
var examples = regexp.MustCompile(`(?i)change[-_ ]?(me|this|it)|replace[-_ ]?(me|this|with)|your[-_ ]|example|placeholder|insert[-_ ]|0123456789|abcdefghij|secret[-_ ]?key|s3cret|supersecret`)

// leastOctets are how many different octets a random key of 32 or more has: of one in
// hexadecimal digits, fewer come in one of a hundred million.
const leastOctets = 8

// guessable reports whether a key is an example, or too regular to be random.
func guessable(key string) bool {
	different := map[byte]bool{}
	for i := range len(key) {
		different[key[i]] = true
	}
	return len(different) < leastOctets || examples.MatchString(key)
}
