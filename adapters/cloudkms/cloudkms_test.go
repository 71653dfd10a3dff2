package cloudkms_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"sync"
	"testing"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/portolan-io/portolan/adapters/cloudkms"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/keys"
	"github.com/portolan-io/portolan/ports/keys/keystest"
)

const ring = "projects/shop/locations/europe-west3/keyRings/portolan/cryptoKeys/"

// A fake is Google's own stub of Cloud KMS over keys in memory, with what ails it. Before
// what a key encrypts stands the number of its version.
type fake struct {
	kmspb.UnimplementedKeyManagementServiceServer
	address string

	mu      sync.Mutex
	keys    map[string][]cipher.AEAD // versions, the primary last; nil is one that is destroyed
	err     error                    // answered to everything, if it is not nil
	damaged bool                     // on the way
}

func newFake(t *testing.T) *fake {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{address: listener.Addr().String(), keys: map[string][]cipher.AEAD{}}
	server := grpc.NewServer()
	kmspb.RegisterKeyManagementServiceServer(server, f)
	go func() { _ = server.Serve(listener) }() // until it is stopped
	t.Cleanup(server.Stop)
	f.rotate("one")
	f.rotate("two")
	return f
}

// with changes the fake.
func (f *fake) with(change func(f *fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// rotate gives the key another primary version.
func (f *fake) rotate(name string) {
	block, err := aes.NewCipher([]byte(rand.Text() + rand.Text())[:32])
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	f.with(func(f *fake) { f.keys[ring+name] = append(f.keys[ring+name], aead) })
}

func sum(octets []byte) *wrapperspb.Int64Value {
	return wrapperspb.Int64(int64(crc32.Checksum(octets, crc32.MakeTable(crc32.Castagnoli))))
}

// Encrypt is that of Cloud KMS.
func (f *fake) Encrypt(_ context.Context, r *kmspb.EncryptRequest) (*kmspb.EncryptResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	versions := f.keys[r.GetName()]
	switch {
	case f.err != nil:
		return nil, f.err
	case versions == nil:
		return nil, status.Errorf(codes.NotFound, "CryptoKey %s not found.", r.GetName())
	case r.GetPlaintextCrc32C().GetValue() != sum(r.GetPlaintext()).GetValue():
		return nil, status.Error(codes.InvalidArgument, "the checksum did not match")
	}
	number := len(versions)
	sealed := append([]byte{byte(number)}, versions[number-1].Seal(nil, nil, r.GetPlaintext(), []byte(r.GetName()))...)
	return &kmspb.EncryptResponse{
		Name: fmt.Sprintf("%s/cryptoKeyVersions/%d", r.GetName(), number), Ciphertext: sealed,
		CiphertextCrc32C: sum(sealed), VerifiedPlaintextCrc32C: !f.damaged,
	}, nil
}

// Decrypt is that of Cloud KMS.
func (f *fake) Decrypt(_ context.Context, r *kmspb.DecryptRequest) (*kmspb.DecryptResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	versions, sealed := f.keys[r.GetName()], r.GetCiphertext()
	switch {
	case f.err != nil:
		return nil, f.err
	case versions == nil:
		return nil, status.Errorf(codes.NotFound, "CryptoKey %s not found.", r.GetName())
	case r.GetCiphertextCrc32C().GetValue() != sum(sealed).GetValue(), len(sealed) < 29, int(sealed[0]) < 1, int(sealed[0]) > len(versions):
		return nil, status.Error(codes.InvalidArgument, "Decryption failed: the ciphertext is invalid.")
	case versions[sealed[0]-1] == nil:
		return nil, status.Error(codes.FailedPrecondition, "the version is DESTROYED")
	}
	plain, err := versions[sealed[0]-1].Open(nil, nil, sealed[1:], []byte(r.GetName()))
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "Decryption failed: the ciphertext is invalid.")
	}
	answer := &kmspb.DecryptResponse{Plaintext: plain, PlaintextCrc32C: sum(plain)}
	if f.damaged {
		answer.PlaintextCrc32C = wrapperspb.Int64(1)
	}
	return answer, nil
}

