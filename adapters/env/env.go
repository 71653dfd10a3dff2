// Package env takes secrets from the environment of the process. Start at [Open].
package env

import (
	"context"
	"os"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
)

// Config says which variables hold secrets.
type Config struct {
	// Prefix stands before the name of each variable: with PORTOLAN_ the secret
	// db-dsn is in PORTOLAN_DB_DSN. Empty is no prefix.
	Prefix string `yaml:"prefix"`
}

// A Source is a secrets.Source over the environment. The variable of a secret
// is the prefix and the name of the secret in capitals, with an underscore for
// each dash and dot: db-dsn is in DB_DSN. A variable that is set and empty is a
// secret that is empty.
type Source struct{ prefix string }

// Open returns a source. It reads nothing yet: each call of Secret sees the
// environment as it is then.
func Open(_ context.Context, cfg Config) (*Source, error) {
	if strings.ContainsAny(cfg.Prefix, "=\x00") {
		return nil, fault.New(fault.Invalid, "env.Open", "the prefix of environment variables holds a = or a NUL")
	}
	return &Source{prefix: cfg.Prefix}, nil
}

// Secret returns the value of the variable, or the field of it that ref names. The
// environment keeps no versions.
func (s *Source) Secret(ctx context.Context, ref secrets.Ref) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := ref.Unversioned("env.Secret", "env"); err != nil {
		return "", err
	}
	name := ref.Name
	variable, ok := s.variable(name)
	if !ok {
		return "", fault.New(fault.Invalid, "env.Secret",
			"the name of a secret has letters, digits, dashes, dots and underscores, which %.60q has not", name)
	}
	value, ok := os.LookupEnv(variable)
	if !ok {
		return "", fault.New(fault.NotFound, "env.Secret", "the environment variable %.60s is not set", variable).
			Hinting("set %.60s to the value of the secret %.60s", variable, name)
	}
	return ref.Of("env.Secret", value)
}

// Close does nothing: there is nothing to let go of.
func (s *Source) Close() error { return nil }

// variable returns the name of the environment variable that holds a secret.
func (s *Source) variable(name string) (string, bool) {
	letter := func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '_':
			return r
		case r == '-', r == '.':
			return '_'
		}
		return -1
	}
	mapped := strings.Map(letter, name)
	return s.prefix + mapped, name != "" && len(mapped) == len(name)
}
