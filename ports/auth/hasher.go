package auth

import "context"

// A Hasher turns passwords into what may be stored.
//
// A Hasher is safe for concurrent use. Every error it returns has a fault.Kind,
// except that a done context's error is returned as it is. No error holds any part
// of a password or of a hash.
type Hasher interface {
	// Hash returns a hash of the password, of at most MaxHash octets.
	//
	// Two hashes of one password are not the same. A hash begins with a name of how it
	// was made, and has everything that Verify needs but the password. Every octet of
	// the password counts, up to MaxPassword; a longer one is fault.TooLarge. Hash
	// returns fault.Unavailable with the code too-many-logins if there is too much to
	// do now, and so does Verify.
	Hash(ctx context.Context, password string) (string, error)

	// Verify reports whether the hash is of the password.
	//
	// Stale says that the hash matches, but that Hash would make a stronger one today.
	// A hash that the Hasher cannot read matches nothing, and is no error. A password
	// that is longer than MaxPassword matches nothing either.
	Verify(ctx context.Context, hash, password string) (matches, stale bool, err error)
}

const (
	// MaxPassword is the most octets of a password that is hashed.
	MaxPassword = 1024
	// MaxHash is the most octets of a hash.
	MaxHash = 255
	// CodeTooManyLogins is the code of a password that nobody has time to hash.
	CodeTooManyLogins = "too-many-logins"
)
