// Package cloudkms is a keys.Keeper over a key of Google Cloud KMS. Start at [Open].
package cloudkms

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"regexp"
	"strings"
	"sync/atomic"

	kms "cloud.google.com/go/kms/apiv1"
	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/api/option"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/portolan-io/portolan/adapters/internal/kept"
	"github.com/portolan-io/portolan/core/envelope"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/keys"
)

// Config says which key encrypts data keys. Who asks is found as Google's libraries find it,
// by Application Default Credentials
// (https://cloud.google.com/docs/authentication/application-default-credentials).
type Config struct {
	// Key is the name of the key, of the purpose ENCRYPT_DECRYPT, which is there already, as
	// projects/shop/locations/europe-west3/keyRings/portolan/cryptoKeys/fields; required.
	// Its primary version encrypts.
	Key string `yaml:"key" jsonschema:"required"`

	// Previous are the names of keys that were it before. What was encrypted under them can
	// still be read. Older versions of a key need not be named.
	Previous []string `yaml:"previous"`

	// Options are further ones of the client, of tests.
	Options []option.ClientOption `yaml:"-"`
}

// A Keeper is a keys.Keeper over keys of Cloud KMS.
type Keeper struct {
	client *kms.KeyManagementClient
	names  []string // of keys, the newest first
	closed atomic.Bool
}

var _ keys.Keeper = (*Keeper)(nil)

// What names of keys and their versions are
// (https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/create).
var (
	names    = regexp.MustCompile(`^projects/[a-z0-9][a-z0-9.:-]{0,62}/locations/[a-z0-9-]{1,40}/keyRings/[A-Za-z0-9_-]{1,63}/cryptoKeys/[A-Za-z0-9_-]{1,63}$`)
	versions = regexp.MustCompile(`^/cryptoKeyVersions/[1-9][0-9]{0,18}$`)
)

// prefix is what the names of wrapped keys begin with.
const prefix = "cloudkms:"

// Open returns the keeper, which asks with the first data key. The caller closes it.
func Open(ctx context.Context, cfg Config) (*Keeper, error) {
	k := &Keeper{names: append([]string{cfg.Key}, cfg.Previous...)}
	for _, name := range k.names {
		if !names.MatchString(name) {
			return nil, fault.New(fault.Invalid, "cloudkms.Open", "%.100q is no name of a key", name).
				Hinting("write projects/…/locations/…/keyRings/…/cryptoKeys/…, as gcloud kms keys list shows it")
		}
	}
	client, err := kms.NewKeyManagementClient(ctx, cfg.Options...)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fault.New(fault.Unavailable, "cloudkms.Open", "Cloud KMS cannot be asked").Coded("login-refused").Because(err).
			Hinting("set up Application Default Credentials")
	}
	client.CallOptions.Encrypt, client.CallOptions.Decrypt = nil, nil // who needs a key asks again
	k.client = client
	return k, nil
}

// sum is the checksum that Cloud KMS takes and gives.
func sum(octets []byte) *wrapperspb.Int64Value {
	return wrapperspb.Int64(int64(crc32.Checksum(octets, crc32.MakeTable(crc32.Castagnoli))))
}

// Wrap has Cloud KMS encrypt. The version of the key that it took is part of its name, so
// that after a rotation it is another one. A data key that was damaged on its way would open
// nothing ever again, hence the checksums.
func (k *Keeper) Wrap(ctx context.Context, dataKey []byte) (envelope.Wrapped, error) {
	const op = "cloudkms.Wrap"
	if err := ctx.Err(); err != nil {
		return envelope.Wrapped{}, err
	}
	if len(dataKey) == 0 || len(dataKey) > keys.MaxDataKey {
		return envelope.Wrapped{}, fault.New(fault.Invalid, op, "a data key has 1 to %d octets, and not %d", keys.MaxDataKey, len(dataKey))
	}
	var answer *kmspb.EncryptResponse
	err := k.do(ctx, op, func(ctx context.Context) (err error) {
		answer, err = k.client.Encrypt(ctx, &kmspb.EncryptRequest{Name: k.names[0], Plaintext: dataKey, PlaintextCrc32C: sum(dataKey)})
		return err
	})
	if errors.Is(err, fault.Invalid) {
		return envelope.Wrapped{}, fault.New(fault.Unavailable, op, "the key does not encrypt").Because(err).
			Hinting("name a key of the purpose ENCRYPT_DECRYPT")
	}
	if err != nil {
		return envelope.Wrapped{}, err
	}
	version, ours := strings.CutPrefix(answer.GetName(), k.names[0])
	if !ours || !versions.MatchString(version) || !answer.GetVerifiedPlaintextCrc32C() ||
		answer.GetCiphertextCrc32C().GetValue() != sum(answer.GetCiphertext()).GetValue() {
		return envelope.Wrapped{}, damaged(op)
	}
	return envelope.Wrapped{Key: prefix + answer.GetName(), Octets: answer.GetCiphertext()}, nil
}

