// Package vault takes secrets from a KV engine, version 2, of HashiCorp Vault, and has a
// transit engine encrypt data keys. Start at [OpenTransit] for the latter, and else at
// [Open]; session.go is how it logs in and stays so, and errors.go what Vault's answers
// mean.
package vault

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/portolan-io/portolan/adapters/internal/kept"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
)

// Config says where Vault is, and how it knows the server.
type Config struct {
	// Address is the URL of Vault, such as https://vault.example.com:8200; required.
	// Only on this machine, as that of an agent is, may it begin with http.
	Address string `yaml:"address"`

	// Namespace is that of Vault Enterprise or HCP; empty is the root.
	Namespace string `yaml:"namespace"`

	// Mount is where the KV engine is; empty is secret.
	Mount string `yaml:"mount"`

	// Field is the one that is meant by a reference without a field; empty is value.
	Field string `yaml:"field"`

	// CAFile names a file with the certificates, in PEM, of those who may sign Vault's;
	// empty are those that the system trusts.
	CAFile string `yaml:"ca_file"`

	// Login is how: by a token, or by approle, kubernetes or jwt for a token that lasts
	// a while; required.
	Login string `yaml:"login" jsonschema:"enum=token,enum=approle,enum=kubernetes,enum=jwt"`

	// AuthMount is where the login method is mounted; empty is its name.
	AuthMount string `yaml:"auth_mount"`

	// Token is the token itself, of the login by token, as ${VAULT_TOKEN}.
	Token secrets.Value `yaml:"token"`

	// TokenFile names a file with the token, which is read again when the token has ended.
	TokenFile string `yaml:"token_file"`

	// Role is the role of the login by kubernetes or jwt.
	Role string `yaml:"role"`

	// JWTFile names the file with the token to log in with, which is read at each login;
	// empty is that of the Kubernetes service account.
	JWTFile string `yaml:"jwt_file"`

	// RoleID is the role of the login by approle.
	RoleID string `yaml:"role_id"`

	// SecretID is the secret of that role, as ${VAULT_SECRET_ID}.
	SecretID secrets.Value `yaml:"secret_id"`

	// SecretIDFile names a file with the secret of that role, which is read at each login.
	SecretIDFile string `yaml:"secret_id_file"`

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
	cfg.complete()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	client, err := cfg.client()
	if err != nil {
		return nil, err
	}
	s := &Source{cfg: cfg, session: newSession(cfg, client)}
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

func (cfg *Config) complete() {
	for _, setting := range []struct {
		value *string
		empty string
	}{
		{&cfg.Mount, "secret"}, {&cfg.Field, "value"}, {&cfg.AuthMount, cfg.Login},
		{&cfg.JWTFile, "/var/run/secrets/kubernetes.io/serviceaccount/token"},
	} {
		if *setting.value == "" {
			*setting.value = setting.empty
		}
	}
}

// mounts are paths where engines and login methods are mounted.
var mounts = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$`)

func (cfg *Config) check() error {
	wrong := func(format string, args ...any) *fault.Error {
		return fault.New(fault.Invalid, "vault.Open", format, args...)
	}
	address, err := url.Parse(cfg.Address)
	switch {
	case err != nil || address.Host == "" || address.Scheme != "https" && address.Scheme != "http":
		return wrong("address must be the URL of Vault, such as https://vault.example.com:8200")
	case address.User != nil || address.RawQuery != "" || strings.Trim(address.Path, "/") != "":
		return wrong("address is a scheme, a host and a port, and nothing else")
	case address.Scheme == "http" && !local(address.Hostname()):
		return wrong("address begins with http, by which everybody on the way would read the secrets").
			Hinting("write https, and ca_file if the certificate is of your own authority")
	case !mounts.MatchString(cfg.Mount):
		return wrong("mount is no path of an engine")
	case cfg.Login == "":
		return wrong("login is missing; write token, approle, kubernetes or jwt")
	case !mounts.MatchString(cfg.AuthMount) && cfg.Login != "token":
		return wrong("auth_mount is no path of a login method")
	}
	return cfg.checkLogin(wrong)
}

// checkLogin checks that what the login takes is given, and nothing else.
func (cfg *Config) checkLogin(wrong func(string, ...any) *fault.Error) error {
	switch cfg.Login {
	case "token":
		if (cfg.Token == nil) == (cfg.TokenFile == "") {
			return wrong("the login by token takes either token or token_file")
		}
	case "approle":
		if cfg.RoleID == "" || (cfg.SecretID == nil) == (cfg.SecretIDFile == "") {
			return wrong("the login by approle takes role_id, and either secret_id or secret_id_file")
		}
	case "kubernetes", "jwt":
		if cfg.Role == "" {
			return wrong("the login by %s takes a role", cfg.Login)
		}
	default:
		return wrong("login must be token, approle, kubernetes or jwt")
	}
	return nil
}

func local(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// client returns one that takes nothing of the environment that would weaken what the
// configuration says: VAULT_SKIP_VERIFY, for one.
func (cfg *Config) client() (*api.Client, error) {
	var roots *x509.CertPool
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fault.New(fault.Invalid, "vault.Open", "the file that ca_file names cannot be read").Because(err)
		}
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fault.New(fault.Invalid, "vault.Open", "the file that ca_file names holds no certificate in PEM")
		}
	}
	client, err := api.NewClient(&api.Config{
		Address: cfg.Address,
		HttpClient: &http.Client{
			Transport:     kept.Transport(roots),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	})
	if err != nil {
		return nil, fault.New(fault.Invalid, "vault.Open", "an environment variable of Vault, such as VAULT_HEADERS, makes no sense").Because(err)
	}
	client.ClearToken() // that of the environment
	client.ClearNamespace()
	if cfg.Namespace != "" {
		client.SetNamespace(cfg.Namespace)
	}
	return client, nil
}
