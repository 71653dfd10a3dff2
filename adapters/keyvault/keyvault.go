// Package keyvault takes secrets from Azure Key Vault, and has it encrypt data keys. Start at
// [Open] and [OpenKeys]; errors.go says what Key Vault's answers mean.
package keyvault

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/portolan-io/portolan/adapters/internal/kept"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
)

// Config says where the vault is. Who asks is found as Azure's libraries find it, by
// DefaultAzureCredential (https://learn.microsoft.com/azure/developer/go/sdk/authentication/credential-chains).
type Config struct {
	// URL is the vault's, such as https://shop.vault.azure.net; required.
	URL string `yaml:"url"`

	// ClientID is that of the user-assigned managed identity, or of the application of a
	// workload identity, to ask as; empty is whoever the surroundings make this process.
	ClientID string `yaml:"client_id"`

	// Credential replaces what is found; nil finds it.
	Credential azcore.TokenCredential `yaml:"-"`

	// Client replaces how the vault is reached in tests; nil is over TLS 1.2 or newer.
	Client *http.Client `yaml:"-"`

	// Failed is told at most once a minute of what is served though it cannot be read.
	Failed func(error) `yaml:"-"`

	// Now replaces the clock in tests; nil is time.Now.
	Now func() time.Time `yaml:"-"`
}

// A Source is a secrets.Source over one vault.
type Source struct {
	*kept.Source
	client *azsecrets.Client
}

var _ secrets.Source = (*Source)(nil)

// Open returns the source, which asks for a token with the first secret. The caller closes
// it.
func Open(_ context.Context, cfg Config) (*Source, error) {
	at, err := url.Parse(cfg.URL)
	if err != nil || at.Scheme != "https" || at.Host == "" || at.User != nil || at.RawQuery != "" || strings.Trim(at.Path, "/") != "" {
		return nil, fault.New(fault.Invalid, "keyvault.Open", "url must be that of the vault, such as https://shop.vault.azure.net")
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{
			Transport:     kept.Transport(nil),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	if cfg.Credential == nil {
		if cfg.Credential, err = credential(cfg.ClientID); err != nil {
			return nil, fault.New(fault.Invalid, "keyvault.Open", "nothing here says who this process is in Azure").Because(err).
				Hinting("give it a managed identity or a workload identity, or run az login")
		}
	}
	client, err := azsecrets.NewClient(cfg.URL, named{cfg.Credential}, &azsecrets.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport: cfg.Client,
		Retry:     policy.RetryOptions{MaxRetries: -1}, // kept repeats
		Telemetry: policy.TelemetryOptions{ApplicationID: "portolan"},
	}})
	if err != nil {
		return nil, fault.New(fault.Invalid, "keyvault.Open", "the vault cannot be asked").Because(err)
	}
	s := &Source{client: client}
	s.Source = kept.New(kept.Config{Op: op, Read: s.read, Failed: cfg.Failed, Now: cfg.Now})
	return s, nil
}

// credential returns the one for an identity with that client id, or what the surroundings
// have. Where Kubernetes federates tokens it is a workload identity, else a managed one.
func credential(clientID string) (azcore.TokenCredential, error) {
	if clientID == "" {
		return azidentity.NewDefaultAzureCredential(nil)
	}
	workload, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{ClientID: clientID})
	if err == nil {
		return workload, nil
	}
	return azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{ID: azidentity.ClientID(clientID)})
}

// What Key Vault allows (https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates).
var (
	names    = regexp.MustCompile(`^[A-Za-z0-9-]{1,127}$`)
	versions = regexp.MustCompile(`^([0-9a-f]{32})?$`)
)

// read returns the secret. Names are the same in Key Vault whatever their capitals.
func (s *Source) read(ctx context.Context, ref secrets.Ref) (value string, err error) {
	switch {
	case !names.MatchString(ref.Name):
		return "", fault.New(fault.Invalid, op, "Key Vault has no secret called %.60q", ref.Name).
			Hinting("its names are letters, digits and dashes: write %.60s", strings.NewReplacer(".", "-", "_", "-", "/", "-").Replace(ref.Name))
	case !versions.MatchString(ref.Version):
		return "", fault.New(fault.NotFound, op, "the versions of Key Vault are 32 hexadecimal digits, which %.60q is not", ref.Version).
			Hinting("leave out the version for the newest one")
	}
	defer func() {
		if recover() != nil { // the client takes the challenge of whatever answers for one of Key Vault
			value, err = "", classify(errNoVault)
		}
	}()
	answer, err := s.client.GetSecret(ctx, strings.ToLower(ref.Name), ref.Version, nil)
	if err != nil {
		return "", classify(err)
	}
	if answer.Value == nil {
		return "", classify(errNoVault)
	}
	return *answer.Value, nil
}
