package vault

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/portolan-io/portolan/core/fault"
)

// refused says why Vault refused to decrypt: it answers 400 alike to what it did not encrypt, to a
// version that it may not use any more, and where it has no key. What it says of the key tells them
// apart; where the policy does not let it say, whether it still encrypts and decrypts by that version
// does, or shows at least what is damaged. In doubt nothing is: who is told that a value is damaged writes over it.
func (t *Transit) refused(ctx context.Context, op, name, version string) error {
	number, _ := strconv.Atoi(version[1:])
	ring, err := t.ring(ctx, op, name)
	switch {
	case errors.Is(err, fault.Forbidden):
		return t.probe(ctx, op, name, number)
	case err != nil:
		return err
	case number < ring.oldest:
		return fault.New(fault.Unavailable, op, "Vault has trimmed the version %d of the key %s", number, name).Coded("version-gone").
			Hinting("put a backup of the key back that has it")
	case number < ring.least:
		return fault.New(fault.Unavailable, op, "Vault does not use the version %d of the key %s, since its min_decryption_version is %d", number, name, ring.least).Coded("version-not-allowed").
			Hinting("vault write %s/keys/%s/config min_decryption_version=%d has it do so until all is encrypted under a newer one", t.mount, name, number)
	case number > ring.latest:
		return fault.New(fault.Unavailable, op, "Vault has no version %d of the key %s, whose latest is %d", number, name, ring.latest).Coded("version-gone").
			Hinting("put a backup of the key back that has it")
	}
	return damaged(op)
}

func damaged(op string) error {
	return fault.New(fault.Invalid, op, "what is wrapped is not what the key wrapped")
}

// A ring is what Vault says of the versions of a key.
type ring struct{ oldest, least, latest int }

// ring asks Vault about a key.
func (t *Transit) ring(ctx context.Context, op, name string) (ring, error) {
	about, err := t.ask(ctx, op, "keys/"+name, nil)
	if err != nil {
		return ring{}, err
	}
	if about == nil {
		return ring{}, fault.New(fault.Unavailable, op, "Vault has no key %s in %s any more", name, t.mount).Coded("no-key").
			Hinting("put a backup of the key back")
	}
	number := func(name string) int {
		text, _ := about[name].(json.Number)
		n, _ := text.Int64()
		return int(n)
	}
	known := ring{number("min_available_version"), number("min_decryption_version"), number("latest_version")}
	if known.latest == 0 {
		return ring{}, notTransit(op)
	}
	return known, nil
}

// probe says why by what Vault encrypts and decrypts by the version.
func (t *Transit) probe(ctx context.Context, op, name string, number int) error {
	text, err := t.do(ctx, op, "encrypt/"+name, map[string]any{"plaintext": base64.StdEncoding.EncodeToString(make([]byte, 16)), "key_version": number}, "ciphertext")
	if err == nil {
		_, err = t.do(ctx, op, "decrypt/"+name, map[string]any{"ciphertext": text}, "plaintext")
	}
	switch {
	case err == nil:
		return damaged(op)
	case errors.Is(err, errRefused), errors.Is(err, fault.Forbidden):
		return fault.New(fault.Unavailable, op, "Vault does not decrypt by the version %d of the key %s: it is below min_decryption_version, or gone, or the value is damaged", number, name).
			Coded("version-not-allowed").
			Hinting("vault read %s/keys/%s shows its versions; with the capability read of that path in its policy the server tells these apart", t.mount, name)
	}
	return err
}
