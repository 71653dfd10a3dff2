package keyvault

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"github.com/portolan-io/portolan/adapters/internal/kept"
	"github.com/portolan-io/portolan/core/envelope"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/keys"
)

// KeysConfig says which key of which vault encrypts data keys. Who asks is found as for
// secrets, see Config.
type KeysConfig struct {
	// URL is the vault's, such as https://shop.vault.azure.net; required.
	URL string `yaml:"url"`

	// Key is the name of the key, of type RSA or RSA-HSM, which is there already; required.
	// Its newest version encrypts.
	Key string `yaml:"key"`

	// Previous are the names of keys of the same vault that were it before. What was
	// encrypted under them can still be read. Older versions of a key need not be named.
	Previous []string `yaml:"previous"`

	// ClientID is that of the user-assigned managed identity, or of the application of a
	// workload identity, to ask as; empty is whoever the surroundings make this process.
	ClientID string `yaml:"client_id"`

	// Credential replaces what is found; nil finds it.
	Credential azcore.TokenCredential `yaml:"-"`

	// Client replaces how the vault is reached in tests; nil is over TLS 1.2 or newer.
	Client *http.Client `yaml:"-"`
}

// Keys is a keys.Keeper over one vault.
type Keys struct {
	client *azkeys.Client
	host   string
	names  []string // of keys, the newest first
	closed atomic.Bool
}

var _ keys.Keeper = (*Keys)(nil)

// OpenKeys returns the keeper, which asks for a token with the first data key. The caller
// closes it.
func OpenKeys(_ context.Context, cfg KeysConfig) (*Keys, error) {
	at, err := url.Parse(cfg.URL)
	if err != nil || at.Scheme != "https" || at.Host == "" || at.User != nil || at.RawQuery != "" || strings.Trim(at.Path, "/") != "" {
		return nil, fault.New(fault.Invalid, "keyvault.Open", "url must be that of the vault, such as https://shop.vault.azure.net")
	}
	k := &Keys{host: at.Host}
	for _, name := range append([]string{cfg.Key}, cfg.Previous...) {
		if !names.MatchString(name) {
			return nil, fault.New(fault.Invalid, "keyvault.Open", "Key Vault has no key called %.60q", name).
				Hinting("az keyvault key list shows those that there are")
		}
		k.names = append(k.names, strings.ToLower(name))
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
	k.client, err = azkeys.NewClient(cfg.URL, named{cfg.Credential}, &azkeys.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport: cfg.Client,
		Retry:     policy.RetryOptions{MaxRetries: -1}, // who needs a key asks again
		Telemetry: policy.TelemetryOptions{ApplicationID: "portolan"},
	}})
	if err != nil {
		return nil, fault.New(fault.Invalid, "keyvault.Open", "the vault cannot be asked").Because(err)
	}
	return k, nil
}

// Wrap has Key Vault encrypt. The version of the key that it took is part of its name, so
// that after a rotation in Key Vault it is another one.
func (k *Keys) Wrap(ctx context.Context, dataKey []byte) (envelope.Wrapped, error) {
	const op = "keyvault.Wrap"
	if err := ctx.Err(); err != nil {
		return envelope.Wrapped{}, err
	}
	if len(dataKey) == 0 || len(dataKey) > keys.MaxDataKey {
		return envelope.Wrapped{}, fault.New(fault.Invalid, op, "a data key has 1 to %d octets, and not %d", keys.MaxDataKey, len(dataKey))
	}
	var answer azkeys.WrapKeyResponse
	err := k.do(ctx, op, func(ctx context.Context) (err error) {
		answer, err = k.client.WrapKey(ctx, k.names[0], "", parameters(dataKey), nil)
		return err
	})
	if errors.Is(err, errRefused) {
		return envelope.Wrapped{}, fault.New(fault.Unavailable, op, "the key does not encrypt as RSA-OAEP-256 does").
			Hinting("name a key of type RSA or RSA-HSM with the operations wrapKey and unwrapKey")
	}
	if err != nil {
		return envelope.Wrapped{}, err
	}
	if answer.KID == nil || !keyVersions.MatchString(answer.KID.Version()) || len(answer.Result) == 0 {
		return envelope.Wrapped{}, classify(errNoVault)
	}
	return envelope.Wrapped{Key: "keyvault:" + k.host + "/" + k.names[0] + "/" + answer.KID.Version(), Octets: answer.Result}, nil
}

