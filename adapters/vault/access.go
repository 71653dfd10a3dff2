package vault

import (
	"cmp"
	"crypto/x509"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/portolan-io/portolan/adapters/internal/kept"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
)

// Access says where Vault is, and how it knows the server.
type Access struct {
	// Address is the URL of Vault, such as https://vault.example.com:8200; required.
	// Only on this machine, as that of an agent is, may it begin with http.
	Address string `yaml:"address"`

	// Namespace is that of Vault Enterprise or HCP; empty is the root.
	Namespace string `yaml:"namespace"`

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
}

// open returns a session by which an engine is asked.
func (a Access) open(mount string) (*session, error) {
	a.AuthMount = cmp.Or(a.AuthMount, a.Login)
	a.JWTFile = cmp.Or(a.JWTFile, "/var/run/secrets/kubernetes.io/serviceaccount/token")
	if err := a.check(mount); err != nil {
		return nil, err
	}
	client, err := a.client()
	if err != nil {
		return nil, err
	}
	return newSession(a, client), nil
}

// mounts are paths where engines and login methods are mounted.
var mounts = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$`)

func (a *Access) check(mount string) error {
	wrong := func(format string, args ...any) *fault.Error {
		return fault.New(fault.Invalid, "vault.Open", format, args...)
	}
	address, err := url.Parse(a.Address)
	switch {
	case err != nil || address.Host == "" || address.Scheme != "https" && address.Scheme != "http":
		return wrong("address must be the URL of Vault, such as https://vault.example.com:8200")
	case address.User != nil || address.RawQuery != "" || strings.Trim(address.Path, "/") != "":
		return wrong("address is a scheme, a host and a port, and nothing else")
	case address.Scheme == "http" && !local(address.Hostname()):
		return wrong("address begins with http, by which everybody on the way would read the secrets").
			Hinting("write https, and ca_file if the certificate is of your own authority")
	case !mounts.MatchString(mount):
		return wrong("mount is no path of an engine")
	case a.Login == "":
		return wrong("login is missing; write token, approle, kubernetes or jwt")
	case !mounts.MatchString(a.AuthMount) && a.Login != "token":
		return wrong("auth_mount is no path of a login method")
	}
	return a.checkLogin(wrong)
}

// checkLogin checks that what the login takes is given, and nothing else.
func (a *Access) checkLogin(wrong func(string, ...any) *fault.Error) error {
	switch a.Login {
	case "token":
		if (a.Token == nil) == (a.TokenFile == "") {
			return wrong("the login by token takes either token or token_file")
		}
	case "approle":
		if a.RoleID == "" || (a.SecretID == nil) == (a.SecretIDFile == "") {
			return wrong("the login by approle takes role_id, and either secret_id or secret_id_file")
		}
	case "kubernetes", "jwt":
		if a.Role == "" {
			return wrong("the login by %s takes a role", a.Login)
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
func (a *Access) client() (*api.Client, error) {
	var roots *x509.CertPool
	if a.CAFile != "" {
		pem, err := os.ReadFile(a.CAFile)
		if err != nil {
			return nil, fault.New(fault.Invalid, "vault.Open", "the file that ca_file names cannot be read").Because(err)
		}
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fault.New(fault.Invalid, "vault.Open", "the file that ca_file names holds no certificate in PEM")
		}
	}
	client, err := api.NewClient(&api.Config{
		Address: a.Address,
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
	if a.Namespace != "" {
		client.SetNamespace(a.Namespace)
	}
	return client, nil
}