// Unwrap has Cloud KMS decrypt by the key that the name says; what is wrapped says by which
// version.
func (k *Keeper) Unwrap(ctx context.Context, wrapped envelope.Wrapped) ([]byte, error) {
	const op = "cloudkms.Unwrap"
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	key := ""
	for _, name := range k.names {
		if version, ours := strings.CutPrefix(wrapped.Key, prefix+name); ours && versions.MatchString(version) {
			key = name
		}
	}
	if key == "" {
		return nil, fault.New(fault.NotFound, op, "there is no key called %.300q", wrapped.Key).
			Hinting("name the key under keys.cloudkms.previous")
	}
	if len(wrapped.Octets) == 0 {
		return nil, fault.New(fault.Invalid, op, "what is wrapped is empty")
	}
	var answer *kmspb.DecryptResponse
	err := k.do(ctx, op, func(ctx context.Context) (err error) {
		answer, err = k.client.Decrypt(ctx, &kmspb.DecryptRequest{Name: key, Ciphertext: wrapped.Octets, CiphertextCrc32C: sum(wrapped.Octets)})
		return err
	})
	if err != nil {
		return nil, err
	}
	if answer.GetPlaintextCrc32C().GetValue() != sum(answer.GetPlaintext()).GetValue() {
		return nil, damaged(op)
	}
	return answer.GetPlaintext(), nil
}

func damaged(op string) error {
	return fault.New(fault.Unavailable, op, "Cloud KMS's answer was damaged on its way").Coded("damaged")
}

// A class is what a status of Cloud KMS means.
type class struct {
	kind         fault.Kind
	code         string
	detail, hint string
}

const later = "it is asked again by itself"

// classes are the statuses of Cloud KMS
// (https://cloud.google.com/kms/docs/reference/rpc/google.rpc#google.rpc.Code).
var classes = map[codes.Code]class{
	codes.InvalidArgument:    {fault.Invalid, "refused", "what is wrapped is not what the key wrapped", "the record has to be restored"},
	codes.NotFound:           {fault.Unavailable, "no-key", "Cloud KMS has no such key", "gcloud kms keys list shows what there is"},
	codes.FailedPrecondition: {fault.Unavailable, "no-version", "the version of the key is disabled or destroyed", "enable or restore it"},
	codes.PermissionDenied:   {fault.Forbidden, "not-allowed", "Cloud KMS does not let this server use the key", "grant its service account the role roles/cloudkms.cryptoKeyEncrypterDecrypter"},
	codes.Unauthenticated:    {fault.Unavailable, "login-refused", "Cloud KMS does not accept these credentials", "set up Application Default Credentials, and look whether the clock is right"},
	codes.ResourceExhausted:  {fault.Unavailable, "throttled", "a quota of the project is used up", later},
	codes.DeadlineExceeded:   {fault.Unavailable, "timeout", "Cloud KMS did not answer in time", later},
	codes.Unavailable:        {fault.Unavailable, "unreachable", "Cloud KMS cannot be reached", later},
}

// do asks, for as long as anybody would wait, and gives what fails its kind. The texts of
// answers are not in it: what stands between this server and Cloud KMS might put anything
// there.
func (k *Keeper) do(ctx context.Context, op string, ask func(context.Context) error) error {
	if k.closed.Load() {
		return fault.New(fault.Unavailable, op, "the keeper is closed")
	}
	patient, cancel := context.WithTimeout(ctx, kept.Patience)
	defer cancel()
	err := ask(patient)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	code := status.Convert(err).Code()
	c, known := classes[code]
	if !known {
		c = class{fault.Unavailable, "failed", "Cloud KMS has failed", later}
	}
	return fault.New(c.kind, op, "%s", c.detail).Coded(c.code).Hinting("%s", c.hint).
		Because(fmt.Errorf("Cloud KMS answered %s", code)) //nolint:staticcheck // a name
}

// Close hangs up.
func (k *Keeper) Close() error {
	if !k.closed.Swap(true) {
		_ = k.client.Close() // nothing is lost
	}
	return nil
}