// keyVersions are those of keys.
var keyVersions = regexp.MustCompile(`^[0-9a-f]{32}$`)

func parameters(value []byte) azkeys.KeyOperationParameters {
	algorithm := azkeys.EncryptionAlgorithmRSAOAEP256
	return azkeys.KeyOperationParameters{Algorithm: &algorithm, Value: value}
}

// Unwrap has Key Vault decrypt by the version of the key that the name says.
func (k *Keys) Unwrap(ctx context.Context, wrapped envelope.Wrapped) ([]byte, error) {
	const op = "keyvault.Unwrap"
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, ours := strings.CutPrefix(wrapped.Key, "keyvault:"+k.host+"/")
	name, version, _ := strings.Cut(path, "/")
	if !ours || !slices.Contains(k.names, name) || !keyVersions.MatchString(version) {
		return nil, fault.New(fault.NotFound, op, "there is no key called %.200q", wrapped.Key).
			Hinting("name the key under keys.keyvault.previous, if it is of the same vault")
	}
	if len(wrapped.Octets) == 0 {
		return nil, notWrapped(op)
	}
	var answer azkeys.UnwrapKeyResponse
	err := k.do(ctx, op, func(ctx context.Context) (err error) {
		answer, err = k.client.UnwrapKey(ctx, name, version, parameters(wrapped.Octets), nil)
		return err
	})
	switch {
	case errors.Is(err, errRefused):
		return nil, notWrapped(op)
	case err != nil:
		return nil, err
	case len(answer.Result) == 0:
		return nil, classify(errNoVault)
	}
	return answer.Result, nil
}

func notWrapped(op string) error {
	return fault.New(fault.Invalid, op, "what is wrapped is not what the key wrapped")
}

// errRefused is Key Vault's answer 400.
var errRefused = errors.New("Key Vault answered 400") //nolint:staticcheck // a name

// do asks, for as long as anybody would wait, and gives what fails its kind.
func (k *Keys) do(ctx context.Context, op string, ask func(context.Context) error) (err error) {
	if k.closed.Load() {
		return fault.New(fault.Unavailable, op, "the keeper is closed")
	}
	patient, cancel := context.WithTimeout(ctx, kept.Patience)
	defer cancel()
	defer func() {
		if recover() != nil { // the client takes the challenge of whatever answers for one of Key Vault
			err = classify(errNoVault)
		}
	}()
	err = ask(patient)
	var answered *azcore.ResponseError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case patient.Err() != nil:
		return fault.New(fault.Unavailable, op, "Key Vault does not answer").Coded("unreachable")
	case !errors.As(err, &answered):
		return classify(err)
	}
	switch answered.StatusCode {
	case http.StatusBadRequest:
		return errRefused
	case http.StatusForbidden:
		return fault.New(fault.Forbidden, op, "Key Vault does not let this server use the key, or the key is disabled").Coded("not-allowed").
			Hinting("give its identity the role Key Vault Crypto Service Encryption User, and let the vault's firewall know its network")
	case http.StatusNotFound:
		return fault.New(fault.Unavailable, op, "Key Vault has no such key, or it was deleted").Coded("no-key").
			Hinting("az keyvault key list shows what there is; az keyvault key recover has a deleted one back")
	}
	return ofStatus(answered)
}

// Close has the keeper used no more.
func (k *Keys) Close() error {
	k.closed.Store(true)
	return nil
}
