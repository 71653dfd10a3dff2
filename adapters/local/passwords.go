package local

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/auth"
)

// A Cost is how dear it is to hash a password with argon2id (RFC 9106). The defaults
// are the least that OWASP's Password Storage Cheat Sheet advises.
type Cost struct {
	Memory int `yaml:"memory_kib"` // KiB for one password; 0 is 19456, which is also the least; 1048576 is the most
	Passes int `yaml:"passes"`     // over the memory; 0 is 2, which is also the least; 16 is the most
	AtOnce int `yaml:"at_once"`    // passwords that are hashed at once; 0 is two for each core
}

// What a cost may be.
const (
	leastMemory, mostMemory = 19456, 1 << 20
	leastPasses, mostPasses = 2, 16
	mostLanes               = 16 // of a hash that another program made; ours have one
	saltBytes, hashBytes    = 16, 32
)

// hashWait is how long a password waits for its turn. More than that at each of the
// places is more than a login should take.
const hashWait = 2 * time.Second

// complete puts in what is not given, and returns an error if what is given is wrong.
func (c *Cost) complete() error {
	if c.Memory == 0 {
		c.Memory = leastMemory
	}
	if c.Passes == 0 {
		c.Passes = leastPasses
	}
	if c.AtOnce == 0 {
		c.AtOnce = 2 * runtime.GOMAXPROCS(0)
	}
	switch {
	case c.Memory < leastMemory || c.Memory > mostMemory:
		return fault.New(fault.Invalid, "local.Open", "passwords.memory_kib is %d, but must be between %d and %d", c.Memory, leastMemory, mostMemory)
	case c.Passes < leastPasses || c.Passes > mostPasses:
		return fault.New(fault.Invalid, "local.Open", "passwords.passes is %d, but must be between %d and %d", c.Passes, leastPasses, mostPasses)
	case c.AtOnce < 1:
		return fault.New(fault.Invalid, "local.Open", "passwords.at_once is %d, but must be 1 or more", c.AtOnce)
	}
	return nil
}

// Hash returns the argon2id hash of the password as a PHC string.
func (a *Authenticator) Hash(ctx context.Context, password string) (string, error) {
	if len(password) > auth.MaxPassword {
		return "", fault.New(fault.TooLarge, "local.Hash", "the password has more than %d octets", auth.MaxPassword)
	}
	end, err := a.begin(ctx, "local.Hash")
	if err != nil {
		return "", err
	}
	defer end()
	made := phc{memory: a.cfg.Passwords.Memory, passes: a.cfg.Passwords.Passes, lanes: 1, salt: make([]byte, saltBytes)}
	rand.Read(made.salt)
	made.sum = made.of(password)
	return made.String(), nil
}

// Verify reports whether the hash is of the password, and whether it was made with
// less memory or fewer passes than today's.
func (a *Authenticator) Verify(ctx context.Context, hash, password string) (matches, stale bool, err error) {
	end, err := a.begin(ctx, "local.Verify")
	if err != nil {
		return false, false, err
	}
	defer end()
	made, ok := parsePHC(hash)
	if !ok || len(password) > auth.MaxPassword {
		return false, false, nil
	}
	if subtle.ConstantTimeCompare(made.sum, made.of(password)) != 1 {
		return false, false, nil
	}
	today := a.cfg.Passwords
	return true, made.memory < today.Memory || made.passes < today.Passes, nil
}

// begin waits for a place to hash in, for hashWait at most, and returns what gives it
// back. Each takes as much memory as one hash.
func (a *Authenticator) begin(ctx context.Context, op string) (end func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	end = func() { <-a.places }
	select {
	case a.places <- struct{}{}:
		return end, nil
	default:
	}
	timer := time.NewTimer(a.wait)
	defer timer.Stop()
	select {
	case a.places <- struct{}{}:
		return end, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, fault.New(fault.Unavailable, op, "too many passwords are being checked at this moment").
			Coded(auth.CodeTooManyLogins).Hinting("try again in a few seconds")
	}
}

// A phc is a hash with how it was made, written as PHC strings are:
// $argon2id$v=19$m=19456,t=2,p=1$salt$hash.
type phc struct {
	memory, passes, lanes int
	salt, sum             []byte
}

// of returns the hash of the password. A letter with an accent is the same whether it
// was typed as one character or two (NFKC, as NIST SP 800-63B asks).
func (h phc) of(password string) []byte {
	return argon2.IDKey([]byte(norm.NFKC.String(password)), h.salt, uint32(h.passes), uint32(h.memory), uint8(h.lanes), hashBytes)
}

func (h phc) String() string {
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.passes, h.lanes, encode(h.salt), encode(h.sum))
}

// parsePHC reads a hash. One that would take more memory or time than a configuration
// can ask for is none: whoever could write it into the store could stop the server.
func parsePHC(text string) (phc, bool) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 {
		return phc{}, false
	}
	var h phc
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.lanes); err != nil {
		return phc{}, false
	}
	if h.memory < 8 || h.memory > mostMemory || h.passes < 1 || h.passes > mostPasses || h.lanes < 1 || h.lanes > mostLanes {
		return phc{}, false
	}
	var failed [2]error
	h.salt, failed[0] = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	h.sum, failed[1] = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if failed[0] != nil || failed[1] != nil || len(h.salt) < 8 || len(h.sum) != hashBytes {
		return phc{}, false
	}
	return h, h.String() == text // there is one way to write each
}
