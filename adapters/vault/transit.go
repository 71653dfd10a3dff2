package vault

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/portolan-io/portolan/adapters/internal/kept"
	"github.com/portolan-io/portolan/core/envelope"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/keys"
)

// TransitConfig says which key of a transit engine encrypts data keys, and how Vault is reached and
// knows the server.
type TransitConfig struct {
	Access

	// Key is the name of the key, which is there already; required.
	Key string `yaml:"key"`

	// Previous are the names of keys of the same engine that were it before. What was
	// encrypted under them can still be read. Older versions of a key need not be named.
	Previous []string `yaml:"previous"`

	// Mount is where the transit engine is; empty is transit.
	Mount string `yaml:"mount"`
}

// A Transit is a keys.Keeper over one transit engine.
type Transit struct {
	session *session
	mount   string
	keys    []string // the newest first
	closed  atomic.Bool
}

var _ keys.Keeper = (*Transit)(nil)

// OpenTransit returns the keeper, which logs in with the first data key. The caller closes
// it.
func OpenTransit(_ context.Context, cfg TransitConfig) (*Transit, error) {
	cfg.Mount = cmp.Or(cfg.Mount, "transit")
	all := append([]string{cfg.Key}, cfg.Previous...)
	for _, name := range all {
		if !keyNames.MatchString(name) {
			return nil, fault.New(fault.Invalid, "vault.Open", "%.60q is no name of a key", name).
				Hinting("vault list %s/keys lists those that there are", cfg.Mount)
		}
	}
	session, err := cfg.open(cfg.Mount)
	if err != nil {
		return nil, err
	}
	return &Transit{session: session, mount: cfg.Mount, keys: all}, nil
}

// keyNames are names of keys of a transit engine.
var keyNames = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)

// Wrap has Vault encrypt. The version of the key that Vault took is part of its name, so
// that after a rotation in Vault it is another one.
func (t *Transit) Wrap(ctx context.Context, dataKey []byte) (envelope.Wrapped, error) {
	const op = "vault.Wrap"
	if err := ctx.Err(); err != nil {
		return envelope.Wrapped{}, err
	}
	if len(dataKey) == 0 || len(dataKey) > keys.MaxDataKey {
		return envelope.Wrapped{}, fault.New(fault.Invalid, op, "a data key has 1 to %d octets, and not %d", keys.MaxDataKey, len(dataKey))
	}
	text, err := t.do(ctx, op, "encrypt/"+t.keys[0], map[string]any{"plaintext": base64.StdEncoding.EncodeToString(dataKey)}, "ciphertext")
	if errors.Is(err, errRefused) {
		return envelope.Wrapped{}, fault.New(fault.Unavailable, op, "Vault has no key %s in %s, or one that does not encrypt", t.keys[0], t.mount).
			Hinting("vault write -f %s/keys/%s makes it", t.mount, t.keys[0])
	}
	if err != nil {
		return envelope.Wrapped{}, err
	}
	parts := strings.Split(text, ":")
	if len(parts) == 3 && parts[0] == "vault" && versions.MatchString(parts[1]) {
		if octets, err := base64.StdEncoding.DecodeString(parts[2]); err == nil {
			return envelope.Wrapped{Key: "transit:" + t.mount + "/" + t.keys[0] + ":" + parts[1], Octets: octets}, nil
		}
	}
	return envelope.Wrapped{}, notTransit(op)
}

// versions are those of keys, as they stand in what Vault encrypted.
var versions = regexp.MustCompile(`^v[1-9][0-9]{0,9}$`)

// Unwrap has Vault decrypt by the key that the name says.
func (t *Transit) Unwrap(ctx context.Context, wrapped envelope.Wrapped) ([]byte, error) {
	const op = "vault.Unwrap"
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, _ := strings.CutPrefix(wrapped.Key, "transit:"+t.mount+"/")
	name, version, _ := strings.Cut(path, ":")
	if path == wrapped.Key || !slices.Contains(t.keys, name) || !versions.MatchString(version) {
		return nil, fault.New(fault.NotFound, op, "there is no key called %.100q", wrapped.Key).
			Hinting("name the key under keys.transit.previous, if it is of the same engine")
	}
	sealed := "vault:" + version + ":" + base64.StdEncoding.EncodeToString(wrapped.Octets)
	text, err := t.do(ctx, op, "decrypt/"+name, map[string]any{"ciphertext": sealed}, "plaintext")
	if errors.Is(err, errRefused) {
		return nil, t.refused(ctx, op, name, version)
	}
	if err != nil {
		return nil, err
	}
	dataKey, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, notTransit(op)
	}
	return dataKey, nil
}

// errRefused is Vault's answer 400.
var errRefused = errors.New("Vault answered 400") //nolint:staticcheck // a name

// do sends a body to a path of the engine, and returns one value of the answer.
func (t *Transit) do(ctx context.Context, op, path string, body map[string]any, wanted string) (string, error) {
	answer, err := t.ask(ctx, op, path, body)
	if err != nil {
		return "", err
	}
	if text, ok := answer[wanted].(string); ok {
		return text, nil
	}
	return "", notTransit(op)
}

// ask sends a body to a path of the engine, or reads it if there is none, and returns the data of
// the answer, nil if it is that nothing is there.
func (t *Transit) ask(ctx context.Context, op, path string, body map[string]any) (map[string]any, error) {
	if t.closed.Load() {
		return nil, fault.New(fault.Unavailable, op, "the keeper is closed")
	}
	patient, cancel := context.WithTimeout(ctx, kept.Patience)
	defer cancel()
	answer, err := t.session.send(patient, t.mount+"/"+path, nil, body, func(header http.Header, err error) error {
		switch statusOf(err) {
		case http.StatusBadRequest:
			return errRefused
		case http.StatusForbidden:
			return fault.New(fault.Forbidden, op, "Vault does not let this server use the key").Coded("not-allowed").
				Hinting("give its policy the capability update of %s/encrypt/<key> and %s/decrypt/<key>", t.mount, t.mount)
		case http.StatusNotFound:
			return fault.New(fault.Unavailable, op, "Vault has no transit engine at %s", t.mount).Hinting("look at mount")
		}
		return classify(op, header, err)
	})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return nil, fault.New(fault.Unavailable, op, "Vault does not answer").Coded("unreachable")
	case err != nil || answer == nil:
		return nil, err
	}
	return answer.Data, nil
}

func notTransit(op string) error {
	return fault.New(fault.Unavailable, op, "Vault's answer is not that of a transit engine").Hinting("look at mount")
}

// Close ends the session. The token stays valid until it ends.
func (t *Transit) Close() error {
	if !t.closed.Swap(true) {
		t.session.end()
	}
	return nil
}
