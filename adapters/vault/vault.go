// Package vault takes secrets from a KV engine, version 2, of HashiCorp Vault, and has a
// transit engine encrypt data keys. Start at [OpenTransit] for the latter, and else at
// [Open]; access.go is where Vault is and how it knows the server, session.go how that logs in
// and stays so, errors.go what Vault's answers mean, and refused.go why it did not decrypt.
package vault

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/portolan-io/portolan/adapters/internal/kept"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
)

// Config says where the secrets are, and how Vault is reached and knows the server.
type Config struct {
	Access

	// Mount is where the KV engine is; empty is secret.
	Mount string `yaml:"mount"`

	// Field is the one that is meant by a reference without a field; empty is value.
	Field string `yaml:"field"`

	// Failed is told at most once a minute of what is served though it cannot be read.
	Failed func(error) `yaml:"-"`

	// Now replaces the clock in tests; nil is time.Now.
	Now func() time.Time `yaml:"-"`
}

// A Source is a secrets.Source over one KV engine.
type Source struct {
	*kept.Source
	cfg     Config
	session *session
}

var _ secrets.Source = (*Source)(nil)

// Open returns the source, which logs in with the first secret. The caller closes it.
func Open(_ context.Context, cfg Config) (*Source, error) {
	cfg.Mount, cfg.Field = cmp.Or(cfg.Mount, "secret"), cmp.Or(cfg.Field, "value")
	session, err := cfg.open(cfg.Mount)
	if err != nil {
		return nil, err
	}
	s := &Source{cfg: cfg, session: session}
	s.Source = kept.New(kept.Config{Op: "vault.Secret", Read: s.read, Failed: cfg.Failed, Now: cfg.Now})
	return s, nil
}

// Secret returns the field that ref names, or that of cfg.Field.
func (s *Source) Secret(ctx context.Context, ref secrets.Ref) (string, error) {
	if ref.Field == "" {
		ref.Field = s.cfg.Field
	}
	return s.Source.Secret(ctx, ref)
}

// Close ends the session and forgets what was read. The token stays valid until it ends.
func (s *Source) Close() error {
	s.session.end()
	return s.Source.Close()
}

// names are paths of secrets. A path that climbs, or that Vault would write another way,
// is none.
var names = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*$`)

// read returns the data of the secret as JSON.
func (s *Source) read(ctx context.Context, ref secrets.Ref) (string, error) {
	if !names.MatchString(ref.Name) || len(ref.Name) > 500 {
		return "", fault.New(fault.Invalid, "vault.Secret", "%.60q is no path of a secret", ref.Name).
			Hinting("write letters, digits, dots, dashes and underscores, and slashes between them")
	}
	query := url.Values{}
	if ref.Version != "" {
		if n, err := strconv.Atoi(ref.Version); err != nil || n < 1 {
			return "", fault.New(fault.NotFound, "vault.Secret", "the versions of Vault are numbers from 1, which %.60q is not", ref.Version)
		}
		query.Set("version", ref.Version)
	}
	answer, err := s.session.get(ctx, s.cfg.Mount+"/data/"+ref.Name, query)
	if err != nil {
		return "", err
	}
	if answer == nil || answer.Data["data"] == nil {
		return "", fault.New(fault.NotFound, "vault.Secret", "Vault has no secret %.80s, or not in that version, under %.60s", ref.Name, s.cfg.Mount).
			Hinting("vault kv get -mount=%s %.80s shows it", s.cfg.Mount, ref.Name)
	}
	text, err := json.Marshal(answer.Data["data"])
	if err != nil {
		return "", fault.New(fault.Unavailable, "vault.Secret", "Vault's answer is not that of a KV engine of version 2")
	}
	return string(text), nil
}
