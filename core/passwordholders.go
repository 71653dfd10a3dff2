package core

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"sync"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
)

// maxBasic is how many passwords are remembered as right.
const maxBasic = 4096

// A basicMemory remembers for a minute which passwords were right, because those who
// send one with every request would have it hashed for each. They are known by an HMAC
// under a key that lives as long as the process and is kept nowhere else; and of what
// the account is now they say nothing.
type basicMemory struct {
	key []byte

	mu    sync.Mutex
	known map[[sha256.Size]byte]rightPassword
}

// A rightPassword is whose a password was, in which generation of the account.
type rightPassword struct {
	account    string
	generation int64
	until      time.Time
}

func newBasicMemory() *basicMemory {
	m := &basicMemory{key: make([]byte, sha256.Size), known: make(map[[sha256.Size]byte]rightPassword)}
	rand.Read(m.key) // never fails
	return m
}

func (m *basicMemory) print(token string) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, m.key)
	h.Write([]byte(token))
	h.Sum(sum[:0])
	return sum
}

func (m *basicMemory) find(token string, now time.Time) (rightPassword, bool) {
	print := m.print(token)
	m.mu.Lock()
	defer m.mu.Unlock()
	right, ok := m.known[print]
	return right, ok && now.Before(right.until)
}

func (m *basicMemory) keep(token string, right rightPassword) {
	print := m.print(token)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.known) >= maxBasic {
		clear(m.known)
	}
	m.known[print] = right
}

// passwordHolder returns whose e-mail address and password a credential has.
func (a *Accounts) passwordHolder(ctx context.Context, credential auth.Credential) (policy.Principal, error) {
	now := a.now()
	if right, ok := a.basic.find(credential.Token, now); ok {
		of, err := a.keptAccount(ctx, right.account)
		if err != nil {
			return policy.Principal{}, err
		}
		if of != nil && of.generation == right.generation && !of.Disabled {
			return a.principal(of, ""), nil
		}
	}
	email, secret, ok := strings.Cut(credential.Token, ":")
	if !ok {
		return policy.Principal{}, fault.New(fault.Unauthenticated, "core.Identify", "the credential has no password").Coded("bad-credential")
	}
	of, err := a.checked(ctx, policy.Principal{Address: credential.From}, email, secret)
	if err != nil {
		return policy.Principal{}, err
	}
	a.basic.keep(credential.Token, rightPassword{of.ID, of.generation, now.Add(verifiedFor)})
	return a.principal(of, ""), nil
}
