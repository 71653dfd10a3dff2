package env_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/adapters/env"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/ports/secrets/secretstest"
)

func TestSuite(t *testing.T) {
	secretstest.Run(t, func(t *testing.T) secretstest.Harness {
		source, err := env.Open(t.Context(), env.Config{Prefix: "PORTOLAN_ENV_TEST_"})
		if err != nil {
			t.Fatal(err)
		}
		naming := strings.NewReplacer("-", "_")
		return secretstest.Harness{
			Source: source,
			Set: func(ct contract.T, name, value string) {
				variable := "PORTOLAN_ENV_TEST_" + strings.ToUpper(naming.Replace(name))
				if err := os.Setenv(variable, value); err != nil { //nolint:usetesting // it ends with its case, before the test does
					ct.Fatalf("setting %s: %v", variable, err)
				}
				ct.Cleanup(func() { _ = os.Unsetenv(variable) })
			},
		}
	})
}

func TestNames(t *testing.T) {
	t.Setenv("T_DB_DSN", "value")
	t.Setenv("T_EMPTY", "")
	for _, tt := range []struct {
		name string
		want string
		kind fault.Kind
	}{
		{"db-dsn", "value", ""},
		{"db.dsn", "value", ""},
		{"DB_DSN", "value", ""},
		{"empty", "", ""},
		{"db dsn", "", fault.Invalid},
		{"db=dsn", "", fault.Invalid},
		{"größe", "", fault.Invalid},
		{"", "", fault.Invalid},
		{"dsn", "", fault.NotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			source, err := env.Open(t.Context(), env.Config{Prefix: "T_"})
			if err != nil {
				t.Fatal(err)
			}
			got, err := source.Secret(t.Context(), secrets.Ref{Name: tt.name})
			if got != tt.want || fault.KindOf(err) != tt.kind {
				t.Errorf("Secret(%q) = %q, %v; want %q, %q", tt.name, got, err, tt.want, tt.kind)
			}
		})
	}
}

func TestOpenRefusesAPrefixThatNoVariableHas(t *testing.T) {
	if _, err := env.Open(t.Context(), env.Config{Prefix: "A="}); !errors.Is(err, fault.Invalid) {
		t.Errorf("Open = %v, want %s", err, fault.Invalid)
	}
}