func open(t contract.T, f *fake, key string, previous ...string) keys.Keeper {
	t.Helper()
	cfg := cloudkms.Config{Key: ring + key, Options: []option.ClientOption{
		option.WithEndpoint(f.address), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
	}}
	for _, each := range previous {
		cfg.Previous = append(cfg.Previous, ring+each)
	}
	keeper, err := cloudkms.Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = keeper.Close() })
	return keeper
}

func TestSuite(t *testing.T) {
	keystest.Run(t, func(t *testing.T) keystest.Harness {
		f := newFake(t)
		return keystest.Harness{
			Keeper:  open(t, f, "one"),
			Again:   func(t contract.T) keys.Keeper { return open(t, f, "one") },
			Rotated: func(t contract.T) keys.Keeper { return open(t, f, "two", "one") },
			Without: func(t contract.T) keys.Keeper { return open(t, f, "two") },
			Forbid: func(contract.T) {
				f.with(func(f *fake) { f.err = status.Error(codes.PermissionDenied, "Permission denied") })
			},
			Break: func(contract.T) {
				f.with(func(f *fake) { f.err = status.Error(codes.Unavailable, "try again") })
			},
		}
	})
}

// TestRotate: a key that has another primary version has another name from then on; what an
// older one wrapped is still unwrapped, and is unavailable once that is destroyed.
func TestRotate(t *testing.T) {
	f := newFake(t)
	keeper := open(t, f, "one")
	before, err := keeper.Wrap(t.Context(), []byte("data key"))
	if err != nil {
		t.Fatal(err)
	}
	f.rotate("one")
	after, err := keeper.Wrap(t.Context(), []byte("data key"))
	if err != nil || before.Key != "cloudkms:"+ring+"one/cryptoKeyVersions/1" || after.Key != "cloudkms:"+ring+"one/cryptoKeyVersions/2" {
		t.Errorf("the key is called %s and then %s, %v", before.Key, after.Key, err)
	}
	if got, err := keeper.Unwrap(t.Context(), before); err != nil || string(got) != "data key" {
		t.Errorf("Unwrap of what the older version wrapped = %q, %v", got, err)
	}
	f.with(func(f *fake) { f.keys[ring+"one"][0] = nil })
	if _, err := keeper.Unwrap(t.Context(), before); !errors.Is(err, fault.Unavailable) {
		t.Errorf("Unwrap once the older version is destroyed = %v, want %s", err, fault.Unavailable)
	}
}

// TestDamaged: a data key that is damaged on its way is not used.
func TestDamaged(t *testing.T) {
	f := newFake(t)
	keeper := open(t, f, "one")
	wrapped, err := keeper.Wrap(t.Context(), []byte("data key"))
	if err != nil {
		t.Fatal(err)
	}
	f.with(func(f *fake) { f.damaged = true })
	if _, err := keeper.Wrap(t.Context(), []byte("data key")); !errors.Is(err, fault.Unavailable) {
		t.Errorf("Wrap = %v, want %s", err, fault.Unavailable)
	}
	if _, err := keeper.Unwrap(t.Context(), wrapped); !errors.Is(err, fault.Unavailable) {
		t.Errorf("Unwrap = %v, want %s", err, fault.Unavailable)
	}
}

func TestOpen(t *testing.T) {
	for name, cfg := range map[string]cloudkms.Config{
		"no key":     {},
		"no ring":    {Key: "projects/shop/locations/global/cryptoKeys/one"},
		"a version":  {Key: ring + "one/cryptoKeyVersions/1"},
		"no earlier": {Key: ring + "one", Previous: []string{"one"}},
	} {
		if _, err := cloudkms.Open(t.Context(), cfg); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: Open = %v, want %s", name, err, fault.Invalid)
		}
	}
}
