package bootstrap

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"testing"
)

// TestGuessable: what stands in documentation is taken for no key, and no random key is
// taken for that.
func TestGuessable(t *testing.T) {
	for _, text := range []string{
		"00000000000000000000000000000000", "abcabcabcabcabcabcabcabcabcabcabc", "changeme-changeme-changeme-changeme!",
		"0123456789abcdef0123456789abcdef", "your-256-bit-secret-goes-right-here", "this-is-an-example-of-some-signing-key", "REPLACE_ME_WITH_32_RANDOM_BYTES_OK",
	} {
		if !guessable(text) {
			t.Errorf("%s is taken for a key", text)
		}
	}
	octets := make([]byte, 32)
	for range 2000 {
		if _, err := rand.Read(octets); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{hex.EncodeToString(octets), base64.StdEncoding.EncodeToString(octets), string(octets), rand.Text() + rand.Text()} {
			if guessable(text) {
				t.Errorf("%q is taken for an example", text)
			}
		}
	}
}
